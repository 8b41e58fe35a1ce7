import { rfc3339 } from "../../src/kube/events.ts";
import { programmedAt, type Standing, type Verdict, withProgrammed } from "../../src/kube/programmed.ts";
import { type KubeObject, refKey, refOf } from "../../src/resources/object.ts";
import { inTime } from "./in-time.ts";

/** A verdict with when its status last changed, RFC 3339. */
export interface Told extends Verdict {
  readonly turnedAt: string;
}

/** Generations of which it is remembered when they turned. */
const MAX_TURNS = 1_000;
/** Who looked at an object and then began to watch it may have missed what turned between. */
const JUST_NOW_MS = 10_000;

/** An answer to a read waits so long for the Hub. */
const WITHIN_MS = 1_000;

/**
 * Objects with what is worked out when somebody asks. Where the Hub is away, or busy, they are shown as they are stored.
 *
 * @param ask for these keys of theirs, in that order
 */
export async function withTold(
  objects: readonly KubeObject[],
  ask: (keys: readonly string[]) => Promise<readonly Told[]>,
): Promise<readonly KubeObject[]> {
  const all = await inTime(ask(objects.map((object) => refKey(refOf(object)))), WITHIN_MS);
  if (all === null) return objects;
  return objects.map((object, at) => {
    const told = all[at];
    return told === undefined ? object : withProgrammed(object, told, told.turnedAt);
  });
}

/** Which generation last changed each object, and what comes of that for its condition `Programmed`. */
export class Programming {
  /** Of what was loaded: not older than it really is, so that nothing is called live too soon. */
  readonly #loaded: number;
  readonly #changed = new Map<string, number>();
  readonly #turns = new Map<number, { readonly status: Verdict["status"]; readonly at: number }>();

  /** @param generation as of which everything was loaded */
  constructor(generation: number) {
    this.#loaded = generation;
  }

  /** @param key of an object: its `refKey` @param generation null: it is gone */
  change(key: string, generation: number | null): void {
    if (generation === null) this.#changed.delete(key);
    else this.#changed.set(key, generation);
  }

  /** @param now epoch ms */
  of(key: string, standing: Standing, now: number): Told {
    const generation = this.#changed.get(key) ?? this.#loaded;
    const verdict = programmedAt(generation, standing);
    return { ...verdict, turnedAt: rfc3339(this.#turnedAt(generation, verdict.status, now)) };
  }

  /** Whether it was changed since all was loaded. */
  hasChanged(key: string): boolean {
    return this.#changed.has(key);
  }

  /** Whether its status turned a moment ago. */
  isFresh({ turnedAt }: Told, now: number): boolean {
    return now - Date.parse(turnedAt) < JUST_NOW_MS;
  }

  #turnedAt(generation: number, status: Verdict["status"], now: number): number {
    const known = this.#turns.get(generation);
    if (known?.status === status) return known.at;
    this.#turns.delete(generation);
    this.#turns.set(generation, { status, at: now });
    const [oldest] = this.#turns.keys();
    if (this.#turns.size > MAX_TURNS && oldest !== undefined) this.#turns.delete(oldest);
    return now;
  }
}
