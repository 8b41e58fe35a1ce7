import { readFile } from "node:fs/promises";
import { explainRecord, type Recorded } from "../../src/decide/explain-record.ts";
import { Explanation } from "../../src/decide/stages.ts";
import { link } from "../../src/snapshot/link.ts";
import type { Slice } from "../../src/snapshot/model.ts";

/** What another process wrote down, without what came of it. */
interface Given {
  readonly slices: Readonly<Record<string, Slice>>;
  readonly records: readonly (Recorded & { readonly slice: string })[];
}

const { slices, records } = JSON.parse(await readFile(process.argv[2] ?? "", "utf8")) as Given;
const linked = new Map(Object.entries(slices).map(([id, slice]) => [id, link(slice)]));
const explained = records.map((record) => {
  const slice = linked.get(record.slice);
  if (slice === undefined) throw new Error(`no slice ${record.slice}`);
  const explanation = new Explanation(slice);
  const { verdict = null, policy = null } = explainRecord(slice, record, explanation) ?? {};
  return { verdict, policy, refusing: explanation.stages.filter(({ outcome }) => outcome === "refused").length };
});
console.log(JSON.stringify(explained));
