import { sql } from "../faulty-store.ts";
import type { FaultMesh } from "../mesh.ts";
import { exactly, type Figure, type Row } from "../row.ts";

const WRITERS = 20;
const PATH = "/k8s/apis/networking.istio.io/v1/namespaces/f14/destinationrules";

interface Rule {
  readonly metadata: {
    readonly annotations?: Readonly<Record<string, string>>;
    readonly labels?: Readonly<Record<string, string>>;
  };
}

const counter = (name: string): string =>
  JSON.stringify({
    apiVersion: "networking.istio.io/v1",
    kind: "DestinationRule",
    metadata: { name, namespace: "f14", annotations: { count: "0" } },
    spec: { host: "x" },
  });

const read = async (mesh: FaultMesh, name: string): Promise<Rule> =>
  JSON.parse((await mesh.control("GET", `${PATH}/${name}`)).text) as Rule;

const generationOf = async (mesh: FaultMesh): Promise<number> =>
  (JSON.parse((await mesh.control("GET", "/api/v1/status")).text) as { generation: number }).generation;

/** Writes for one version of the object alone, as kubectl or as the CLI does. @returns whether it landed */
async function written(mesh: FaultMesh, name: string, rule: Rule, byApply: boolean): Promise<boolean | string> {
  const body = JSON.stringify(rule);
  const { status, text } = byApply ? await mesh.apply(body) : await mesh.control("PUT", `${PATH}/${name}`, body);
  if (status === 200) return true;
  // An apply tells of each document what became of it.
  const refusal = JSON.parse(text) as { code: number; results?: readonly { status: { code: number } }[] };
  return (refusal.results?.[0]?.status ?? refusal).code === 409 ? false : text;
}

/** All at once each reads, adds one and writes back. */
async function count(mesh: FaultMesh, name: string, applies: number): Promise<readonly Figure[]> {
  await mesh.mustApply(counter(name));
  const before = await generationOf(mesh);
  let [accepted, conflicts, other] = [0, 0, ""];
  const write = async (_: unknown, writer: number): Promise<void> => {
    for (let at = 0, inRow = 0; at < applies; at += 1) {
      const began = performance.now();
      const { metadata, ...rule } = await read(mesh, name);
      const annotations = { count: String(Number(metadata.annotations?.["count"]) + 1) };
      const landed = await written(mesh, name, { ...rule, metadata: { ...metadata, annotations } }, writer % 2 === 0);
      if (landed === true) [accepted, inRow] = [accepted + 1, 0];
      else if (landed === false) {
        conflicts += 1;
        // As clients of Kubernetes do: all at once again, they would mostly meet each other. By what a try takes here.
        const took = performance.now() - began;
        await new Promise((resolve) => setTimeout(resolve, Math.random() * took * 2 ** Math.min(inRow, 4)));
        inRow += 1;
      } else other += ` ${landed}`;
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, write));
  if (conflicts === 0) throw new Error("no writer came between two others");
  const final = (await read(mesh, name)).metadata.annotations?.["count"];
  const generations = await sql(
    mesh,
    `SELECT generation, json ->> '$.metadata.annotations.count' AS count FROM revisions WHERE namespace = 'f14' AND name = '${name}' ORDER BY generation`,
  );
  const isChain = generations.every(
    ({ generation, count: counted }, at) => generation === before + at && Number(counted) === at,
  );
  const { intact } = JSON.parse((await mesh.control("GET", "/api/v1/audit/verify")).text) as { intact: boolean };
  return [
    exactly(
      `generations that ${accepted} accepted of ${applies * WRITERS} made`,
      (await generationOf(mesh)) - before,
      accepted,
    ),
    exactly("counted", String(final), String(accepted)),
    exactly("answers but 200 and 409", other, ""),
    exactly("generations that count on from the one before", isChain ? generations.length : "a gap", accepted + 1),
    exactly("the audit's chain holds", String(intact), "true"),
  ];
}

/** Without a version named, each keeps its own label, and none is refused. */
async function label(mesh: FaultMesh, name: string, patches: number): Promise<readonly Figure[]> {
  await mesh.mustApply(counter(name));
  let refused = 0;
  const write = async (_: unknown, writer: number): Promise<void> => {
    for (let at = 1; at <= patches; at += 1) {
      const body = JSON.stringify({ metadata: { labels: { [`writer-${writer}`]: String(at) } } });
      const { status } = await mesh.control("PATCH", `${PATH}/${name}`, body, "application/merge-patch+json");
      if (status !== 200) refused += 1;
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, write));
  const labels = Object.values((await read(mesh, name)).metadata.labels ?? {});
  return [
    exactly(`refused of ${WRITERS * patches} patches`, refused, 0),
    exactly("writers whose last label stands", labels.filter((value) => value === String(patches)).length, WRITERS),
  ];
}

export const WRITER_ROWS: readonly Row[] = [
  {
    id: "F14",
    fault: "concurrent applies",
    promise: "one order, and no update is lost",
    short: true,
    async run(stage) {
      const mesh = await stage.mesh();
      await mesh.mustApply(`{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"f14"}}`);
      const run = Date.now().toString(36);
      return [
        ...(await count(mesh, `counted-${run}`, stage.all ? 50 : 6)),
        ...(await label(mesh, `patched-${run}`, stage.all ? 25 : 3)),
      ];
    },
  },
];
