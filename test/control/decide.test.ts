import { generateKeyPairSync } from "node:crypto";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decide } from "../../src/decide/decide.ts";
import { describeDecision } from "../../src/decide/describe.ts";
import { writeFacts } from "../../src/decide/written.ts";
import type { RequestFacts } from "../../src/request/facts.ts";
import { HostIndex } from "../../src/routing/host.ts";
import { link, type LinkedSlice } from "../../src/snapshot/link.ts";
import type { Root, Slice } from "../../src/snapshot/model.ts";
import { facts, headers, peer } from "../decide/requests.ts";
import { type Json, RunningControl } from "./running.ts";

const HOST = "reviews.default.svc.cluster.local";
const WEB = { principal: "cluster.local/ns/default/sa/web" };

const POLICIES = `
apiVersion: v1
kind: Namespace
metadata: { name: shop }
---
apiVersion: v1
kind: Service
metadata: { name: reviews, namespace: default }
spec: { selector: { app: reviews }, ports: [{ name: http, port: 9080 }] }
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: reviews-v1, namespace: default }
spec: { address: "binding:EP_REVIEWS_V1", labels: { app: reviews, version: v1 }, serviceAccount: reviews }
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: reviews-v2, namespace: default }
spec: { address: "binding:EP_REVIEWS_V2", labels: { app: reviews, version: v2 }, serviceAccount: reviews }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: reviews, namespace: default }
spec:
  host: reviews
  subsets: [{ name: v1, labels: { version: v1 } }, { name: v2, labels: { version: v2 } }]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: reviews, namespace: default }
spec:
  hosts: [reviews]
  http:
    - name: tested
      match:
        - { uri: { prefix: /api/ }, headers: { x-tier: { exact: gold } } }
        - { uri: { prefix: /api/ }, queryParams: { tier: { exact: gold } } }
      rewrite: { uri: /tested/ }
      route: [{ destination: { host: reviews, subset: v2 } }]
    - name: split
      match: [{ method: { exact: GET } }]
      route:
        - { destination: { host: reviews, subset: v1 }, weight: 50 }
        - { destination: { host: reviews, subset: v2 }, weight: 50 }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: no-guests, namespace: default }
spec:
  selector: { matchLabels: { version: v2 } }
  action: DENY
  rules: [{ from: [{ source: { notPrincipals: ["cluster.local/ns/default/sa/web"] } }] }]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: readers, namespace: default }
spec:
  selector: { matchLabels: { app: reviews } }
  rules: [{ to: [{ operation: { paths: ["/api/*", "/tested/*"] } }] }]
`;

let control: RunningControl;
let reviews: LinkedSlice;

beforeAll(async () => {
  control = await RunningControl.start();
  const applied = await control.apply(POLICIES);
  expect([applied.status, applied.json["message"]]).toEqual([200, undefined]);
  await control.rpc("ALL", "register", { bindings: ["EP_REVIEWS_V1", "EP_REVIEWS_V2"], hasPrivate: true, format: 2 });
  reviews = link(await sliceOf(HOST));
});
afterAll(() => control.stop());

/** What control gives to a gateway that fronts everything. */
async function sliceOf(host: string): Promise<Slice> {
  const answer = await control.root("all");
  if (answer.kind !== "root") throw new Error("no root");
  const root = JSON.parse(answer.root.payload) as Root;
  const id = new HostIndex(root.scopes).lookup("mesh/default", host) ?? "";
  const texts = (await control.rpc("STATE", "slices", "all", [id])) as Record<string, string>;
  return JSON.parse(texts[id] ?? "") as Slice;
}

/** What the gateway would make of the same request, said in other words. */
function inProcess(told: {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: RequestFacts["headers"];
  readonly account: string | null;
  readonly seed: number;
}): RequestFacts {
  const { account, ...rest } = told;
  return facts({
    ...rest,
    host: HOST,
    authority: `${HOST}:9080`,
    port: 9080,
    ...(account !== null && { peer: peer(account) }),
  });
}

async function ask(told: Record<string, unknown>, scope?: string) {
  return control.call("POST", "/api/v1/decide", {
    ...(scope !== undefined && { scope }),
    facts: { host: HOST, ...told },
  });
}

async function answerTo(told: Record<string, unknown>, scope?: string): Promise<Json> {
  const answer = await ask(told, scope);
  expect([answer.status, answer.json["message"]]).toEqual([200, undefined]);
  return answer.json;
}

describe("who may have a request decided", () => {
  it.each([
    { name: "a viewer", role: "viewer" },
    { name: "an editor", role: "editor" },
    { name: "an administrator of one namespace", role: "admin", namespace: "default" },
  ])("$name may not", async ({ role, namespace }) => {
    const made = await control.call("POST", "/api/v1/tokens", { name: "t", role, namespace });
    const token = String(made.json["token"]);
    const answer = await control.call("POST", "/api/v1/decide", { facts: { host: HOST } }, { token });
    expect(answer.status).toBe(403);
    expect(answer.json).toMatchObject({ kind: "Status", reason: "Forbidden", code: 403 });
  });

  it("nobody may without a token", async () => {
    const answer = await control.raw("POST", "/api/v1/decide", {}, JSON.stringify({ facts: { host: HOST } }));
    expect(answer.status).toBe(401);
    expect(await answer.json()).toMatchObject({ kind: "Status", reason: "Unauthorized" });
  });
});

describe("what cannot be decided is refused", () => {
  it.each([
    { name: "no JSON", body: "{", status: 400, reason: "BadRequest", says: "send JSON" },
    {
      name: "a field that is there twice",
      body: '{"facts":{"host":"a","host":"b"}}',
      status: 400,
      reason: "BadRequest",
      says: "send JSON",
    },
    {
      name: "a body of more than 64 KiB",
      body: { facts: { host: HOST, headers: { x: "a".repeat(65_536) } } },
      status: 413,
      reason: "RequestEntityTooLarge",
      says: "65536",
    },
    {
      name: "an unknown field",
      body: { facts: { host: HOST, pathh: "/" } },
      status: 422,
      reason: "Invalid",
      says: "facts.pathh: unknown field; did you mean `path`",
    },
    {
      name: "an unknown field beside the facts",
      body: { facts: { host: HOST }, gateway: "a" },
      status: 422,
      reason: "Invalid",
      says: "gateway: unknown field",
    },
    { name: "no facts", body: {}, status: 422, reason: "Invalid", says: "facts: is required" },
    { name: "a list for a body", body: [], status: 422, reason: "Invalid", says: "must be an object" },
    { name: "no host", body: { facts: {} }, status: 422, reason: "Invalid", says: "facts.host: is required" },
    {
      name: "a scope of no form",
      body: { scope: "shop", facts: { host: HOST } },
      status: 422,
      reason: "Invalid",
      says: "scope: must be `mesh/*`",
    },
    {
      name: "a path without a slash",
      body: { facts: { host: HOST, path: "x" } },
      status: 422,
      reason: "Invalid",
      says: "facts.path: must begin with `/`",
    },
    {
      name: "a query in the path",
      body: { facts: { host: HOST, path: "/x?y" } },
      status: 422,
      reason: "Invalid",
      says: "facts.path: must not hold `?`",
    },
    {
      name: "a line break in a header",
      body: { facts: { host: HOST, headers: { x: "a\r\nb: c" } } },
      status: 422,
      reason: "Invalid",
      says: "facts.headers.x: must be a header's value",
    },
    {
      name: "a header that no client can name",
      body: { facts: { host: HOST, headers: { "a b": "c" } } },
      status: 422,
      reason: "Invalid",
      says: "must be a header's name",
    },
    {
      name: "the Host header among the headers",
      body: { facts: { host: HOST, headers: { Host: "b" } } },
      status: 422,
      reason: "Invalid",
      says: "facts.headers[Host]: say it as `host`",
    },
    {
      name: "the platform's header",
      body: { facts: { host: HOST, headers: { "CF-Connecting-IP": "1.2.3.4" } } },
      status: 422,
      reason: "Invalid",
      says: "say it as `clientIp`",
    },
    {
      name: "an address of a client in the mesh",
      body: { facts: { host: HOST, clientIp: "1.2.3.4" } },
      status: 422,
      reason: "Invalid",
      says: "facts.clientIp: nothing tells it in the mesh",
    },
    {
      name: "two ports",
      body: { facts: { host: `${HOST}:80`, port: 81 } },
      status: 422,
      reason: "Invalid",
      says: "facts.port: `host` names port 80",
    },
    {
      name: "another port than the listener's",
      body: { scope: "gw/default/front/80", facts: { host: HOST, port: 81 } },
      status: 422,
      reason: "Invalid",
      says: "facts.port: the scope's listener is at port 80",
    },
    {
      name: "a peer without a path",
      body: { facts: { host: HOST, peer: { principal: "cluster.local" } } },
      status: 422,
      reason: "Invalid",
      says: "facts.peer.principal: is no SPIFFE ID",
    },
    {
      name: "a peer of another trust domain",
      body: { facts: { host: HOST, peer: { principal: "else.test/ns/default/sa/web" } } },
      status: 422,
      reason: "Invalid",
      says: "facts.peer: the mesh trusts `cluster.local` alone",
    },
    {
      name: "a peer without its trust domain, and says how it is written",
      body: { facts: { host: HOST, peer: { principal: "default/web" } } },
      status: 422,
      reason: "Invalid",
      says: "write `cluster.local/ns/NAMESPACE/sa/ACCOUNT`",
    },
    {
      name: "a scope that the caller does not see",
      body: { scope: "mesh/shop", facts: { host: HOST, peer: WEB } },
      status: 422,
      reason: "Invalid",
      says: "scope: this caller sees `mesh/default`",
    },
    {
      name: "a namespace's scope for nobody",
      body: { scope: "mesh/shop", facts: { host: HOST } },
      status: 422,
      reason: "Invalid",
      says: "scope: this caller sees `mesh/*`",
    },
    {
      name: "a token that is refused and has claims",
      body: { facts: { host: HOST, tokens: [{ issuer: "i", refused: "jwt_invalid", subject: "u" }] } },
      status: 422,
      reason: "Invalid",
      says: "facts.tokens[0]: a token that is refused has an issuer alone",
    },
    {
      name: "a refusal that there is not",
      body: { facts: { host: HOST, tokens: [{ issuer: "i", refused: "no" }] } },
      status: 422,
      reason: "Invalid",
      says: "facts.tokens[0].refused",
    },
    {
      name: "half a record",
      body: { facts: { host: HOST, conclusions: {} } },
      status: 422,
      reason: "Invalid",
      says: "facts.forwardPath: is required",
    },
  ])("$name", async ({ body, status, reason, says }) => {
    const answer = await control.call("POST", "/api/v1/decide", body);
    expect([answer.status, String(answer.json["message"])]).toEqual([status, expect.stringContaining(says)]);
    expect(answer.json).toMatchObject({ kind: "Status", status: "Failure", reason, code: status });
  });
});

describe("a request that nobody sent", () => {
  it("is decided as the gateway would, with what was looked at", async () => {
    const answer = await answerTo({ port: 9080, path: "/api/1", peer: WEB, headers: { "X-Tier": "gold" } });
    expect(answer).toEqual({
      generation: expect.any(Number),
      scope: "mesh/default",
      host: HOST,
      slice: expect.stringMatching(/^[0-9a-f]{64}$/),
      decision: expect.objectContaining({ effect: "forward", route: "default/reviews/tested", path: "/tested/1" }),
      trace: [
        { stage: "host", name: HOST, outcome: "listed in mesh/default" },
        { stage: "route", name: "default/reviews/tested", outcome: "matched" },
        { stage: "destination", name: "default/readers", outcome: "allowed" },
      ],
      endpoints: [{ endpoint: "binding:EP_REVIEWS_V2", workload: "default/reviews-v2", weight: 1 }],
    });
  });

  it.each([
    { name: "a path that no ALLOW lists", told: { path: "/x", peer: WEB }, code: "rbac_denied_no_allow", status: 403 },
    {
      name: "a caller whom DENY names",
      told: { path: "/api/1", query: "tier=gold", peer: null },
      code: "rbac_denied_matched_policy",
      status: 403,
    },
    { name: "a method that no route takes", told: { method: "DELETE", peer: WEB }, code: "no_route", status: 404 },
    { name: "a method that nobody knows", told: { method: "BREW" }, code: "method_unknown", status: 501 },
    { name: "a method that is never taken", told: { method: "TRACE" }, code: "method_not_allowed", status: 405 },
    { name: "a port that the service has not", told: { port: 81 }, code: "no_route", status: 404 },
    { name: "a path that reads in two ways", told: { path: "/a%2fb" }, code: "path_escaped_slash", status: 400 },
    { name: "a host that reads in two ways", told: { host: "a..b" }, code: "host_invalid", status: 400 },
    { name: "a host that nobody serves", told: { host: "nowhere.test" }, code: "no_route", status: 404 },
  ])("is answered: $name", async ({ told, code, status }) => {
    const { decision, endpoints } = await answerTo({ port: 9080, ...told });
    expect(decision).toMatchObject({ effect: "answer", code, status });
    expect(endpoints).toEqual([]);
  });

  it("names what refuses, and where the host was looked for", async () => {
    const denied = await answerTo({ port: 9080, path: "/api/1", query: "tier=gold" });
    expect(denied).toMatchObject({
      decision: { policy: "default/no-guests", cluster: expect.stringContaining("|v2|") },
    });
    const missing = await answerTo({ host: "nowhere.test", peer: { principal: "cluster.local/ns/shop/sa/cart" } });
    expect(missing).toMatchObject({
      scope: "mesh/shop",
      slice: null,
      trace: [{ stage: "host", name: "nowhere.test", outcome: "not listed in mesh/shop" }],
    });
    expect(await answerTo({ host: HOST }, "gw/default/front/80")).toMatchObject({
      scope: "gw/default/front/80",
      slice: null,
      decision: { code: "no_route" },
    });
  });

  it("says which part of each match block fails, and which ALLOW policies were asked", async () => {
    const { trace } = await answerTo({ port: 9080, path: "/api/1", query: "tier=free", method: "POST", peer: WEB });
    expect(trace).toEqual([
      { stage: "host", name: HOST, outcome: "listed in mesh/default" },
      { stage: "route", name: "default/reviews/tested", outcome: "header `x-tier` does not match" },
      { stage: "route", name: "default/reviews/tested", outcome: "query parameter `tier` does not match" },
      { stage: "route", name: "default/reviews/split", outcome: "method does not match" },
      { stage: "route", name: "none", outcome: "no route" },
    ]);
    const denied = await answerTo({ port: 9080, path: "/x", peer: WEB });
    expect(denied.trace).toContainEqual({ stage: "destination", name: "default/readers", outcome: "no rule holds" });
  });

  it("tells of no query value, and draws by the seed that is told", async () => {
    const { decision } = await answerTo({ port: 9080, path: "/api/1", query: "tier=gold&secret=x", peer: WEB });
    expect(decision).toMatchObject({ effect: "forward", query: "tier=*&secret=*" });
    const clusters = new Set<unknown>();
    for (let seed = 0; seed < 20; seed += 1)
      clusters.add((await answerTo({ port: 9080, path: "/api/1", peer: WEB, seed })).decision?.["cluster"]);
    expect(clusters.size).toBe(2);
  });

  it("follows the newest configuration at once", async () => {
    const told = { host: "late.shop.svc.cluster.local", peer: WEB };
    const before = await answerTo(told);
    expect(before).toMatchObject({ slice: null });
    await control.apply(`
apiVersion: v1
kind: Service
metadata: { name: late, namespace: shop }
spec: { ports: [{ name: http, port: 80 }] }`);
    const after = await answerTo(told);
    expect(Number(after.generation)).toBe(Number(before.generation) + 1);
    expect(after).toMatchObject({ decision: { code: "no_endpoint", status: 503 } });
  });

  it("gets the decision that the same slice gives in this process", async () => {
    const word = fc.constantFrom("gold", "free", "gold, free");
    const told = fc.record({
      method: fc.constantFrom("GET", "POST", "OPTIONS"),
      path: fc.constantFrom("/", "/api/1", "/api/2", "/tested/1"),
      query: fc.constantFrom("", "tier=gold", "tier=free&tier=gold", "a&tier="),
      tier: fc.option(word),
      account: fc.option(fc.constantFrom("web", "cart")),
      seed: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
    });
    const seen = new Set<string>();
    await fc.assert(
      fc.asyncProperty(told, async ({ tier, account, ...rest }) => {
        const fields = tier === null ? {} : { "x-tier": tier };
        const principal = account === null ? null : { principal: `spiffe://cluster.local/ns/default/sa/${account}` };
        const { decision } = await answerTo({ ...rest, port: 9080, headers: fields, peer: principal });
        const same = decide(reviews, inProcess({ ...rest, headers: headers(fields), account }));
        if (same.effect === "need") throw new Error("a fact is missing");
        expect(decision).toEqual(JSON.parse(JSON.stringify(describeDecision(same))));
        seen.add(same.effect === "answer" ? same.code : same.route.model.name);
      }),
      { numRuns: 150, seed: 4 },
    );
    expect([...seen].toSorted()).toEqual([
      "default/reviews/split",
      "default/reviews/tested",
      "no_route",
      "rbac_denied_matched_policy",
      "rbac_denied_no_allow",
    ]);
  });
});

describe("a record of a request", () => {
  const recorded = (change: Partial<RequestFacts> = {}) =>
    JSON.parse(
      JSON.stringify(
        writeFacts(
          reviews,
          inProcess({
            method: "GET",
            path: "/api/1",
            query: "tier=gold",
            headers: headers(),
            account: "web",
            seed: 7,
            ...change,
          }),
        ),
      ),
    ) as Record<string, unknown>;

  it("is decided as it was: its conclusions stand for the values that it leaves out", async () => {
    const record = recorded();
    expect(record).toMatchObject({ query: "tier=*" });
    expect(await answerTo(record)).toMatchObject({
      scope: "mesh/default",
      decision: { effect: "forward", route: "default/reviews/tested", path: "/tested/1" },
      endpoints: [{ endpoint: "binding:EP_REVIEWS_V2" }],
    });
  });

  it("of the public side needs the listener's name", async () => {
    const record = { ...recorded(), entrance: "public" };
    const answer = await ask(record);
    expect(answer.status).toBe(422);
    expect(answer.json["message"]).toContain("scope: a record of the public side does not tell it");
    expect(await answerTo(record, "gw/default/front/80")).toMatchObject({ decision: { code: "no_route" } });
  });

  it("is refused where a newer rule wants to know what it leaves out, with that rule", async () => {
    const record = recorded();
    const newer = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: reviews, namespace: default }
spec:
  hosts: [reviews]
  http:
    - match: [{ queryParams: { beta: { exact: "on" } } }]
      route: [{ destination: { host: reviews, subset: v1 } }]
    - route: [{ destination: { host: reviews, subset: v2 } }]`;
    expect((await control.apply(newer)).status).toBe(200);
    const answer = await ask(record);
    expect(answer.status).toBe(422);
    expect(answer.json).toMatchObject({ reason: "Invalid", details: { causes: [{ field: "facts.conclusions" }] } });
    expect(answer.json["message"]).toContain('"name":"beta"');
  });
});

describe("a hypothetical token", () => {
  const ISSUER = "https://issuer.test";
  const key = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey.export({ format: "jwk" });
  const KEYS = JSON.stringify({ keys: [{ ...key, kid: "k" }] });
  const TELLER = "teller.shop.svc.cluster.local";

  beforeAll(async () => {
    const applied = await control.apply(`
apiVersion: v1
kind: Service
metadata: { name: teller, namespace: shop }
spec: { selector: { app: teller }, ports: [{ name: http, port: 80 }] }
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: teller, namespace: shop }
spec: { address: "binding:EP_TELLER", labels: { app: teller }, serviceAccount: teller }
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: { name: teller, namespace: shop }
spec:
  selector: { matchLabels: { app: teller } }
  jwtRules:
    - issuer: ${ISSUER}
      audiences: [bank]
      jwks: '${KEYS}'
      fromHeaders: [{ name: Authorization, prefix: "Bearer " }, { name: x-token }]
      outputClaimToHeaders: [{ header: x-user, claim: sub }]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: gold, namespace: shop }
spec:
  selector: { matchLabels: { app: teller } }
  rules:
    - from: [{ source: { requestPrincipals: ["${ISSUER}/*"] } }]
      when: [{ key: "request.auth.claims[tier]", values: [gold] }]`);
    expect([applied.status, applied.json["message"]]).toEqual([200, undefined]);
  });

  const GOOD = { issuer: ISSUER, subject: "ann", audiences: ["bank"], claims: { tier: "gold" } };

  it("is taken as verified where rules look for one of its issuer, and does what such a token does", async () => {
    const { decision } = await answerTo({ host: TELLER, tokens: [GOOD] });
    expect(decision).toMatchObject({
      effect: "forward",
      requestPrincipal: `${ISSUER}/ann`,
      byEndpoint: [
        {
          endpoint: "binding:EP_TELLER",
          changes: expect.arrayContaining([{ op: "set", name: "x-user", value: "ann" }]),
        },
      ],
    });
  });

  it.each([
    { name: "no token", told: {}, code: "rbac_denied_no_allow" },
    { name: "another tier", told: { tokens: [{ ...GOOD, claims: { tier: "free" } }] }, code: "rbac_denied_no_allow" },
    { name: "another audience", told: { tokens: [{ ...GOOD, audiences: ["shop"] }] }, code: "jwt_audience" },
    {
      name: "a token that does not verify",
      told: { tokens: [{ issuer: ISSUER, refused: "jwt_invalid" }] },
      code: "jwt_invalid",
    },
    {
      name: "keys that are away",
      told: { tokens: [{ issuer: ISSUER, refused: "jwks_unavailable" }] },
      code: "jwks_unavailable",
    },
    {
      name: "a second one that does not verify",
      told: { tokens: [GOOD, { issuer: ISSUER, refused: "jwt_invalid" }] },
      code: "jwt_invalid",
    },
  ])("is refused as the gateway would: $name", async ({ told, code }) => {
    expect((await answerTo({ host: TELLER, ...told })).decision).toMatchObject({ effect: "answer", code });
  });

  it("stands for the one that the request holds; one that nobody told of is refused by its place", async () => {
    const held = { host: TELLER, headers: { authorization: "Bearer abc" } };
    expect((await answerTo({ ...held, tokens: [GOOD] })).decision).toMatchObject({ effect: "forward" });
    const untold = await ask(held);
    expect(untold.status).toBe(422);
    expect(untold.json["message"]).toContain(
      "facts.tokens: the rule `shop/teller/0` finds a token in the header `authorization`",
    );
  });

  it("is named in the trace where no rule looks for its issuer", async () => {
    const { trace } = await answerTo({ host: TELLER, tokens: [{ issuer: "https://else.test" }] });
    expect(trace).toContainEqual({ stage: "token", name: "https://else.test", outcome: "no rule looks for it" });
  });

  it("leaves no trace in what is stored or counted", async () => {
    const stored = await control.dump();
    const metrics = await (await control.raw("GET", "/metrics", control.auth())).text();
    for (let turn = 0; turn < 5; turn += 1) await answerTo({ host: TELLER, path: `/secret-${turn}`, tokens: [GOOD] });
    expect(await control.dump()).toBe(stored);
    expect(await (await control.raw("GET", "/metrics", control.auth())).text()).toBe(metrics);
  });
});
