import { request as httpRequest } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { AccessRecord } from "../../src/telemetry/record.ts";
import { EchoMesh, policy, routes } from "../field-reports/echo-mesh.ts";
import { TestIssuer } from "../identity/tokens.ts";
import type { Answer } from "../support/http.ts";
import type { Svid } from "../support/mesh.ts";
import { until } from "../support/until.ts";

const WEB = { principal: "cluster.local/ns/default/sa/web" };
const TOKEN = { iss: "issuer", sub: "anna", exp: 4_102_444_800, aud: "shop", tier: "gold" };

const NAMES = ["open", "denied", "allowed", "strict", "signed", "routed", "secured"] as const;

/** A request from outside, or from a workload, and the same one as it is told to control. */
interface Case {
  readonly name: string;
  readonly host: string;
  readonly method?: string;
  readonly target?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Through the mesh, with this certificate. */
  readonly as?: "web" | "cart" | "till";
  readonly bearer?: "good" | "bad" | "other audience";
  readonly status: number;
  readonly details: string;
  /** Where the service gets it, if that is to be told. */
  readonly path?: string;
}

const MESH = "default.svc.cluster.local";

const CASES: readonly Case[] = [
  { name: "what nobody guards", host: "open.test", target: "/a/b;p=1?q=1&q=2", status: 200, details: "via_upstream" },
  { name: "a host that no Gateway has", host: "nobody.test.else", status: 404, details: "no_route" },
  {
    name: "a path that DENY names",
    host: "denied.test",
    target: "/admin/x",
    status: 403,
    details: "rbac_denied_matched_policy",
  },
  {
    name: "the same path written with dots",
    host: "denied.test",
    target: "/x/../admin/x",
    status: 403,
    details: "rbac_denied_matched_policy",
  },
  {
    name: "the same path with an escaped slash",
    host: "denied.test",
    target: "/x%2fadmin",
    status: 400,
    details: "path_escaped_slash",
  },
  { name: "a path beside it", host: "denied.test", target: "/public", status: 200, details: "via_upstream" },
  {
    name: "a header that ALLOW wants",
    host: "allowed.test",
    headers: { "X-Tier": "gold" },
    status: 200,
    details: "via_upstream",
  },
  {
    name: "a header that ALLOW does not want",
    host: "allowed.test",
    headers: { "X-Tier": "free" },
    status: 403,
    details: "rbac_denied_no_allow",
  },
  {
    name: "another spelling of it",
    host: "allowed.test",
    headers: { X_Tier: "gold" },
    status: 403,
    details: "rbac_denied_no_allow",
  },
  { name: "no header at all", host: "allowed.test", status: 403, details: "rbac_denied_no_allow" },
  {
    name: "a header that Connection names",
    host: "allowed.test",
    headers: { "X-Tier": "gold", Connection: "X-Tier" },
    status: 403,
    details: "rbac_denied_no_allow",
  },
  { name: "strict mTLS, through a Gateway", host: "strict.test", status: 200, details: "via_upstream" },
  { name: "strict mTLS, from a workload", host: `strict.${MESH}`, as: "web", status: 200, details: "via_upstream" },
  {
    name: "a workload that DENY names",
    host: `denied.${MESH}`,
    as: "cart",
    target: "/",
    status: 403,
    details: "rbac_denied_matched_policy",
  },
  {
    name: "a workload that it does not name",
    host: `denied.${MESH}`,
    as: "web",
    target: "/",
    status: 200,
    details: "via_upstream",
  },
  { name: "a short name", host: "open", as: "web", status: 200, details: "via_upstream" },
  { name: "a service that there is not", host: `missing.${MESH}`, as: "web", status: 404, details: "no_route" },
  {
    name: "a match block for callers with some labels",
    host: `open.${MESH}`,
    as: "till",
    target: "/a",
    status: 200,
    details: "via_upstream",
    path: "/till/a",
  },
  {
    name: "the same call by a caller without them",
    host: `open.${MESH}`,
    as: "web",
    target: "/a",
    status: 200,
    details: "via_upstream",
    path: "/a",
  },
  {
    name: "a service that the caller's Sidecar does not import",
    host: `allowed.${MESH}`,
    as: "till",
    headers: { "x-tier": "gold" },
    status: 502,
    details: "egress_blocked",
  },
  { name: "its short name", host: "allowed", as: "till", status: 502, details: "egress_blocked" },
  {
    name: "a service that it imports, at another port",
    host: `strict.${MESH}:81`,
    as: "till",
    status: 502,
    details: "egress_blocked",
  },
  {
    name: "a service that it imports, and nobody else's Sidecar",
    host: `strict.${MESH}`,
    as: "till",
    status: 200,
    details: "via_upstream",
  },
  { name: "a good token", host: "signed.test", bearer: "good", status: 200, details: "via_upstream" },
  { name: "no token", host: "signed.test", status: 403, details: "rbac_denied_no_allow" },
  {
    name: "a token that is not signed by its issuer",
    host: "signed.test",
    bearer: "bad",
    status: 401,
    details: "jwt_invalid",
  },
  {
    name: "a token for another audience",
    host: "signed.test",
    bearer: "other audience",
    status: 403,
    details: "jwt_audience",
  },
  {
    name: "a route by header, rewritten",
    host: "routed.test",
    target: "/old/x",
    headers: { "x-beta": "on" },
    status: 200,
    details: "via_upstream",
  },
  { name: "a route by query", host: "routed.test", target: "/y?beta=on", status: 200, details: "via_upstream" },
  { name: "no route", host: "routed.test", target: "/none", status: 404, details: "no_route" },
  {
    name: "plain http where https is wanted",
    host: "secured.test",
    target: "/x?y=1",
    status: 301,
    details: "https_redirect",
  },
  {
    name: "a method that is never taken",
    host: "open.test",
    method: "TRACE",
    status: 405,
    details: "method_not_allowed",
  },
];

function yaml(keys: unknown): readonly string[] {
  return [
    policy("denied", "DENY", { to: [{ operation: { paths: ["/admin*"] } }] }),
    policy("denied", "DENY", { from: [{ source: { principals: ["cluster.local/ns/default/sa/cart"] } }] }).replace(
      '"metadata":{"name":"denied"}',
      '"metadata":{"name":"denied-caller"}',
    ),
    policy("allowed", "ALLOW", { when: [{ key: "request.headers[x-tier]", values: ["gold"] }] }),
    policy("signed", "ALLOW", { when: [{ key: "request.auth.claims[tier]", values: ["gold"] }] }),
    `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: strict }
spec: { selector: { matchLabels: { app: strict } }, mtls: { mode: STRICT } }`,
    JSON.stringify({
      apiVersion: "security.istio.io/v1",
      kind: "RequestAuthentication",
      metadata: { name: "signed" },
      spec: {
        selector: { matchLabels: { app: "signed" } },
        jwtRules: [{ issuer: "issuer", audiences: ["shop"], jwks: JSON.stringify(keys) }],
      },
    }),
    `
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: till }
spec: { address: 127.0.250.200, serviceAccount: till, labels: { app: till } }
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { name: till }
spec:
  workloadSelector: { labels: { app: till } }
  egress: [{ hosts: [./open.${MESH}, ./strict.${MESH}] }]
  outboundTrafficPolicy: { mode: REGISTRY_ONLY }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: open-by-caller }
spec:
  hosts: [open]
  http:
    - match: [{ sourceLabels: { app: till }, uri: { prefix: / } }]
      rewrite: { uri: /till/ }
      route: [{ destination: { host: open } }]
    - route: [{ destination: { host: open } }]`,
    routes("routed", [
      {
        name: "beta",
        match: [{ uri: { prefix: "/old" }, headers: { "x-beta": { exact: "on" } } }],
        rewrite: { uri: "/new" },
        route: [{ destination: { host: "open" } }],
      },
      {
        name: "asked",
        match: [{ queryParams: { beta: { exact: "on" } } }],
        route: [{ destination: { host: "routed" } }],
      },
    ]),
    `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: secured }
spec:
  selector: { istio: secured }
  servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: [secured.test], tls: { httpsRedirect: true } }]`,
    routes("secured", [{ route: [{ destination: { host: "secured" } }] }]).replace(
      '"gateways":["front"]',
      '"gateways":["secured"]',
    ),
  ];
}

describe("what control says of a request is what becomes of it", () => {
  let echo: EchoMesh;
  let tokens: Readonly<Record<NonNullable<Case["bearer"]>, string>>;
  let svids: Readonly<Record<NonNullable<Case["as"]>, Svid>>;

  beforeAll(async () => {
    const issuer = await TestIssuer.create(["ES256"]);
    const stranger = await TestIssuer.create(["ES256"]);
    tokens = {
      good: await issuer.sign(TOKEN, {}, "ES256"),
      bad: await stranger.sign(TOKEN, {}, "ES256"),
      "other audience": await issuer.sign({ ...TOKEN, aud: "bank" }, {}, "ES256"),
    };
    echo = await EchoMesh.start(12_700, NAMES, yaml(issuer.jwks));
    const enrol = async (account: string) => echo.mesh.enrol("default", account);
    svids = { web: await enrol("web"), cart: await enrol("cart"), till: await enrol("till") };
    await echo.mesh.settled();
    // What a gateway needs of a host for a caller comes with the first request, which may come too early on a busy machine.
    await Promise.all(
      CASES.map(async (each) => until(`${each.name} to be known`, async () => (await really(each)).status !== 503)),
    );
  });
  afterAll(() => echo.stop());

  async function really({ host, method = "GET", target = "/", headers = {}, as, bearer }: Case): Promise<Answer> {
    const all = { ...headers, ...(bearer !== undefined && { authorization: `Bearer ${tokens[bearer]}` }) };
    if (as === undefined) return sendAsIs(echo.mesh.info.gateway, target, { method, host, headers: all });
    return echo.mesh.asWorkload(svids[as], `http://${host}${target}`, { method, headers: all });
  }

  async function told({ host, method, target = "/", headers = {}, as, bearer }: Case) {
    const [path, query = ""] = target.split("?", 2);
    const facts = {
      host,
      method,
      path,
      query,
      headers,
      ...(as !== undefined && { peer: { principal: WEB.principal.replace("web", as) } }),
      tokens: bearer === undefined ? [] : [TELL[bearer]],
    };
    const answer = await echo.mesh.control("/api/v1/decide", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ ...(as === undefined && { scope: "gw/*" }), facts }),
    });
    expect(answer.status, answer.text).toBe(200);
    return JSON.parse(answer.text) as Told;
  }

  async function recordOf(answer: Answer): Promise<AccessRecord> {
    // A refusal tells its id to the client, a request that was sent on to its service.
    const id = answer.headers["x-request-id"] ?? arrivedIn(answer).headers["x-request-id"];
    return until(
      "the request to be logged",
      () => echo.mesh.accessLog().find(({ request_id }) => request_id === id) ?? null,
    );
  }

  it.each(CASES)("$name", async (each) => {
    const answer = await really(each);
    const record = await recordOf(answer);
    expect([answer.status, record.details]).toEqual([each.status, each.details]);
    const { generation, scope, decision, endpoints } = await told(each);
    expect(generation).toBeGreaterThanOrEqual(record.generation);
    if (decision.effect === "answer") {
      const { code, status, flag, policy: by, route, cluster, headers } = decision;
      expect([code, status, flag || "-", by]).toEqual([
        record.details,
        record.status,
        record.response_flags,
        record.policy,
      ]);
      if (record.details !== "method_not_allowed") expect([route, cluster]).toEqual([record.route, record.cluster]);
      expect(endpoints).toEqual([]);
      const location = headers.find(([name]) => name === "location")?.[1] ?? "";
      expect(location.replace("=*", "=1")).toBe(answer.headers["location"] ?? "");
      return;
    }
    expect([decision.route, decision.cluster]).toEqual([record.route, record.cluster]);
    expect(scope).toBe(record.scope);
    if (each.path !== undefined) expect(decision.path).toBe(each.path);
    expect(endpoints.map(({ endpoint }) => endpoint)).toContain(record.endpoint);
    expect(arrivedIn(answer).target.split("?", 1)[0]).toBe(decision.path);
    expect(decision.requestPrincipal).toBe(record.request_principal);
  });

  it("writes no line of the access log, whatever it is asked", async () => {
    const before = echo.mesh.accessLog().length;
    for (const each of CASES) await told(each);
    // A real request after them: its line would stand behind theirs.
    await recordOf(await really({ name: "", host: "nobody.test.else", status: 404, details: "no_route" }));
    expect(echo.mesh.accessLog().length).toBe(before + 1);
  });
});

interface Arrived {
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** The request as the service got it. */
function arrivedIn({ text }: Answer): Arrived {
  return (JSON.parse(text) as { readonly arrived: Arrived }).arrived;
}

/** @param target sent as it stands: `URL` would take the dots out */
async function sendAsIs(
  gateway: string,
  target: string,
  {
    method,
    host,
    headers,
  }: { readonly method: string; readonly host: string; readonly headers: Record<string, string> },
): Promise<Answer> {
  const { hostname, port } = new URL(gateway);
  const options = { host: hostname, port, method, path: target, headers: { ...headers, host }, agent: false };
  return new Promise((resolve, reject) => {
    const request = httpRequest(options, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      response.on("error", reject);
      response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
    });
    request.on("error", reject);
    request.end();
  });
}

interface Told {
  readonly generation: number;
  readonly scope: string;
  readonly endpoints: readonly { readonly endpoint: string }[];
  readonly decision:
    | {
        readonly effect: "answer";
        readonly code: string;
        readonly status: number;
        readonly flag: string;
        readonly policy: string | null;
        readonly route: string | null;
        readonly cluster: string | null;
        readonly headers: readonly (readonly [string, string])[];
      }
    | {
        readonly effect: "forward";
        readonly route: string;
        readonly cluster: string;
        readonly path: string;
        readonly requestPrincipal: string | null;
      };
}

const GOOD = { issuer: "issuer", subject: "anna", audiences: ["shop"], claims: { tier: "gold" } };
const TELL = {
  good: GOOD,
  bad: { issuer: "issuer", refused: "jwt_invalid" },
  "other audience": { ...GOOD, audiences: ["bank"] },
};
