import type { Grant } from "./limiter.ts";
import { MAX_REST_MS, MAX_TURN_MS } from "./rests.ts";

/** Without a turn the next part is asked for when so much of a lease's time has passed: meanwhile others ask. */
const REST = 0.8;
/** A part is at most so many times the one before, */
const GROWTH = 4;
/** and less than what is used in its time on average by so many times its usual deviation: what is left over is lost. */
const SPARED = 1.2;
/** What is known of its pace is mostly older than that at first, and mostly newer than that later. */
const DOUBT_MS = 50;
const SETTLES_MS = 1_000;
/** It is looked at this often, by requests and by what is asked for. */
const LOOKS_MS = 200;
/** What has not come by then is not waited for. */
const PENDING_MS = 500;

/**
 * What an isolate took of one counter in advance. The limiter wrote it down before it handed it out; what is not used in time is lost.
 * It grows while it is used up soon, and shrinks to what was used of it.
 */
export class Lease {
  readonly #ms: number;
  readonly #most: number;
  #left = 0;
  #size = 0;
  /** Epoch ms, as all of these: when it was asked for, by which its time is counted; */
  #askedAt = 0;
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

  /** @param ms that it may be used @param most that can be used in that time */
  constructor(ms: number, most: number, now: number) {
    this.#seenAt = now;
    this.#ms = ms;
    this.#most = most;
  }

  /** How much is here to be used now. */
  left(now: number): number {
    return now < this.#askedAt + this.#ms && now >= this.#askedAt ? this.#left : 0;
  }

  use(cost: number): void {
    this.#left -= cost;
  }

  giveBack(cost: number): void {
    this.#left = Math.min(this.#size, this.#left + cost);
  }

  /** Milliseconds until there is room; 0: ask now. */
  rest(cost: number, now: number): number {
    // A clock that went back begins anew: by the times from before it would rest for as long as that went back.
    if (now < this.#seenAt) [this.#seenAt, this.#left, this.#restUntil, this.#pendingUntil] = [now, 0, 0, 0];
    return cost >= this.#restCost && now < this.#restUntil ? Math.max(1, this.#freeAt - now) : 0;
  }

  /** It was asked for by a request, whatever comes of that. */
  saw(cost: number, now: number): void {
    if (now - this.#seenAt >= LOOKS_MS) this.#measure(now);
    this.#asked += cost;
  }

  /** How much to ask for. */
  want(cost: number, now: number): number {
    if (now < this.#pendingUntil) return cost;
    this.#pendingUntil = now + PENDING_MS;
    this.#measure(now);
    const expected = this.#pace * this.#ms;
    const used = 1 + Math.max(0, Math.floor(expected - SPARED * Math.sqrt(expected)));
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
   * @param wanted and asked for @param askedAt before the limiter was called, so that no time of the way is counted twice
   * @param restMs until it is its turn; undefined: nobody says
   */
  granted(amount: number, wanted: number, askedAt: number, restMs: number | undefined): void {
    this.#pendingUntil = 0;
    // Two that were asked for at once are one, whose time is that of the older.
    const isAlive = this.#left > 0 && askedAt < this.#askedAt + this.#ms;
    this.#left = isAlive ? this.#left + amount : amount;
    this.#size = isAlive ? this.#size + amount : amount;
    this.#askedAt = isAlive ? Math.min(this.#askedAt, askedAt) : askedAt;
    const rest = restMs ?? (amount < wanted ? Math.floor(this.#ms * REST) : 0);
    if (rest > 0) this.#restFor(0, askedAt + rest, askedAt + MAX_TURN_MS);
  }

  /** What there is never room for says nothing of others, nor does a dear one of cheaper ones. */
  refused(cost: number, { retryAfterMs, restMs }: Pick<Grant, "retryAfterMs" | "restMs">, askedAt: number): void {
    this.#pendingUntil = 0;
    if (retryAfterMs === Infinity || (askedAt < this.#restUntil && this.#restCost < cost)) return;
    const rest = restMs ?? Math.floor(this.#ms * REST);
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
