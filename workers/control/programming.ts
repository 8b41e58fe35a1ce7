import { rfc3339 } from "../../src/kube/events.ts";
import { programmedAt, type Standing, type Verdict } from "../../src/kube/programmed.ts";

/** A verdict with when its status last changed, RFC 3339. */
export interface Told extends Verdict {
  readonly turnedAt: string;
}

/** Generations of which it is remembered when they turned. */
const MAX_TURNS = 1_000;
/** Who looked at an object and then began to watch it may have missed what turned between. */
const JUST_NOW_MS = 10_000;

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
