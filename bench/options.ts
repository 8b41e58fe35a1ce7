import { OTHERS_LIMIT } from "./judge.ts";
import { readArgs, wrongUsage } from "./read-args.ts";
import { isSelected, ROWS } from "./targets.ts";

const USAGE = `npm run bench -- [--only ROW,ROW] [--rounds N] [--seconds S] [--json FILE] [--profile | --instructions]

  --only ROWS    only these rows: ${ROWS.join(", ")};
                 a name stands for all that begin with it and a dash (binding: both of them)
  --rounds N     each measures every contestant in four parts, all in turn (default 7)
  --seconds S    load on each contestant in each round (default 2; with --profile 6)
  --json FILE    writes the rows as JSON
  --profile      instead of measuring: samples both contestants of each of the rows (default: 16) while they are loaded, and prints the functions with the most time of their own: JavaScript's by the runtime's inspector,
                 then the whole runtime by perf, where it is installed: by part, and by function
  --instructions instead of measuring: counts the runtime's instructions a request by valgrind, for the contestants of each of the
                 rows (default: 16-flat,16-of-flat); takes some minutes for each, and no quiet machine: for changes of some hundredths

Exit code 1 if a row misses its bar or is void: others took more than ${OTHERS_LIMIT * 100} % of the runtime's processor, also when
it was measured again. Needs Linux with two processors that are otherwise idle.`;

export interface Options {
  readonly only: readonly string[] | null;
  readonly rounds: number;
  readonly seconds: number;
  readonly json: string | null;
  readonly profile: boolean;
  readonly instructions: boolean;
}

export function readOptions(): Options {
  const values = readArgs(
    {
      only: { type: "string" },
      rounds: { type: "string", default: "7" },
      seconds: { type: "string" },
      json: { type: "string" },
      profile: { type: "boolean", default: false },
      instructions: { type: "boolean", default: false },
    },
    USAGE,
  );
  const [rounds, seconds] = [Number(values.rounds), Number(values.seconds ?? (values.profile ? 6 : 2))];
  if (!Number.isInteger(rounds) || rounds < 1 || !(seconds > 0)) {
    return usage("--rounds takes a whole number from 1 on, --seconds a number above 0");
  }
  const only = values.only?.split(",") ?? defaultRows(values);
  for (const name of only ?? []) {
    if (!ROWS.some((row) => isSelected(row, [name]))) return usage(`no row \`${name}\``);
  }
  const { profile, instructions } = values;
  if (profile && instructions) return usage("--profile and --instructions are two runs");
  return { only, rounds, seconds, json: values.json ?? null, profile, instructions };
}

function defaultRows(asked: { readonly profile: boolean; readonly instructions: boolean }): readonly string[] | null {
  if (asked.instructions) return ["16-flat", "16-of-flat"];
  return asked.profile ? ["16"] : null;
}

function usage(problem: string): never {
  return wrongUsage(problem, USAGE);
}
