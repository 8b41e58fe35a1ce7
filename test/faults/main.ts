import { randomInt } from "node:crypto";
import { Command, InvalidArgumentError } from "commander";
import { described, isOpen, markdown, type Result, summary, tally } from "./report.ts";
import type { Row } from "./row.ts";
import { ROWS } from "./rows/index.ts";
import { Stage } from "./stage.ts";

interface Options {
  readonly all?: boolean;
  readonly only?: string;
  readonly seed: number;
  readonly repeat: number;
  readonly json?: boolean;
  readonly markdown?: boolean;
}

const say = (text: string): void => void process.stdout.write(`${text}\n`);
/** What is under way, where somebody looks on. */
const tell = (text: string): void => void process.stderr.write(`${text}\n`);

function chosen({ all, only }: Options): readonly Row[] {
  const wanted = only?.split(",").map((name) => name.trim().toUpperCase());
  const unknown = wanted?.find((name) => !ROWS.some(({ id }) => id === name));
  if (unknown !== undefined)
    throw new Error(`no row is called ${unknown}: there are ${ROWS.map(({ id }) => id).join(", ")}`);
  if (wanted !== undefined) return ROWS.filter(({ id }) => wanted.includes(id));
  return ROWS.filter(({ short }) => all === true || short);
}

const TRIES = 3;

async function settled(row: Row, stage: Stage): Promise<Result> {
  for (let tries = 1; ; tries += 1) {
    const result = { ...(await tried(row, stage)), tries };
    if (!isOpen(result) || tries === TRIES) return result;
    tell(`${described(result)}\n${row.id} is tried again`);
    // The machine may have been another one when they were measured.
    stage.forgetBaselines();
  }
}

async function tried(row: Row, stage: Stage): Promise<Omit<Result, "tries">> {
  const startedAt = performance.now();
  const ended = () => Math.round(performance.now() - startedAt);
  try {
    const figures = await row.run(stage);
    if (figures.length === 0) throw new Error("the row has no figure");
    return { row, figures, error: null, ms: ended() };
  } catch (error) {
    return {
      row,
      figures: [],
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
      ms: ended(),
    };
  } finally {
    await stage.endRow();
  }
}

/** @returns the exit code */
async function main(options: Options): Promise<number> {
  const rows = chosen(options);
  const stage = new Stage(options.all === true, options.seed, tell);
  tell(`seed ${options.seed}`);
  const results: Result[] = [];
  try {
    for (let round = 0; round < options.repeat; round += 1) {
      for (const [at, row] of rows.entries()) {
        tell(`${at + 1}/${rows.length} ${row.id} ${row.fault}`);
        const result = await settled(row, stage);
        results.push(result);
        if (options.json !== true && options.markdown !== true) say(described(result));
      }
    }
  } finally {
    await stage.stop();
  }
  if (options.markdown === true) say(markdown(results));
  if (options.json === true) say(JSON.stringify({ seed: options.seed, ...tally(results), rows: results.map(plain) }));
  say(summary(results));
  return tally(results).failed === 0 ? 0 : 1;
}

function plain({ row: { id, fault, promise }, ...result }: Result): object {
  return { id, fault, promise, ...result };
}

function whole(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError("a whole number from 1 on");
  return value;
}

const command = new Command("faults")
  .description("Brings about each fault of docs/reliability.md on a mesh of its own, and shows what becomes of it.")
  .option("--all", "every row, at the load of the long run: up to 90 minutes")
  .option("--only <rows>", "these rows alone, separated by commas: F1,F4")
  .option("--seed <number>", "of whatever is random", whole, randomInt(1, 2 ** 31))
  .option("--repeat <times>", "tries the rows so often, for who writes one", whole, 1)
  .option("--json", "the results as one line of JSON before the summary")
  .option("--markdown", "the table for docs/reliability.md before the summary")
  .parse();

try {
  process.exitCode = await main(command.opts<Options>());
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
