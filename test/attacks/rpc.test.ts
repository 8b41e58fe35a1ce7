import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { send } from "../support/http.ts";
import { GATEWAY, host, propsOf, RpcMesh, type RpcWorld, serviceOf, through } from "../rpc/rpc-mesh.ts";
import { type Attempt, attemptsOf, type Ending, type RpcCase, unknownIn } from "./rpc/corpus.ts";

const { cases, count } = JSON.parse(readFileSync(join(import.meta.dirname, "rpc/cases.json"), "utf8")) as {
  readonly cases: readonly RpcCase[];
  readonly count: number;
};

interface Came {
  readonly answered?: string;
  readonly thrown?: {
    readonly name: string;
    readonly message: string;
    readonly status?: number;
    readonly remote: boolean;
  };
}

/** The attacker's own bindings, by name. */
const BINDINGS: Readonly<Record<string, object>> = {
  MALLORY: through(propsOf("mallory", "orders")),
  /** To be tampered with: what is done to it lasts. */
  SPARE: through(propsOf("mallory", "orders")),
  /** Of another caller, for what holds whoever calls. */
  VICTIM: through(propsOf("victim", "orders")),
  NOBODYS: through({ namespace: "shop", serviceAccount: "victim" }),
  SLASHED: through(propsOf("victim", "orders", { entrypoint: "default/add/../x" })),
  DOTTED: through(propsOf("victim", "orders", { entrypoint: ".." })),
  EMPTY: through(propsOf("victim", "orders", { entrypoint: "" })),
  NO_VARIANT: through(propsOf("victim", "orders", { binding: "none" })),
  PROTO_VARIANT: through(propsOf("victim", "orders", { binding: "__proto__" })),
  FOREIGN_VARIANT: through(propsOf("victim", "orders", { binding: "../EP_VAULT_V1" })),
  VAULT_ENTRYPOINT: through(propsOf("victim", "orders", { entrypoint: "Vault", binding: "vault" })),
  MALLORY_VAULT: through(propsOf("mallory", "orders", { entrypoint: "Vault", binding: "vault" })),
  MALLORY_KEYED: through(propsOf("mallory", "keyed")),
  NO_NAMESPACE: through({ serviceAccount: "victim", service: host("orders") }),
  NO_ACCOUNT: through({ namespace: "shop", service: host("orders") }),
};

/** Mallory may call two methods and ask under one path; the victim may do all but one thing. */
const POLICIES = `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: mallory, namespace: shop }
spec:
  selector: { matchLabels: { app: orders } }
  rules:
    - from: [{ source: { principals: [cluster.local/ns/shop/sa/mallory] } }]
      to: [{ operation: { methods: [GET, POST], paths: [/default/add, /default/echo, "/http/*"] } }]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: victim, namespace: shop }
spec:
  selector: { matchLabels: { app: orders } }
  rules: [{ from: [{ source: { principals: [cluster.local/ns/shop/sa/victim] } }] }]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: no-secrets, namespace: shop }
spec:
  action: DENY
  selector: { matchLabels: { app: orders } }
  rules: [{ to: [{ operation: { paths: [/default/secret] } }] }]
---
apiVersion: tulle.dev/v1alpha1
kind: APIKeyPolicy
metadata: { name: keyed, namespace: shop }
spec: { selector: { matchLabels: { app: keyed } } }
`;

const WORLD: RpcWorld = {
  workers: [
    { name: "attacker", entry: "test/attacks/rpc/workers/attacker.ts", bindings: BINDINGS },
    {
      name: "victim",
      entry: "test/attacks/rpc/workers/victim.ts",
      bindings: { ORDERS: through(propsOf("victim", "orders")), WATCH: { name: "target", entrypoint: "Watch" } },
    },
    { name: "target", entry: "test/attacks/rpc/workers/target.ts" },
  ],
  endpoints: {
    EP_ORDERS_V1: { name: "target" },
    EP_ORDERS_V1__vault: { name: "target", entrypoint: "Vault" },
    EP_KEYED_V1: { name: "target" },
    EP_VAULT_V1: { name: "target", entrypoint: "Vault" },
  },
  resources: [serviceOf("orders"), serviceOf("vault"), serviceOf("keyed"), POLICIES].join("\n---\n"),
};

/** What of the gateway nobody may see. */
const INNER = /SNAPSHOT_KEYS|GATEWAY_NAME|EP_[A-Z]|cloudflare:workers|index\.js/;

describe("attacks by Workers RPC", () => {
  let mesh: RpcMesh;
  const bindings = new Set(Object.keys(BINDINGS));

  beforeAll(async () => {
    mesh = await RpcMesh.start(WORLD);
  });
  afterAll(() => mesh?.stop());

  it("are all in the table, each with an id of its own", () => {
    expect(cases).toHaveLength(count);
    expect(new Set(cases.map(({ id }) => id)).size).toBe(count);
  });

  it.each(cases)("$id $title", async (attack) => {
    const unknown = unknownIn(attack, bindings);
    if (unknown !== null) throw new Error(`the runner doesn't know its ${unknown}`);
    for (const attempt of attemptsOf(attack)) await tried(attack, attempt);
  });

  async function tried({ must }: RpcCase, attempt: Attempt): Promise<void> {
    const came = await mesh.ask<Came>("attacker", attempt);
    const after = await mesh.ask<{ readonly reached: readonly string[]; readonly sum: unknown }>("victim");
    const said = `${JSON.stringify(attempt).slice(0, 300)} -> ${JSON.stringify(came).slice(0, 500)}, ${JSON.stringify(after)}`;
    expect(must.end, said).toContain(endingOf(came));
    const reached = after.reached.map((one) =>
      must.reached?.[0] === "orders.fetch *" ? one.replace(/ .*/, " *") : one,
    );
    expect(must.reached ?? [], said).toEqual(expect.arrayContaining(reached));
    if (must.answer !== undefined) expect(came.answered, said).toContain(must.answer);
    expect(JSON.stringify(came), said).not.toMatch(INNER);
    expect(after.sum, said).toBe(5);
  }

  it("a method is not reached from outside by HTTP either", async () => {
    const url = `http://127.0.0.1:${await mesh.portOf(GATEWAY)}/default/add`;
    const answer = await send(url, { method: "POST", host: host("orders"), body: "[1,2]" });
    expect(answer.status).toBe(404);
    expect(await mesh.ask("victim")).toEqual({ reached: [], sum: 5 });
  });

  it("surprise the gateway nowhere", () => {
    // The runtime says this by itself of whoever connects.
    const own = /connect/;
    expect(mesh.said.filter((line) => !own.test(line))).toEqual([]);
  });

  it("leave lines that name who called, by the props of each binding", async () => {
    const lines = await mesh.logged("/default/secret");
    const named = lines.filter(({ source_workload: workload }) => workload === "mallory-v1");
    expect(named.length).toBeGreaterThan(0);
    expect(new Set(named.map(({ source_principal: principal }) => principal))).toEqual(
      new Set(["cluster.local/ns/shop/sa/mallory"]),
    );
  });
});

/** `local`: the caller's own runtime said so, nothing was sent. `refused`: an HTTP answer of the gateway's own. */
function endingOf({ answered, thrown }: Came): Ending {
  if (thrown === undefined) return /^(?:4|5)\d\d /.test(answered ?? "") ? "refused" : "answered";
  if (thrown.name === "MeshDenied") return "denied";
  if (thrown.name === "MeshUnsupported") return "unsupported";
  if (thrown.name === "MeshUnavailable") return "unavailable";
  if (!thrown.remote) return "local";
  if (/does not implement|is not a function|is a reserved method/.test(thrown.message)) return "absent";
  throw new Error(`an ending that nobody knows: ${JSON.stringify(thrown)}`);
}
