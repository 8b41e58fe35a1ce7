import { resolve } from "node:path";
import { Command } from "commander";
import { type AttackCase, OWN_CASES, readCases } from "./corpus.ts";
import { described, type Result, summary, tally } from "./report.ts";
import { AttackRun } from "./runner.ts";

interface Options {
  readonly cases: string;
  readonly only?: string;
  readonly severity?: string;
  readonly waiting?: boolean;
  readonly json?: boolean;
  readonly verbose?: boolean;
}

const say = (text: string): void => void process.stdout.write(`${text}\n`);

function chosen(cases: readonly AttackCase[], { only, severity }: Options): readonly AttackCase[] {
  const wanted = only?.split(",").map((name) => name.trim());
  const unknown = wanted?.find((name) => !cases.some((one) => one.id === name || one.class === name));
  if (unknown !== undefined) throw new Error(`no case and no class is called ${unknown}`);
  return cases.filter(
    (one) =>
      (wanted === undefined || wanted.includes(one.id) || wanted.includes(one.class)) &&
      (severity === undefined || one.severity === severity),
  );
}

/** @returns the exit code: 0 if nothing failed, 2 where a case has a field that the runner does not know */
async function main(options: Options): Promise<number> {
  const cases = chosen(readCases(resolve(options.cases)), options);
  const run = new AttackRun(cases);
  const results: Result[] = [];
  try {
    for (const attack of cases) {
      const startedAt = performance.now();
      const outcome = await run.run(attack, options.waiting === true);
      const result = { attack, outcome, ms: Math.round(performance.now() - startedAt) };
      results.push(result);
      if (options.json !== true && (options.verbose === true || outcome.kind !== "passed")) say(described(result));
    }
  } finally {
    await run.stop();
  }
  if (options.json === true) say(JSON.stringify({ ...tally(results), cases: results.map(plain) }));
  say(summary(results));
  const { failed, notCovered } = tally(results);
  if (results.some(({ outcome }) => outcome.kind === "error")) return 2;
  return failed + notCovered === 0 ? 0 : 1;
}

function plain({ attack: { id, class: of, severity }, outcome, ms }: Result): object {
  return { id, class: of, severity, ...outcome, ms };
}

const command = new Command("attacks")
  .description("Tries the cases of a corpus of attacks on a mesh of its own.")
  .option("--cases <folder>", "where the corpus is", OWN_CASES)
  .option("--only <names>", "ids of cases and names of classes, separated by commas")
  .option("--severity <severity>", "cases of this severity alone: critical, high, medium, low or info")
  .option("--waiting", "tries also the cases that wait for a feature")
  .option("--json", "the results as one line of JSON before the summary")
  .option("--verbose", "a line for each case, not for those alone that did not pass")
  .parse();

try {
  process.exitCode = await main(command.opts<Options>());
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
