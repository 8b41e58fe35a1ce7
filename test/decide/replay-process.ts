import { readFile } from "node:fs/promises";
import { isDeepStrictEqual } from "node:util";
import { decide } from "../../src/decide/decide.ts";
import { type DescribedDecision, describeDecision } from "../../src/decide/describe.ts";
import { readFacts, type WrittenFacts } from "../../src/decide/written.ts";
import { link } from "../../src/snapshot/link.ts";
import type { Slice } from "../../src/snapshot/model.ts";

/** What another process wrote down. */
interface Records {
  readonly models: readonly Slice[];
  readonly records: readonly {
    /** Index into the models. */
    readonly slice: number;
    readonly facts: WrittenFacts;
    readonly decision: DescribedDecision;
  }[];
}

const { models, records } = JSON.parse(await readFile(process.argv[2] ?? "", "utf8")) as Records;
const slices = models.map(link);
let equal = 0;
const different: unknown[] = [];
for (const { slice, facts, decision } of records) {
  const of = slices[slice];
  if (!of) throw new Error(`no slice ${slice}`);
  const replayed = decide(of, readFacts(of, facts));
  const described = replayed.effect === "need" ? "a fact is missing" : describeDecision(replayed);
  // As JSON, which is how a record holds it.
  const plain: unknown = JSON.parse(JSON.stringify(described));
  if (isDeepStrictEqual(plain, decision)) equal += 1;
  else if (different.length < 5) different.push({ facts, decision, replayed: plain });
}
console.log(JSON.stringify({ equal, different }));
