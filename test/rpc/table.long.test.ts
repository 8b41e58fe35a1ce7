import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { propsOf, RpcMesh, type RpcWorld, serviceOf, through } from "./rpc-mesh.ts";

interface Row {
  readonly part: string;
  readonly row: string;
}

/** What came of a row one way, and how many objects of the callee were made for it. */
interface Came {
  readonly answered?: unknown;
  readonly thrown?: unknown;
  readonly hits: number;
}

const WORKERS = "test/rpc/workers";

const CALLERS = `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: callers, namespace: shop }
spec:
  selector: { matchLabels: { app: callee } }
  rules: [{ from: [{ source: { principals: [cluster.local/ns/shop/sa/caller] } }] }]
`;

/** What docs/rpc.md says is otherwise through the mesh. */
const OTHERWISE: ReadonlyMap<string, RegExp> = new Map([
  ["a member of a getter's object", /"MeshUnsupported".*"status":501/],
  ["a method of a getter's object", /"MeshUnsupported".*"status":501/],
]);

/** Rows that end in an error over the bare binding, too: what cannot be sent, found or used any more. */
const FAILS: Readonly<Record<string, readonly string[]>> = {
  values: [
    ...["argument", "answer"].flatMap((place) =>
      [
        "a symbol",
        "a WeakMap",
        "an object of a class",
        "such an object deep inside",
        "an async generator",
        "a WeakRef",
        "a URL",
        "URLSearchParams",
        "a FormData",
        "an object without a prototype",
        // What a method gives is waited for.
        ...(place === "argument" ? ["a promise"] : []),
        "a promise inside",
        "an EventTarget",
        "a locked stream",
      ].map((value) => `${value} as an ${place}`),
    ),
    "a CryptoKey",
    "33 MiB there",
    "33 MiB back",
    "an aborted signal",
    "a signal that is aborted in mid-call",
  ],
  members: [
    "a getter that gives nothing",
    "a getter that throws",
    "a field of the object",
    "a function in a field of the object",
    "a missing method",
    "a missing member, read",
  ],
  errors: ["thrown after a while", "a class that cannot be made", "thrown by a returned object"],
  callbacks: ["a callback kept without dup"],
  stubs: [
    "its private field and its own field",
    "a missing method of it",
    "a promise of an answer as an argument",
    "a stub sent before it is there",
    "a disposed object",
  ],
  streams: [
    "the producer breaks: the reader hears it",
    "the caller's stream breaks: the callee hears it",
    "the callee's stream takes no more: the caller hears it",
  ],
};

/** What a caller is told that may not call. */
const REFUSED = /MeshDenied|RBAC: access denied/;

/** The callee's entrypoints: how their bindings end, what they are called, and their variant of the gateway's binding. */
const ENTRYPOINTS = [
  { name: "CALLEE", entrypoint: undefined, variant: "t1" },
  { name: "LEDGER", entrypoint: "Ledger", variant: "ledger_t1" },
  { name: "BROKEN", entrypoint: "Broken", variant: "broken" },
] as const;

/** A binding to each of them, with the props that its user wrote: bare, through the mesh, and through it as a stranger. */
function world(): RpcWorld {
  const bindings: Record<string, object> = {};
  const endpoints: Record<string, object> = { EP_CALLEE_V1: { name: "callee" } };
  for (const { name, entrypoint, variant } of ENTRYPOINTS) {
    const bare = { name: "callee", ...(entrypoint && { entrypoint }), props: { tenant: "t1" } };
    const called = { ...(entrypoint && { entrypoint }), binding: variant };
    bindings[`BARE_${name}`] = bare;
    bindings[`MESH_${name}`] = through(propsOf("caller", "callee", called));
    bindings[`DENIED_${name}`] = through(propsOf("stranger", "callee", called));
    endpoints[`EP_CALLEE_V1__${variant}`] = bare;
  }
  const [watch, third] = [{ name: "callee", entrypoint: "Watch" }, { name: "third" }];
  return {
    workers: [
      { name: "caller", entry: `${WORKERS}/caller.ts`, bindings: { ...bindings, WATCH: watch, THIRD: third } },
      { name: "callee", entry: `${WORKERS}/callee.ts`, bindings: { THIRD: third }, objects: { MEMORY: "Memory" } },
      { name: "third", entry: `${WORKERS}/third.ts` },
    ],
    endpoints,
    resources: `${serviceOf("callee")}\n---\n${CALLERS}`,
  };
}

describe("over the bare binding and through the mesh", () => {
  let mesh: RpcMesh;
  let rows: readonly Row[];

  beforeAll(async () => {
    mesh = await RpcMesh.start(world());
    rows = await mesh.ask("caller");
  });
  afterAll(() => mesh?.stop());

  async function came(row: Row, way: "BARE" | "MESH" | "DENIED"): Promise<Came> {
    return mesh.ask("caller", { ...row, way });
  }

  const rowsOf = (part: string) => rows.filter((row) => row.part === part);

  it.each(Object.keys(FAILS))("%s come through the same", async (part) => {
    const [fails, different]: [string[], Record<string, unknown>] = [[], {}];
    for (const row of rowsOf(part)) {
      const [{ hits, ...bare }, { hits: meshHits, ...through }] = [await came(row, "BARE"), await came(row, "MESH")];
      if ("thrown" in bare) fails.push(row.row);
      const otherwise = OTHERWISE.get(row.row);
      if (otherwise !== undefined) expect(JSON.stringify(through)).toMatch(otherwise);
      else if (JSON.stringify(bare) !== JSON.stringify(through) || ("answered" in bare && hits !== meshHits))
        different[row.row] = { bare: { ...bare, hits }, through: { ...through, hits: meshHits } };
    }
    expect(different).toEqual({});
    expect(fails).toEqual(FAILS[part]);
  });

  it("a caller without permission reaches the callee by none of them", async () => {
    const reached: Record<string, Came> = {};
    for (const row of rows) {
      const denied = await came(row, "DENIED");
      if (denied.hits !== 0) reached[row.row] = denied;
      // What cannot be sent never leaves the caller: nobody is asked.
      else if (!REFUSED.test(JSON.stringify(denied)) && !isLocal(row, denied)) reached[row.row] = denied;
    }
    expect(reached).toEqual({});
  });

  function isLocal({ row }: Row, denied: Came): boolean {
    return (
      OTHERWISE.get(row)?.test(JSON.stringify(denied)) ??
      /DataCloneError|limited to 32MiB|never happened|locked to a reader/.test(JSON.stringify(denied))
    );
  }
});
