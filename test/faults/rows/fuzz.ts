import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Dice } from "../../policy/random-policies.ts";
import { REQUESTS_A_MESH, VERDICTS, verdictDifferences } from "../../policy/verdict-differences.ts";
import { A_SET, randomSet, take } from "../random-sets.ts";
import { exactly, type Row } from "../row.ts";

const DOCUMENTS = 20_000;
const PAIRS = 40_000;
/** Sets of documents that once made the compiler throw, or a gateway not read what it made of them. */
const CRASHES = join(import.meta.dirname, "../crashes.json");

export const FUZZ_ROWS: readonly Row[] = [
  {
    id: "F48",
    fault: "random documents",
    promise: "the compiler never throws, and never accepts what the evaluator cannot read",
    short: false,
    async run(stage) {
      // Of always the same seed: what it finds joins the crashes.
      const dice = new Dice(48);
      const sets = JSON.parse(readFileSync(CRASHES, "utf8")) as (readonly object[])[];
      const crashes = sets.map((set) => set.map((document) => JSON.stringify(document)));
      let [thrown, accepted, refused, served] = [0, 0, 0, 0];
      for (let at = -crashes.length; at < DOCUMENTS / A_SET; at += 1) {
        const set = crashes[crashes.length + at] ?? randomSet(dice);
        try {
          const taken = take(set);
          accepted += taken.accepted;
          refused += taken.refused;
          served += taken.served;
        } catch (error) {
          thrown += 1;
          stage.say(`${error instanceof Error ? error.stack : String(error)}: [${set.join(",")}]`);
        }
      }
      if (Math.min(accepted, refused) < DOCUMENTS / 10 || served < DOCUMENTS / 10)
        throw new Error(`${accepted} accepted, ${refused} refused, ${served} hosts served: they are too alike`);
      return [exactly(`uncaught, of ${accepted} accepted, ${refused} refused and ${served} hosts`, thrown, 0)];
    },
  },
  {
    id: "F49",
    fault: "random requests",
    promise: "the evaluator decides as a naive interpreter does",
    short: false,
    async run(stage) {
      const { differences, seen } = verdictDifferences(new Dice(stage.seed), PAIRS / REQUESTS_A_MESH);
      for (const difference of differences) stage.say(difference);
      const rare = VERDICTS.filter((verdict) => (seen.get(verdict) ?? 0) < PAIRS / 50);
      if (rare.length > 0) throw new Error(`hardly any request met ${rare.join(", ")}`);
      return [exactly(`differences in ${PAIRS} pairs of policies and a request`, differences.length, 0)];
    },
  },
];
