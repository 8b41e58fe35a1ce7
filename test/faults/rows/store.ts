import { faultStore, sql } from "../faulty-store.ts";
import { others } from "../load.ts";
import type { FaultMesh } from "../mesh.ts";
import { atMost, exactly, type Row } from "../row.ts";
import { hostOf, world } from "../world.ts";

/** What a table's loss breaks for somebody. */
const TABLES = ["tokens", "meta", "objects", "changes", "generations", "revisions", "audit"];
const RULE = (id: string) => `/k8s/apis/networking.istio.io/v1/namespaces/${id.toLowerCase()}/destinationrules`;
const MAX_TOLD_CHARACTERS = 400;
const SMALL_STATEMENTS = 9;
const SQL_WORDS = /select |insert |update |delete from|sqlite|\bd1|no such table|failed query|stack/i;

/** Writes first: what each makes needs most of the tables. */
async function askAll(mesh: FaultMesh, id: string) {
  const made = `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"made-${Math.random()}","namespace":"${id.toLowerCase()}"}}`;
  return [
    await mesh.apply(made),
    await mesh.control("POST", "/api/v1/tokens", `{"name":"lost","role":"viewer"}`, "application/json"),
    await mesh.control("GET", "/api/v1/status"),
    await mesh.control("GET", RULE(id)),
    await mesh.control("GET", "/api/v1/revisions"),
    await mesh.control("GET", "/api/v1/audit"),
    await mesh.control("GET", "/metrics"),
  ];
}

/** All that a write could leave behind, in few words. */
async function stored(mesh: FaultMesh): Promise<string> {
  const counted = TABLES.filter((table) => table !== "meta").map((table) => `(SELECT count(*) FROM ${table}) ${table}`);
  const rows = await sql(
    mesh,
    `SELECT rv, generation, ${counted.join(", ")}, (SELECT group_concat(rv) FROM (SELECT rv FROM objects ORDER BY rv)) versions FROM meta`,
  );
  return JSON.stringify(rows);
}

async function generationOf(mesh: FaultMesh): Promise<number> {
  return (JSON.parse((await mesh.control("GET", "/api/v1/status")).text) as { generation: number }).generation;
}

async function auditOf(mesh: FaultMesh, target: string): Promise<number> {
  const { text } = await mesh.control("GET", `/api/v1/audit?target=${encodeURIComponent(target)}`);
  return (JSON.parse(text) as { entries: readonly unknown[] }).entries.length;
}

const namespace = (id: string): string =>
  JSON.stringify({ apiVersion: "v1", kind: "Namespace", metadata: { name: id.toLowerCase() } });

const rule = (id: string, name: string, count: number): string =>
  JSON.stringify({
    apiVersion: "networking.istio.io/v1",
    kind: "DestinationRule",
    metadata: { name, namespace: id.toLowerCase(), annotations: { count: String(count) } },
    spec: { host: "x" },
  });

/** Each fills a statement's list of rows, where quotes are escaped twice: a write of four is some twenty statements. */
function large(id: string, version: number): string {
  const namespace = id.toLowerCase();
  const one = (at: number) => `
apiVersion: v1
kind: ConfigMap
metadata: { name: large-${at}, namespace: ${namespace} }
data: { version: "${version}", quotes: '${'"'.repeat(76_000)}' }
`;
  return [0, 1, 2, 3].map(one).join("---");
}

export const STORE_ROWS: readonly Row[] = [
  {
    id: "F11",
    fault: "D1 read errors",
    promise: "the admin API answers 503 with a short body; gateways are untouched",
    short: true,
    async run(stage) {
      const [mesh, upstream] = [await stage.mesh(), await stage.upstream()];
      await mesh.mustApply(world("F11", [upstream.port]));
      await mesh.settled();
      const load = stage.load(mesh.portOf(), [{ host: hostOf("F11") }]);
      const refused = new Set<string>();
      let [wrong, told, longest] = ["", "", 0];
      for (const table of TABLES) {
        await sql(mesh, `ALTER TABLE ${table} RENAME TO away`);
        try {
          // What is in memory would hide it. Where the table before this one was the first that it needs, it is not there.
          await mesh.evict("Hub", "hub").catch((error: unknown) => {
            if (!/not currently running/.test(String(error))) throw error;
          });
          for (const { status, text } of await askAll(mesh, "F11")) {
            if (status === 503) refused.add(table);
            else if (status > 299) wrong += ` ${table}: ${status} ${text}`;
            if (status < 300) continue;
            longest = Math.max(longest, text.length);
            if (SQL_WORDS.test(text)) told += ` ${table}: ${text}`;
          }
        } finally {
          await sql(mesh, `ALTER TABLE away RENAME TO ${table}`);
        }
      }
      const loaded = await load;
      const missed = TABLES.filter((table) => !refused.has(table));
      if (missed.length > 0) throw new Error(`nothing failed without ${missed.join(", ")}`);
      const after = await askAll(mesh, "F11");
      return [
        exactly(`failed of ${loaded.sent} at the gateway`, others(loaded, 200), 0),
        exactly("answers but 503 and good ones", wrong, ""),
        exactly("words of the database in answers", told, ""),
        atMost("the longest refusal", longest, MAX_TOLD_CHARACTERS, " characters"),
        exactly("refused once they are back", after.filter(({ status }) => status > 299).length, 0),
      ];
    },
  },
  {
    id: "F12",
    fault: "a D1 write fails in the middle of an apply",
    promise: "nothing is applied",
    short: true,
    async run(stage) {
      const mesh = await stage.mesh();
      stage.atEnd(async () => void (await faultStore(mesh, null)));
      // A small write is some ten statements; more of them takes large ones, which cost a second.
      const write = async (version: number) =>
        mesh.apply(version <= SMALL_STATEMENTS ? rule("F12", "small", version) : large("F12", version));
      await mesh.mustApply(namespace("F12"));
      await mesh.mustApply(rule("F12", "small", 0));
      await mesh.mustApply(large("F12", 0));
      const [before, generation] = [await stored(mesh), await generationOf(mesh)];
      let [broken, same, refused] = [0, 0, 0];
      for (let nth = 1; nth <= 20; nth += 1) {
        await faultStore(mesh, { kind: "fails", nth });
        const { status } = await write(nth);
        broken += Math.min(1, (await faultStore(mesh, null)).broken);
        if (status === 503) refused += 1;
        if ((await stored(mesh)) === before && (await generationOf(mesh)) === generation) same += 1;
      }
      if (broken < 20) throw new Error(`an apply has no 20 statements: ${broken} of 20 were broken`);
      const last = await write(21);
      return [
        exactly("left the old state, of the same generation", same, 20),
        exactly("answered 503", refused, 20),
        exactly("answer to the next one", last.status, 200),
        exactly("its generations", (await generationOf(mesh)) - generation, 1),
      ];
    },
  },
  {
    id: "F13",
    fault: "D1 says `network connection lost` after it committed",
    promise: "the client's repeat is safe",
    short: true,
    async run(stage) {
      const mesh = await stage.mesh();
      stage.atEnd(async () => void (await faultStore(mesh, null)));
      await mesh.mustApply(namespace("F13"));
      let [repeats, safe] = [0, 0];
      const run = Date.now().toString(36);
      // Control finds out itself, or cannot ask for a while, and tells the client to ask again.
      for (const andThen of [0, 1, 2, 4, 8]) {
        const name = `lost-${run}-${andThen}`;
        const before = await generationOf(mesh);
        await faultStore(mesh, { kind: "loses", andThen });
        let told = await mesh.apply(rule("F13", name, 1));
        for (; told.status === 503; repeats += 1) told = await mesh.apply(rule("F13", name, 1));
        const { broken } = await faultStore(mesh, null);
        if (broken !== andThen + 1) throw new Error(`${broken} of ${andThen + 1} calls were lost`);
        const { status } = await mesh.apply(rule("F13", name, 1));
        const entries = await auditOf(mesh, `networking.istio.io/DestinationRule/f13/${name}`);
        if (told.status === 200 && status === 200 && (await generationOf(mesh)) === before + 1 && entries === 1)
          safe += 1;
        else stage.say(`${name}: ${told.status} ${told.text}, ${entries} entries`);
      }
      if (repeats === 0) throw new Error("no client had to repeat");
      return [exactly("one generation, one audit entry and 200, of 5", safe, 5)];
    },
  },
];
