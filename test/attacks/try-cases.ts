import { afterAll, describe, expect, it } from "vitest";
import { times } from "../support/scale.ts";
import { type AttackCase, OWN_CASES, readCases, waitOf } from "./corpus.ts";
import { type Result, summary } from "./report.ts";
import { AttackRun } from "./runner.ts";

/** The cases of this project. */
export const OWN = readCases(OWN_CASES);

/** What takes seconds, floods and a rotation: in the long tests, and where `npm run attacks` tries them. */
const LONG = new Set(["DOS-018", "DOS-019", "LOG-004", "SMUG-011", "CA-019"]);

const isTried = ({ id }: AttackCase): boolean => times(0, 1) === 1 || !LONG.has(id);

/** Makes a test of each case. One that waits for a feature is tried too: where it holds, it waits no longer. */
export function tryCases(title: string, cases: readonly AttackCase[]): void {
  describe(title, () => {
    const tried = cases.filter(isTried);
    const run = new AttackRun(tried, times(10, 1));
    const results: Result[] = [];

    afterAll(async () => {
      console.log(summary(results));
      await run.stop();
    });

    it.each(tried.map((attack) => ({ attack, name: named(attack) })))("$name", async ({ attack }) => {
      const startedAt = performance.now();
      const feature = waitOf(attack);
      const outcome = await run.run(attack, feature !== null);
      results.push({
        attack,
        outcome: feature === null || outcome.kind === "passed" ? outcome : { kind: "waits", feature },
        ms: Math.round(performance.now() - startedAt),
      });
      if (feature === null) expect(outcome).toEqual({ kind: "passed" });
      else expect(outcome.kind, `it holds now: take ${attack.id} out of waits.json`).not.toBe("passed");
    });
  });
}

/** The name of a case's test: it tells also what the case waits for. */
function named(attack: AttackCase): string {
  const feature = waitOf(attack);
  return feature === null ? `${attack.id} ${attack.title}` : `${attack.id} waits for ${feature}: ${attack.title}`;
}
