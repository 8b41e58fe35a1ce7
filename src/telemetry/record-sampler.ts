import type { Journal } from "./journal.ts";

/** Why a record is worth a place: what the gateway refused, what went wrong, what passed. Each has places of its own. */
export type RecordKind = "refused" | "failed" | "passed";

/** Places a second: refusals and failures are what people ask about. */
export const QUOTAS: Readonly<Record<RecordKind, number>> = { refused: 8, failed: 6, passed: 6 };

/** Strata that are told apart between two looks; what comes after counts for none. */
const MAX_STRATA = 200;

/** Calls of one route, policy and code since the last look. */
interface Stratum<T> {
  seen: number;
  kept: T[];
}

export interface Sampled<T> {
  readonly kind: RecordKind;
  /** So many calls it stands for. */
  readonly weight: number;
  readonly item: T;
}

class Quota<T> {
  readonly places: number;
  /** By route; null: none. */
  readonly strata = new Map<object | null, Map<string, Stratum<T>>>();
  count = 0;
  kept = 0;

  constructor(places: number) {
    this.places = places;
  }
}

/**
 * Which calls are written down: of each route, policy and code every call has the same chance, and each stratum that comes has a
 * place before another gets its second. What is not taken costs a look-up or two, and nothing is made for it.
 *
 * @typeParam T what is made of a call that is taken
 */
export class RecordSampler<T> {
  readonly #quotas: Readonly<Record<RecordKind, Quota<T>>>;
  /** The place that `wants` found. */
  #kept: T[] = [];
  #at = 0;

  /** @param places a second, by kind */
  constructor(places: Readonly<Record<RecordKind, number>> = QUOTAS) {
    const { refused, failed, passed } = places;
    this.#quotas = { refused: new Quota(refused), failed: new Quota(failed), passed: new Quota(passed) };
  }

  get isEmpty(): boolean {
    const { refused, failed, passed } = this.#quotas;
    return refused.kept + failed.kept + passed.kept === 0;
  }

  /**
   * Looks at a call that has ended. Where it is taken, `put` follows at once.
   *
   * @param random in [0, 1), drawn where it is needed
   */
  wants(journal: Journal, random: () => number): boolean {
    const quota = this.#quotas[kindOf(journal)];
    const stratum = stratumOf(quota, journal);
    if (stratum === null) return false;
    stratum.seen += 1;
    const { kept, seen } = stratum;
    const isNew = seen === 1 && quota.kept >= quota.places;
    // Every call of the stratum so far has a place: this one gets one, too, while there are any.
    const isFree = quota.kept < quota.places && kept.length === seen - 1;
    if (isFree || (isNew && freePlace(quota, random))) {
      quota.kept += 1;
      this.#at = kept.length;
    } else {
      const at = kept.length === 0 ? 0 : Math.floor(random() * seen);
      if (at >= kept.length) return false;
      this.#at = at;
    }
    this.#kept = kept;
    return true;
  }

  put(item: T): void {
    this.#kept[this.#at] = item;
  }

  /** What was kept since the last look. */
  take(): readonly Sampled<T>[] {
    const taken: Sampled<T>[] = [];
    for (const kind of ["refused", "failed", "passed"] as const) {
      const quota = this.#quotas[kind];
      for (const byRest of quota.strata.values())
        for (const { seen, kept } of byRest.values())
          for (const item of kept) taken.push({ kind, weight: seen / kept.length, item });
      quota.strata.clear();
      quota.count = 0;
      quota.kept = 0;
    }
    this.#kept = [];
    return taken;
  }
}

function kindOf({ status, details }: Journal): RecordKind {
  if (status >= 500 || status === 0) return "failed";
  return details === "via_upstream" || status < 400 ? "passed" : "refused";
}

function stratumOf<T>(quota: Quota<T>, { route, policy, details }: Journal): Stratum<T> | null {
  let byRest = quota.strata.get(route);
  if (byRest === undefined) quota.strata.set(route, (byRest = new Map()));
  const rest = policy === null ? details : `${details} ${policy}`;
  let stratum = byRest.get(rest);
  if (stratum === undefined) {
    if (quota.count >= MAX_STRATA) return null;
    quota.count += 1;
    byRest.set(rest, (stratum = { seen: 0, kept: [] }));
  }
  return stratum;
}

/** Takes a place from the stratum that has most, where it has more than one. */
function freePlace<T>(quota: Quota<T>, random: () => number): boolean {
  let richest: Stratum<T> | null = null;
  for (const byRest of quota.strata.values())
    for (const stratum of byRest.values()) if (stratum.kept.length > (richest?.kept.length ?? 1)) richest = stratum;
  if (richest === null) return false;
  richest.kept.splice(Math.floor(random() * richest.kept.length), 1);
  quota.kept -= 1;
  return true;
}
