import type { Stage } from "./stage.ts";
import { WHOLE_JOB } from "./targets.ts";

const SAMPLES = 5;
/** Calls that a request waits for; the exchange is off its path. */
const WAITED_FOR = ["take", "charge", "keys"] as const;

/** Of a request of the whole job in steady state: calls to Durable Objects that it waits for, and those of the exchange. */
export interface ObjectCalls {
  readonly waited: readonly number[];
  readonly exchanged: readonly number[];
}

export async function objectCalls({ mesh, runner }: Stage, seconds: number): Promise<ObjectCalls> {
  const [waited, exchanged]: [number[], number[]] = [[], []];
  for (let sample = 1; sample <= SAMPLES; sample += 1) {
    const before = await mesh.stateCalls();
    const { requests } = await runner.run(WHOLE_JOB, seconds);
    const after = await mesh.stateCalls();
    const grown = (method: string): number => (after[method] ?? 0) - (before[method] ?? 0);
    waited.push(WAITED_FOR.reduce((sum, method) => sum + grown(method), 0) / requests);
    exchanged.push(grown("exchange") / requests);
  }
  return { waited, exchanged };
}
