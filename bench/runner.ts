import { Load, type Outcome, type Prepared } from "./load.ts";
import { isVoid, joined, type Round } from "./judge.ts";
import type { BenchMesh } from "./mesh.ts";
import { type Issuer, makeRequests } from "./requests.ts";
import { keyOf, type Measure } from "./targets.ts";

/** The runtime has one processor for itself; the upstream and the load share the other. */
export const RUNTIME_PROCESSOR = 0;
export const OTHER_PROCESSOR = 1;

/** A disturbed measurement is done again this many times before its rows are void. */
const REPEATS = 8;
/**
 * A round measures each contestant in so many parts, all in turn: the machine's own speed drifts by half within a minute, and
 * a ratio of two that were measured together does not.
 */
const PARTS = 4;
const WARM_SECONDS = 1;
const WARM_ATTEMPTS = 10;
/**
 * V8 optimizes a function by how often it was called: most of a gateway's reach their last form between their 10,000th and
 * 25,000th request, and a median of rounds before and behind that would tell of neither. What a young isolate costs, the row
 * `16-young` tells.
 */
const WARM_REQUESTS = 40_000;
const WARM_SECONDS_MOST = 40;
const TAIL_ATTEMPTS = 10;
const TAIL_END_SECONDS = 3;
/** Whom the upstream's answers reach unjudged. */
const BARE = new Set(["bare", "bare-binding", "rpc-forwarder", "rpc-direct"]);

/** Puts loads on the contestants of one mesh, one after the other. */
export class Runner {
  readonly #mesh: BenchMesh;
  readonly #issuer: Issuer;
  readonly #load: Load;
  readonly #requests = new Map<string, readonly Prepared[]>();

  constructor(mesh: BenchMesh, issuer: Issuer, load: Load) {
    this.#mesh = mesh;
    this.#issuer = issuer;
    this.#load = load;
  }

  async run(measure: Measure, seconds: number): Promise<Outcome> {
    return measure.tails === undefined ? this.#loaded(measure, seconds) : this.#tailed(measure, measure.tails, seconds);
  }

  /** What opening and ending them costs lies before and behind what is measured. */
  async #tailed(measure: Measure, count: number, seconds: number): Promise<Outcome> {
    const tails = await this.#mesh.tail(count);
    for (let attempt = 1; !tails.areShown; attempt += 1) {
      if (attempt > TAIL_ATTEMPTS) throw new Error(`${keyOf(measure)}: not every tail shows requests`);
      await this.#loaded(measure, WARM_SECONDS);
    }
    const outcome = await this.#loaded(measure, seconds);
    tails.end();
    // Until every isolate knows that nobody looks any more.
    for (let second = 0; second < TAIL_END_SECONDS; second += 1) await this.#loaded(measure, WARM_SECONDS);
    return outcome;
  }

  async #loaded(measure: Measure, seconds: number): Promise<Outcome> {
    return this.#load.run({
      port: await this.#mesh.portOf(measure.contestant),
      connections: measure.connections,
      seconds,
      rate: measure.rate,
      requests: this.#requestsOf(measure),
      pids: this.#mesh.pids(),
      processor: RUNTIME_PROCESSOR,
    });
  }

  #requestsOf({ contestant, host, shape }: Measure): readonly Prepared[] {
    const judged = !BARE.has(contestant);
    const key = `${host} ${shape} ${judged}`;
    const requests = this.#requests.get(key) ?? makeRequests(this.#issuer, host, shape, judged);
    this.#requests.set(key, requests);
    return requests;
  }

  /**
   * Each once and more, until all answers are right, and each contestant until its code is compiled for good: compiling, caches
   * and the first snapshot are not what is measured.
   *
   * @returns what each measure came to in its second second, while its contestant was as warm as those before had made it
   */
  async warm(measures: readonly Measure[]): Promise<Round> {
    const young = new Map<string, Outcome>();
    const asked = new Map<string, number>();
    for (const measure of measures) {
      tell(`warming ${keyOf(measure)}`);
      let requests = asked.get(measure.contestant) ?? 0;
      for (let attempt = 1; ; attempt += 1) {
        const outcome = await this.run({ ...measure, rate: null }, WARM_SECONDS);
        requests += outcome.requests;
        if (attempt === 2) young.set(keyOf(measure), outcome);
        const isRight = outcome.unexpected === 0;
        if (isRight && attempt > 1 && (requests >= WARM_REQUESTS || attempt >= WARM_SECONDS_MOST)) break;
        if (!isRight && attempt >= WARM_ATTEMPTS)
          throw new Error(`${keyOf(measure)} answers otherwise than expected: ${outcome.example}`);
      }
      asked.set(measure.contestant, requests);
    }
    return young;
  }

  /** All in turn, every other time in reverse, so that who comes first has no advantage. */
  async rounds(measures: readonly Measure[], count: number, seconds: number): Promise<readonly Round[]> {
    const rounds: Round[] = [];
    for (let round = 1; round <= count; round += 1) {
      const parts = new Map(measures.map((measure) => [keyOf(measure), [] as Outcome[]]));
      for (let part = 1; part <= PARTS; part += 1) {
        for (const measure of (round + part) % 2 === 0 ? measures : measures.toReversed()) {
          // Opening tails and ending them is dear: these are measured at one go.
          const whole = measure.tails !== undefined;
          if (whole && part > 1) continue;
          parts.get(keyOf(measure))?.push(await this.#undisturbed(measure, whole ? seconds : seconds / PARTS));
        }
      }
      const outcomes = new Map([...parts].map(([key, outcomes]) => [key, joined(outcomes)]));
      for (const [key, outcome] of outcomes) tell(`round ${round}/${count}: ${key}: ${shown(outcome)}`);
      rounds.push(outcomes);
    }
    return rounds;
  }

  async #undisturbed(measure: Measure, seconds: number): Promise<Outcome> {
    for (let repeat = 0; ; repeat += 1) {
      const outcome = await this.run(measure, seconds);
      const { unexpected, example } = outcome;
      if (unexpected > 0) throw new Error(`${keyOf(measure)}: ${unexpected} unexpected answers, such as ${example}`);
      if (!isVoid(outcome) || repeat === REPEATS) return outcome;
      tell(`${keyOf(measure)} is measured again: others took ${(outcome.othersShare * 100).toFixed(1)} %`);
    }
  }
}

function shown({ requests, seconds, cpuSeconds, p50Ms }: Outcome): string {
  return `${((cpuSeconds * 1e6) / requests).toFixed(0)} us, ${(requests / seconds).toFixed(0)}/s, p50 ${p50Ms.toFixed(2)} ms`;
}

export function tell(text: string): void {
  process.stderr.write(`${text}\n`);
}
