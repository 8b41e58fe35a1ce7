import { readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { start } from "./driver.ts";

/**
 * Makes `gaps.json` anew: `node test/conformance/list-gaps.ts RESULT.json...`, of what `npm run conformance -- --json` wrote.
 * The runner's JSON holds no refusals, so each case that failed or was a gap is run once more by the runner's own parts,
 * and listed where all that the API said is that a field cannot work here or is not supported yet. What else was refused
 * is printed: it is a bug of ours, or wants a better message.
 */
const RUNNER = join(import.meta.dirname, "../../../shared/conformance/runner/lib");
const CASES = join(import.meta.dirname, "../../../shared/conformance/istio");
const GAPS = join(import.meta.dirname, "gaps.json");
const CASE_MS = 60_000;

interface Refusal {
  readonly kind: string;
  readonly status: number;
  readonly message: string;
  readonly fields: readonly string[];
}

interface Gap {
  readonly case: string;
  readonly field: string;
  readonly reason: string;
}

interface Case {
  readonly name: string;
}

interface Suite {
  run(test: Case, deadline: number): Promise<{ readonly refusals?: readonly Refusal[] }>;
}

interface Runner {
  readonly IstioSuite: new (parts: unknown) => Suite;
  readonly loadIstioCases: (folder: string) => Promise<readonly Case[]>;
  readonly Control: new (mesh: unknown) => unknown;
  readonly Cluster: new (parts: unknown) => { close(): Promise<void> };
}

async function runner(): Promise<Runner> {
  const [suite, control, cluster] = (await Promise.all(
    ["istio-suite.mjs", "control.mjs", "cluster.mjs"].map(async (file) => import(join(RUNNER, file))),
  )) as [Pick<Runner, "IstioSuite" | "loadIstioCases">, Pick<Runner, "Control">, Pick<Runner, "Cluster">];
  return { ...suite, ...control, ...cluster };
}

function namesIn(files: readonly string[], statuses: readonly string[]): ReadonlySet<string> {
  const results = files.flatMap(
    (file) =>
      (JSON.parse(readFileSync(file, "utf8")) as { results: readonly { name: string; status: string }[] }).results,
  );
  return new Set(results.filter(({ status }) => statuses.includes(status)).map(({ name }) => name));
}

/** Each field with what the message says of it: the message is `...: FIELD: TEXT; FIELD: TEXT`. */
function reasonsOf({ message, fields }: Refusal): readonly (readonly [string, string])[] {
  let from = 0;
  const starts = fields.map((field) => (from = message.indexOf(`${field}: `, from)));
  return fields.map((field, index) => {
    const next = starts[index + 1];
    const text = message.slice((starts[index] ?? 0) + field.length + 2, next === undefined ? undefined : next - 2);
    return [field, text];
  });
}

const UNSUPPORTED = /not supported yet|cannot work here|the mesh was deployed with/;

function gapsOf(name: string, refusals: readonly Refusal[]): readonly Gap[] {
  return refusals.flatMap((refusal) =>
    reasonsOf(refusal).map(([field, reason]) => ({
      case: name,
      field: `${refusal.kind}.${field.replace(/\[\d+\]/g, "")}`,
      reason,
    })),
  );
}

function uniqueAndSorted(gaps: readonly Gap[]): readonly Gap[] {
  const keyOf = (gap: Gap): string => `${gap.case} ${gap.field}`;
  const byKey = new Map(gaps.toReversed().map((gap) => [keyOf(gap), gap]));
  return [...byKey.values()].toSorted((one, other) => (keyOf(one) < keyOf(other) ? -1 : 1));
}

const files = process.argv.slice(2);
const { IstioSuite, loadIstioCases, Control, Cluster } = await runner();
const ran = namesIn(files, ["pass", "fail", "gap"]);
const wanted = namesIn(files, ["fail", "gap"]);
const kept = (JSON.parse(readFileSync(GAPS, "utf8")) as readonly Gap[]).filter((gap) => !ran.has(gap.case));
const found: Gap[] = [];
const folder = await mkdtemp(join(tmpdir(), "tulle-gaps-"));
const mesh = await start({ index: 2, tmpDir: folder });
const control = new Control(mesh);
const cluster = new Cluster({ control, maker: null, ...mesh });
const suite = new IstioSuite({ dir: CASES, mesh, cluster, control, maker: null, fast: true, log: console.error });
try {
  for (const test of await loadIstioCases(CASES)) {
    if (!wanted.has(test.name)) continue;
    const { refusals = [] } = await suite.run(test, Date.now() + CASE_MS);
    const gaps = gapsOf(test.name, refusals);
    const others = gaps.filter(({ reason }) => !UNSUPPORTED.test(reason));
    if (gaps.length > 0 && others.length === 0) found.push(...gaps);
    else if (others.length > 0)
      for (const { field, reason } of others) console.log(`${test.name}  ${field}: ${reason}`);
    else console.log(`${test.name}  was not refused for a field`);
  }
} finally {
  await cluster.close();
  await mesh.stop();
  await rm(folder, { recursive: true, force: true });
}
const all = uniqueAndSorted([...kept, ...found]);
writeFileSync(GAPS, `${JSON.stringify(all, null, 2)}\n`);
console.log(`${new Set(all.map((gap) => gap.case)).size} gaps, ${all.length} fields`);
