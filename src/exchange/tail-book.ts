import type { Parties, Tailed, TailedLine, TailNews, TailWish } from "../snapshot/tail-model.ts";
import type { Journal } from "../telemetry/journal.ts";
import { subjectOf, tailTest } from "../telemetry/tail.ts";
import { partiesOf, sightOf } from "../telemetry/visibility.ts";

/** What a tail that just came down may still see: its first request may have been the one that brought it. */
const RECENT = 64;
/** Of one exchange. */
const MAX_LINES = 1_000;
const MAX_CHARACTERS = 512 * 1024;
const SECOND_MS = 1_000;

export interface TailBookDeps {
  /** The call's line of the access log, as JSON. */
  line(journal: Journal): string;
  /** The mesh's trust domain and its aliases. */
  trustDomains(): readonly string[];
}

interface OpenTail {
  readonly wish: TailWish;
  readonly matches: ReturnType<typeof tailTest>;
  /** The second in which `left` counts. */
  second: number;
  left: number;
}

/** A call that tails take, with their ids. */
interface Taken {
  readonly journal: Journal;
  readonly parties: Parties;
  readonly tails: string[];
}

const NONE: readonly OpenTail[] = [];

/** The calls that ended last, and those that open tails take until the next exchange. Without a tail a call costs one place in a ring. */
export class TailBook {
  readonly #deps: TailBookDeps;
  readonly #recent: (Journal | undefined)[] = Array.from({ length: RECENT });
  #next = 0;
  #open: readonly OpenTail[] = NONE;
  #revision = 0;
  #taken: Taken[] = [];
  #dropped: Record<string, number> = {};

  constructor(deps: TailBookDeps) {
    this.#deps = deps;
  }

  /** Of the order that holds here; 0: none. */
  get revision(): number {
    return this.#revision;
  }

  get hasLines(): boolean {
    return this.#taken.length > 0;
  }

  /** @param journal of a call that has ended; it changes no more */
  keep(journal: Journal): void {
    this.#recent[this.#next] = journal;
    this.#next = (this.#next + 1) % RECENT;
    if (this.#open !== NONE) this.#offer(journal, this.#open);
  }

  /** @param order of the cell; absent: nothing is open */
  learn(order: TailNews | undefined): void {
    if (order === undefined || order.wishes?.length === 0) {
      this.#open = NONE;
      this.#revision = order?.revision ?? 0;
      this.#taken = [];
      this.#dropped = {};
    } else if (order.wishes !== undefined && order.revision !== this.#revision)
      this.#take(order.revision, order.wishes);
  }

  #take(revision: number, wishes: readonly TailWish[]): void {
    const known = new Map(this.#open.map((tail) => [tail.wish.id, tail]));
    const fresh: OpenTail[] = [];
    this.#open = wishes.map((wish) => {
      const here = known.get(wish.id);
      if (here !== undefined) return here;
      const tail = { wish, matches: tailTest(wish.filter), second: 0, left: 0 };
      fresh.push(tail);
      return tail;
    });
    this.#revision = revision;
    for (let at = 0; at < RECENT; at += 1) {
      const journal = this.#recent[(this.#next + at) % RECENT];
      if (journal === undefined) continue;
      const wanting = fresh.filter(({ wish }) => journal.endedAt >= wish.since);
      if (wanting.length > 0) this.#offer(journal, wanting);
    }
  }

  #offer(journal: Journal, tails: readonly OpenTail[]): void {
    const subject = subjectOf(journal);
    let parties: Parties | null = null;
    let taken: string[] | null = null;
    for (const tail of tails) {
      if (!tail.matches(subject)) continue;
      const { id, filter } = tail.wish;
      if (filter.namespace !== undefined) {
        parties ??= this.#partiesOf(journal);
        if (sightOf(parties, { namespace: filter.namespace }) === "nothing") continue;
      }
      if (this.#taken.length < MAX_LINES && hasRoom(tail, journal.endedAt)) (taken ??= []).push(id);
      else this.#drop(id);
    }
    if (taken !== null) this.#taken.push({ journal, parties: parties ?? this.#partiesOf(journal), tails: taken });
  }

  #partiesOf({ scope, peer, cluster, endpoint }: Journal): Parties {
    const destination = endpoint?.workload.namespace ?? cluster?.service.namespace ?? null;
    return partiesOf(scope, peer.principal, destination, this.#deps.trustDomains());
  }

  #drop(id: string, count = 1): void {
    this.#dropped[id] = (this.#dropped[id] ?? 0) + count;
  }

  /** @returns what goes up with the next exchange; null: nothing */
  next(): Tailed | null {
    const taken = this.#taken;
    if (taken.length === 0 && Object.keys(this.#dropped).length === 0) return null;
    this.#taken = [];
    const lines: TailedLine[] = [];
    let characters = 0;
    for (const { journal, parties, tails } of taken) {
      const text = journal.line ?? this.#deps.line(journal);
      characters += text.length;
      if (characters <= MAX_CHARACTERS) lines.push({ text, parties, tails });
      else for (const id of tails) this.#drop(id);
    }
    const dropped = this.#dropped;
    this.#dropped = {};
    return { lines, dropped };
  }
}

function hasRoom(tail: OpenTail, now: number): boolean {
  const second = Math.floor(now / SECOND_MS);
  if (tail.second !== second) {
    tail.second = second;
    tail.left = tail.wish.maxRps;
  }
  if (tail.left === 0) return false;
  tail.left -= 1;
  return true;
}
