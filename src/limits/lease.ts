/** After a lease that was smaller than asked for, the next one is asked for when so much of its time has passed: meanwhile others ask. */
const REST = 0.8;
/** What has not come by then is not waited for. */
const PENDING_MS = 500;
/** Nobody is refused longer without the limiter being asked: somebody may have taken the count back to zero. */
export const MAX_REST_MS = 1_000;

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
  /** who costs so much does not ask before that: it would be refused, */
  #restCost = 0;
  #restUntil = 0;
  /** since there is room then. */
  #freeAt = 0;
  /** A larger part is under way; meanwhile each asks for itself. */
  #pendingUntil = 0;

  /** @param ms that it may be used @param most that can be used in that time */
  constructor(ms: number, most: number) {
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
    return cost >= this.#restCost && now < this.#restUntil ? Math.max(1, this.#freeAt - now) : 0;
  }

  /** How much to ask for. */
  want(cost: number, now: number): number {
    if (now < this.#pendingUntil) return cost;
    this.#pendingUntil = now + PENDING_MS;
    const { left, age } = { left: this.#left, age: now - this.#askedAt };
    if (this.#size > 0) {
      if (age >= this.#ms && left > 0) this.#want = this.#size - left;
      else if (age < this.#ms / 2) this.#want *= age < this.#ms / 8 ? 4 : 2;
      this.#size = 0;
    }
    this.#want = Math.max(1, Math.min(this.#most, this.#want));
    return Math.max(cost, this.#want);
  }

  /** @param wanted and asked for @param askedAt before the limiter was called, so that no time of the way is counted twice */
  granted(amount: number, wanted: number, askedAt: number): void {
    this.#pendingUntil = 0;
    // Two that were asked for at once are one, whose time is that of the older.
    const isAlive = this.#left > 0 && askedAt < this.#askedAt + this.#ms;
    this.#left = isAlive ? this.#left + amount : amount;
    this.#size = isAlive ? this.#size + amount : amount;
    this.#askedAt = isAlive ? Math.min(this.#askedAt, askedAt) : askedAt;
    if (amount < wanted) this.#restFor(0, askedAt + Math.floor(this.#ms * REST), Infinity);
  }

  /** What there is never room for says nothing of others, nor does a dear one of cheaper ones. */
  refused(cost: number, retryAfterMs: number, now: number): void {
    this.#pendingUntil = 0;
    if (retryAfterMs === Infinity || (now < this.#restUntil && this.#restCost < cost)) return;
    this.#restFor(cost, now + Math.max(retryAfterMs, Math.floor(this.#ms * REST)), now + MAX_REST_MS);
  }

  #restFor(cost: number, until: number, most: number): void {
    this.#restCost = cost;
    this.#freeAt = until;
    this.#restUntil = Math.min(until, most);
  }
}
