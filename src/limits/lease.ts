import type { Ask, Grant } from "./limiter.ts";
import { MAX_REST_MS, MAX_TURN_MS } from "./rests.ts";
import { fadingMs } from "./term.ts";

/** Without a turn the next part is asked for when so much of a lease's time has passed: meanwhile others ask. */
const REST = 0.8;
/** A part is at most so many times the one before, */
const GROWTH = 4;
/** and less than what is used in its time on average by so many times its usual deviation: what is left over is lost. Not less where so much of what may be taken at once is left: nobody lacks it. */
const SPARED = 1.2;
const AMPLE = 1 / 3;
/** So long parts are smaller where there was less than was asked for: where isolates take turns, and some had larger ones, there would be times at which nobody comes. */
const SCARCE_MS = 2_000;
/** What is known of its pace is mostly older than that at first, and mostly newer than that later. */
const DOUBT_MS = 50;
const SETTLES_MS = 1_000;
/** It is looked at this often, by requests and by what is asked for. */
const LOOKS_MS = 200;
/** What has not come by then is not waited for. */
const PENDING_MS = 500;
/** Parts that are kept: that which is used, and what requests that cost more than is left of it bring besides. */
const MAX_PARTS = 3;

/** What was taken at once: all of it may be used until it fades, from then on as much of it as of its time. Times are epoch ms. */
export interface Part {
  left: number;
  readonly size: number;
  readonly fadesAt: number;
  readonly endsAt: number;
}

/**
 * What an isolate took of one counter in advance. The limiter wrote it down before it handed it out; what is not used in time is lost.
 * Parts grow while they are used up soon, and shrink to what was used of them.
 */
export class Lease {
  readonly #ms: number;
  readonly #most: number;
  /** The oldest first. */
  #parts: Part[] = [];
  /** Epoch ms, as all of these: when they were looked at; */
  #lookedAt = 0;
  /** whether the last one fades, whether there was less than was asked for, or much more, and how much is asked for as the next. */
  #fades = false;
  #isScarce = false;
  #isAmple = false;
  #scarceAt = 0;
  #want = 1;
  /** What requests asked for since then, and how much that is a ms on average. */
  #asked = 0;
  #seenAt: number;
  #pace = 0;
  #knownMs = DOUBT_MS;
  /** who costs so much does not ask before that: it would be refused, */
  #restCost = 0;
  #restUntil = 0;
  /** since there is room then. */
  #freeAt = 0;
  /** A larger part is under way; meanwhile each asks for itself. */
  #pendingUntil = 0;

  /** @param ms that parts may be used that do not fade @param most that can be used in that time */
  constructor(ms: number, most: number, now: number) {
    this.#seenAt = now;
    this.#ms = ms;
    this.#most = most;
  }

  /** Not all get what they ask for. */
  get isScarce(): boolean {
    return this.#isScarce;
  }

  /** How much is here to be used now: what has faded has. */
  left(now: number): number {
    // By a clock that went back it would come again.
    if (now < this.#lookedAt) this.#parts = [];
    this.#lookedAt = now;
    let sum = 0;
    for (const part of this.#parts) {
      if (now >= part.fadesAt) part.left = Math.min(part.left, unfaded(part, now));
      sum += part.left;
    }
    return sum;
  }

  /** No more than is left. @returns of what it is; null: of several, and it cannot be given back */
  use(cost: number): Part | null {
    let due = cost;
    for (const part of this.#parts) {
      const used = Math.min(due, part.left);
      part.left -= used;
      if (used === cost) return part;
      due -= used;
    }
    return null;
  }

  /** Milliseconds until there is room; 0: ask now. */
  rest(cost: number, now: number): number {
    // A clock that went back begins anew: by the times from before it would rest for as long as that went back.
    if (now < this.#seenAt) [this.#seenAt, this.#restUntil, this.#pendingUntil, this.#scarceAt] = [now, 0, 0, 0];
    return cost >= this.#restCost && now < this.#restUntil ? Math.max(1, this.#freeAt - now) : 0;
  }

  /** It was asked for by a request, whatever comes of that. */
  saw(cost: number, now: number): void {
    if (now - this.#seenAt >= LOOKS_MS) this.#measure(now);
    this.#asked += cost;
  }

  /** How much to ask for. @param fadesMs in which it may fade; undefined: it does not */
  want(cost: number, fadesMs: number | undefined, now: number): number {
    if (now < this.#pendingUntil) return cost;
    this.#pendingUntil = now + PENDING_MS;
    this.#measure(now);
    const expected = this.#pace * (this.#fades && !this.#isScarce ? (fadesMs ?? this.#ms) : this.#ms);
    const spared = this.#isAmple ? 0 : SPARED * Math.sqrt(expected);
    const used = 1 + Math.max(0, Math.floor(expected - spared));
    this.#want = Math.max(1, Math.min(this.#most, this.#want * GROWTH, used));
    return Math.max(cost, this.#want);
  }

  /** The longer it was looked at, the more it says; of a flood that has ended what is known says nothing. */
  #measure(now: number): void {
    const ms = now - this.#seenAt;
    if (ms > 0) {
      const expected = this.#pace * ms;
      if (this.#asked < expected / 2 - 2 * Math.sqrt(expected)) this.#knownMs = 0;
      this.#pace += ((this.#asked / ms - this.#pace) * ms) / (this.#knownMs + ms);
      this.#knownMs = Math.min(SETTLES_MS, this.#knownMs + ms);
    }
    this.#asked = 0;
    this.#seenAt = now;
  }

  /**
   * @param ask of which a request uses its cost @param most that may be taken at once
   * @param askedAt before the limiter was called, so that no time of the way is counted twice
   */
  granted({ cost, want }: Pick<Ask, "cost" | "want">, grant: Grant, most: number, askedAt: number): void {
    const { amount, left, restMs, fadesMs } = grant;
    this.#pendingUntil = 0;
    this.#fades = fadesMs !== undefined;
    if (restMs !== undefined || amount < want) this.#scarceAt = askedAt;
    this.#isScarce = askedAt - this.#scarceAt < SCARCE_MS;
    this.#isAmple = this.#fades && !this.#isScarce && left >= AMPLE * most;
    const endsAt = askedAt + (fadesMs ?? this.#ms);
    const fadesAt = fadesMs === undefined ? endsAt : endsAt - fadingMs(fadesMs);
    if (amount > cost) {
      const others = this.#parts.filter((part) => part.left > 0).slice(1 - MAX_PARTS);
      this.#parts = [...others, { left: amount - cost, size: amount, fadesAt, endsAt }];
    }
    const rest = restMs ?? (amount < want ? Math.floor(this.#ms * REST) : 0);
    if (rest > 0) this.#restFor(0, askedAt + rest, askedAt + MAX_TURN_MS);
  }

  /** What there is never room for says nothing of others, nor does a dear one of cheaper ones. */
  refused(cost: number, { retryAfterMs, restMs }: Pick<Grant, "retryAfterMs" | "restMs">, askedAt: number): void {
    this.#pendingUntil = 0;
    if (retryAfterMs === Infinity || (askedAt < this.#restUntil && this.#restCost < cost)) return;
    const rest = restMs ?? Math.floor(this.#ms * REST);
    [this.#isScarce, this.#isAmple] = [true, false];
    this.#scarceAt = askedAt;
    this.#restFor(
      cost,
      askedAt + Math.max(retryAfterMs, rest),
      askedAt + Math.max(MAX_REST_MS, Math.min(restMs ?? 0, MAX_TURN_MS)),
    );
  }

  #restFor(cost: number, until: number, most: number): void {
    this.#restCost = cost;
    this.#freeAt = until;
    this.#restUntil = Math.min(until, most);
  }
}

export function giveBack(part: Part, cost: number): void {
  part.left = Math.min(part.size, part.left + cost);
}

function unfaded({ size, fadesAt, endsAt }: Part, now: number): number {
  return now < endsAt ? Math.floor((size * (endsAt - now)) / (endsAt - fadesAt)) : 0;
}
