import type { Kind } from "../../src/kinds/kind.ts";
import { kindOf } from "../../src/kinds/registry.ts";
import { saysProgrammed, type Standing, withProgrammed } from "../../src/kube/programmed.ts";
import { type KubeObject, refKey, refOf } from "../../src/resources/object.ts";
import { isEvents, isWatched, type LoggedChange, type Seen, seenOf, type WatchWish } from "../../src/kube/watch.ts";
import type { Selects } from "../../src/kube/selectors.ts";
import { inForm } from "../../src/kube/forms.ts";
import type { Programming, Told } from "./programming.ts";

/** Clients that asked for them learn at least this often how far they are. */
const BOOKMARK_EVERY_MS = 60_000;
/** Changes that wait for one slow client; past it the client has to list again. */
const MAX_WAITING_BYTES = 16 * 1024 * 1024;
const MAX_CHUNK_BYTES = 64 * 1024;
/** A controller opens one for each kind; what is more than this is a client that forgets its own. */
const MAX_OF_ACCOUNT = 200;
const MAX_OPEN = 2_000;

/** How a watch learns whether what an object says is live. */
interface Live {
  readonly programming: Programming;
  standing(): Standing;
}

/** What turned is told at once; what did not turn is not looked at with every look of every cell. */
const SETTLE_EVERY_MS = 250;

/** The open watches. Each change is told to all of them in the order of the resourceVersions. */
export class Watches {
  readonly #open = new Set<Watch>();
  #rv = 0;
  #live: Live | null = null;
  #settledAt = 0;
  #awaited: Standing | null = null;

  /** Nothing was told before this. */
  tellBy(live: Live): void {
    this.#live = live;
  }

  /**
   * @param backlog what the client shall see first
   * @param known objects that it may have listed already: it learns of what turned since
   * @param rv the resourceVersion that it is as of: nothing newer was published yet
   */
  open(
    wish: WatchWish,
    selects: Selects,
    backlog: Iterable<Seen>,
    known: Iterable<KubeObject>,
    rv: number,
  ): ReadableStream {
    this.#rv = rv;
    const watch = new Watch(wish, selects, this.#live, () => this.#open.delete(watch));
    this.#open.add(watch);
    const standing = this.#live?.standing();
    for (const seen of backlog) watch.tell(seen, standing);
    if (standing !== undefined) watch.mayHaveListed(known, standing);
    if (wish.initialBookmark) watch.bookmark(this.#rv, true);
    watch.startTimers(() => this.#rv);
    return watch.stream();
  }

  /**
   * @param changes in the order of their resourceVersions
   * @param events that they make
   */
  publish(changes: readonly LoggedChange[], events: readonly KubeObject[], rv: number): void {
    this.#rv = rv;
    const standing = this.#open.size === 0 ? undefined : this.#live?.standing();
    for (const watch of this.#open) watch.publish(changes, events, standing);
  }

  /** Isolates told what they serve: those who watch learn of what is live now. */
  settle(): void {
    const now = Date.now();
    const isAwaited = [...this.#open].some((watch) => watch.isUnsettled);
    if (!isAwaited || this.#live === null) return;
    const standing = this.#live.standing();
    const turned =
      standing.behind.length !== this.#awaited?.behind.length || standing.isAwake !== this.#awaited.isAwake;
    if (!turned && now - this.#settledAt < SETTLE_EVERY_MS) return;
    this.#settledAt = now;
    this.#awaited = standing;
    for (const watch of this.#open) watch.settle(standing);
  }

  /** Whether this account may open one more. */
  hasRoomFor(account: string): boolean {
    if (this.#open.size >= MAX_OPEN) return false;
    let own = 0;
    for (const watch of this.#open) if (watch.wish.account === account) own += 1;
    return own < MAX_OF_ACCOUNT;
  }

  get size(): number {
    return this.#open.size;
  }

  endAll(): void {
    this.endThose(() => true);
  }

  endThose(isOver: (of: Pick<WatchWish, "account" | "browser">) => boolean): void {
    for (const watch of this.#open) if (isOver(watch.wish)) watch.end();
  }
}

/** Objects of which a watch is told that they are live, at most. */
const MAX_AWAITED = 1_000;

class Watch {
  readonly #wish: WatchWish;
  readonly #info: Kind;
  readonly #selects: Selects;
  /** Null: nothing is said of whether objects are live, as in a table. */
  readonly #live: Live | null;
  /** It watches one object by its name, as `kubectl wait` does. */
  readonly #isOfOne: boolean;
  /** Objects of which it was not told that they are live. */
  readonly #unsettled = new Map<string, KubeObject>();
  readonly #onEnd: () => void;
  readonly #encoder = new TextEncoder();
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #limit = Number.POSITIVE_INFINITY;
  #first = true;
  #ended = false;
  #wake: (() => void) | null = null;
  #timers: readonly ReturnType<typeof setTimeout>[] = [];

  constructor(wish: WatchWish, selects: Selects, live: Live | null, onEnd: () => void) {
    const info = kindOf(wish);
    if (!info) throw new Error(`no kind ${wish.group}/${wish.kind}`);
    this.#wish = wish;
    this.#info = info;
    this.#selects = selects;
    this.#live = wish.form.as === "json" && saysProgrammed(info) ? live : null;
    this.#isOfOne = /(^|,)\s*metadata\.name\s*==?[^=]/.test(wish.fieldSelector);
    this.#onEnd = onEnd;
  }

  get wish(): WatchWish {
    return this.#wish;
  }

  publish(changes: readonly LoggedChange[], events: readonly KubeObject[], standing: Standing | undefined): void {
    if (isEvents(this.#wish)) {
      for (const object of events)
        if (isWatched(this.#wish, refOf(object)) && this.#selects(object))
          this.tell({ type: "ADDED", object }, standing);
      return;
    }
    for (const change of changes) {
      const seen = isWatched(this.#wish, change.ref) ? seenOf(change, this.#selects) : null;
      if (seen) this.tell(seen, standing);
    }
  }

  /** @param standing as it is now: worked out once for all that is told */
  tell({ type, object }: Seen, standing: Standing | undefined): void {
    const key = refKey(refOf(object));
    this.#unsettled.delete(key);
    const live = type === "DELETED" ? null : this.#live;
    const told = standing && live?.programming.of(key, standing, Date.now());
    if (told !== undefined && this.#isAwaited(key, told)) this.#await(key, object);
    const shown = told === undefined ? object : withProgrammed(object, told, told.turnedAt);
    this.#push({ type, object: this.#formed(shown) });
  }

  /**
   * What only waits for a first request is told to whoever watches that one object, or if it was changed a moment ago: else the
   * request would tell all watches of all that there is.
   */
  #isAwaited(key: string, { status }: Told): boolean {
    return status === "False" || (status === "Unknown" && this.#isMeant(key));
  }

  #isMeant(key: string): boolean {
    return this.#isOfOne || this.#live?.programming.hasChanged(key) === true;
  }

  /** Of a few thousand that a list had, nobody waits for each: what is told of them all at once would hold up everybody. */
  #await(key: string, object: KubeObject): void {
    const [oldest] = this.#unsettled.keys();
    if (this.#unsettled.size >= MAX_AWAITED && oldest !== undefined) this.#unsettled.delete(oldest);
    this.#unsettled.set(key, object);
  }

  get isUnsettled(): boolean {
    return this.#unsettled.size > 0;
  }

  /** It watches from where a list ended: what is not live will be told when it is, and what is since a moment ago is told now. */
  mayHaveListed(objects: Iterable<KubeObject>, standing: Standing): void {
    if (this.#live === null) return;
    const { programming } = this.#live;
    const now = Date.now();
    for (const object of objects) {
      if (!isWatched(this.#wish, refOf(object)) || !this.#selects(object)) continue;
      const key = refKey(refOf(object));
      const told = programming.of(key, standing, now);
      if (this.#isAwaited(key, told)) this.#await(key, object);
      else if (told.status === "True" && programming.isFresh(told, now) && this.#isMeant(key))
        this.tell({ type: "MODIFIED", object }, standing);
    }
  }

  /** Tells of each object once when it is live. */
  settle(standing: Standing): void {
    for (const [key, object] of this.#unsettled) {
      const status = this.#live?.programming.of(key, standing, Date.now()).status;
      if (status === "True") this.tell({ type: "MODIFIED", object }, standing);
    }
  }

  bookmark(rv: number, endsInitial = false): void {
    const { apiVersion, kind, form } = this.#wish;
    const metadata = {
      resourceVersion: String(rv),
      ...(endsInitial && { annotations: { "k8s.io/initial-events-end": "true" } }),
    };
    const place: KubeObject = { kind, apiVersion, metadata: { ...metadata, name: "" } };
    const formed = this.#formed(place) as KubeObject;
    const object = {
      ...formed,
      metadata,
      // A bookmark is no row.
      ...(form.as === "table" && { rows: [] }),
    };
    this.#push({ type: "BOOKMARK", object });
  }

  #formed(object: KubeObject): unknown {
    const { form, apiVersion, includeObject } = this.#wish;
    const withColumns = this.#first;
    this.#first = false;
    return inForm(form, this.#info, object, { apiVersion, includeObject, withColumns, now: Date.now() });
  }

  /** @param rv how far everything was told */
  startTimers(rv: () => number): void {
    // What waits from here on is changes, not the list that the client asked for.
    this.#limit = this.#waitingBytes + MAX_WAITING_BYTES;
    const { timeoutMs, bookmarks } = this.#wish;
    const timeout = setTimeout(() => {
      if (bookmarks) this.bookmark(rv());
      this.end();
    }, timeoutMs);
    const tick = bookmarks ? [setInterval(() => this.bookmark(rv()), BOOKMARK_EVERY_MS)] : [];
    this.#timers = [timeout, ...tick];
  }

  stream(): ReadableStream {
    const { readable, writable } = new IdentityTransformStream();
    void this.#pump(writable.getWriter());
    return readable;
  }

  /** Ends cleanly with the watch; a client that went away ends the watch. */
  async #pump(writer: WritableStreamDefaultWriter): Promise<void> {
    try {
      for (;;) {
        const chunk = this.#next();
        if (chunk) await writer.write(chunk);
        else if (this.#ended) break;
        else await new Promise<void>((resolve) => (this.#wake = resolve));
      }
      await writer.close();
    } catch {
      this.end();
    }
  }

  #next(): Uint8Array | null {
    const parts: Uint8Array[] = [];
    let bytes = 0;
    for (const part of this.#waiting) {
      if (bytes > 0 && bytes + part.length > MAX_CHUNK_BYTES) break;
      parts.push(part);
      bytes += part.length;
    }
    if (parts.length === 0) return null;
    this.#waiting.splice(0, parts.length);
    this.#waitingBytes -= bytes;
    const [only] = parts;
    if (parts.length === 1 && only) return only;
    const chunk = new Uint8Array(bytes);
    let at = 0;
    for (const part of parts) {
      chunk.set(part, at);
      at += part.length;
    }
    return chunk;
  }

  #push(event: unknown): void {
    if (this.#ended) return;
    const bytes = this.#encoder.encode(`${JSON.stringify(event)}\n`);
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    if (this.#waitingBytes > this.#limit) {
      this.#waiting = [];
      this.end();
    }
    this.#wake?.();
    this.#wake = null;
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#onEnd();
    this.#wake?.();
    this.#wake = null;
  }
}
