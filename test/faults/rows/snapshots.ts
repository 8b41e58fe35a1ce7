import { sliceId } from "../../../src/snapshot/hash.ts";
import { MAX_ROOT_BYTES } from "../../../src/snapshot/signature.ts";
import { drawsOf } from "../../limits/random.ts";
import { type Down, type Given, type Held, ISOLATES, refusals, withSlice } from "../refusals.ts";
import type { Row } from "../row.ts";
import { hostOf, serviceOf } from "../world.ts";

export const SNAPSHOT_ROWS: readonly Row[] = [
  {
    id: "F6",
    fault: "snapshot half written",
    promise: "never seen: signature and length are checked",
    short: true,
    async run(stage) {
      const draw = below(stage.seed);
      return refusals(stage, "F6", [], async ({ signed, cold }) =>
        Array.from({ length: 200 / ISOLATES }, (_, at): Given => {
          const cut = (text: string): string => text.slice(0, draw(text.length));
          if (at % 4 === 0) return { down: { root: null, slices: { [cold.id]: cut(cold.text) } }, lines: 1 };
          if (at % 4 === 1) return refused({ ...signed, signature: cut(signed.signature) });
          return refused({ ...signed, payload: cut(signed.payload) });
        }),
      );
    },
  },
  {
    id: "F7",
    fault: "snapshot older, unsigned, changed by 1 bit, too large",
    promise: "refused, the old one stays",
    short: true,
    async run(stage) {
      const draw = below(stage.seed);
      return refusals(stage, "F7", [], async (held, number) => {
        const { mesh, root, signed } = held;
        const all: Given[] = [];
        for (let at = 0; at < 50 / ISOLATES; at += 1) {
          const older = at % 2 === 0 ? { generation: draw(root.generation) } : { issuedAt: draw(root.issuedAt) };
          all.push(refused(await mesh.sign({ ...root, ...older })));
          const other = at % 2 === 0 ? "" : Buffer.from(random(draw, 64)).toString("base64url");
          all.push(refused({ ...signed, signature: other }));
          all.push(changed(held, draw));
          // One of 16 MB takes as long as all others: the short run has one for each other isolate.
          if (stage.all || at + (number % 2) === 0)
            all.push(refused({ ...signed, pad: MAX_ROOT_BYTES + draw(2) * MAX_ROOT_BYTES }));
        }
        return all;
      });
    },
  },
  {
    id: "F46",
    fault: "unknown field or kind in a snapshot that is signed",
    promise: "refused whole",
    short: true,
    async run(stage) {
      return refusals(stage, "F46", [manyParts("F46")], unknown);
    },
  },
];

type Draw = (below: number) => number;

/** Draws whole numbers from 0 on. */
function below(seed: number): Draw {
  const draws = drawsOf(seed);
  return (limit) => draws.int(0, limit - 1);
}

/** Parts of a slice that decide, of many kinds, for the row's host. */
export const manyParts = (id: string): string => `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: many, namespace: ${id.toLowerCase()} }
spec:
  action: DENY
  targetRefs: [{ kind: ServiceEntry, group: networking.istio.io, name: service }]
  rules:
    - from: [{ source: { principals: ["*/sa/mallory"], notRequestPrincipals: ["*"], namespaces: [foreign] } }]
      to: [{ operation: { hosts: ["*.mallory.example"], paths: ["/a/{*}/b"], notMethods: [GET] } }]
      when: [{ key: "request.headers[x-case]", values: [bad] }, { key: source.ip, values: [192.0.2.0/24] }]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: more, namespace: ${id.toLowerCase()} }
spec:
  hosts: [${hostOf(id)}]
  gateways: [default/front]
  http:
    - match: [{ uri: { regex: "/never/.+" }, headers: { x-case: { exact: bad } }, queryParams: { a: { prefix: b } } }]
      retries: { attempts: 2, retryOn: 5xx }
      corsPolicy: { allowOrigins: [{ exact: "https://a.example" }] }
      headers: { request: { set: { x-route: more } } }
      route: [{ destination: { host: ${serviceOf(id)} } }]
    - match: [{ uri: { prefix: /away } }]
      redirect: { uri: /, scheme: https }
    - match: [{ uri: { exact: /direct } }]
      directResponse: { status: 204 }
`;

const refused = (root: Down["root"]): Given => ({ down: { root, slices: {} }, lines: 1 });

/** One bit, of what is signed or of what is named by its hash. */
function changed({ signed, cold }: Held, draw: Draw): Given {
  const flipped = (text: string): string => {
    const bytes = Buffer.from(text, "latin1");
    const at = draw(bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << draw(8));
    return bytes.toString("latin1");
  };
  if (draw(3) === 0) return { down: { root: null, slices: { [cold.id]: flipped(cold.text) } }, lines: 1 };
  return refused({ ...signed, payload: flipped(signed.payload) });
}

function random(draw: Draw, length: number): number[] {
  return Array.from({ length }, () => draw(256));
}

async function unknown(held: Held, number: number): Promise<readonly Given[]> {
  const { mesh, root, warm } = held;
  const roots = [
    { ...root, unheard: true },
    { ...root, format: root.format + 1 },
    { ...root, trust: null },
  ];
  const given: Given[] = [];
  for (const each of roots) given.push(refused(await mesh.sign(each as never)));
  for (const [at, text] of spoiled(warm.text).entries()) {
    if (at % ISOLATES === number) given.push({ down: await withSlice(held, text, await sliceId(text)), lines: 2 });
  }
  return given;
}

/** What only tunes or observes may have fields of later: they are not looked at. */
const TUNING = new Set(["workload", "pool", "outlier", "service", "labels", "programs"]);

/** The slice with a kind that nobody heard of in each place that has one, and with a field of later in each part that decides. */
function spoiled(text: string): readonly string[] {
  const slice = JSON.parse(text) as Record<string, unknown>;
  const texts = [JSON.stringify({ ...slice, format: Number(slice["format"]) + 1 })];
  const walk = (value: unknown, isNamed = false): void => {
    if (typeof value !== "object" || value === null) return;
    const object = value as Record<string, unknown>;
    const tried = (name: string, instead: unknown): void => {
      const before = object[name];
      object[name] = instead;
      texts.push(JSON.stringify(slice));
      if (before === undefined) delete object[name];
      else object[name] = before;
    };
    if (!Array.isArray(object) && !isNamed) tried("unheard", true);
    for (const [name, inner] of Object.entries(object)) {
      if (typeof inner === "string" && (name === "kind" || (name !== "value" && /^[A-Z_]{3,}$/.test(inner))))
        tried(name, "unheard");
      else if (!TUNING.has(name)) walk(inner, name === "clusters");
    }
  };
  walk(slice);
  return texts;
}
