import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DecisionRecord } from "../../src/decide/decision-record.ts";
import { decide } from "../../src/decide/decide.ts";
import { writeFacts } from "../../src/decide/written.ts";
import type { RequestFacts } from "../../src/request/facts.ts";
import { HostIndex } from "../../src/routing/host.ts";
import { link, type LinkedSlice } from "../../src/snapshot/link.ts";
import type { Root, Slice } from "../../src/snapshot/model.ts";
import type { KeptRecord } from "../../src/snapshot/rpc.ts";
import { facts, headers, peer } from "../decide/requests.ts";
import { type Json, RunningControl } from "./running.ts";

const HOST = "reviews.shop.svc.cluster.local";

const RULES = `
apiVersion: v1
kind: Namespace
metadata: { name: shop }
---
apiVersion: v1
kind: Namespace
metadata: { name: bank }
---
apiVersion: v1
kind: Service
metadata: { name: reviews, namespace: shop }
spec: { selector: { app: reviews }, ports: [{ name: http, port: 9080 }] }
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: reviews-v1, namespace: shop }
spec: { address: "binding:EP_REVIEWS", labels: { app: reviews }, serviceAccount: reviews }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: reviews, namespace: shop }
spec:
  hosts: [reviews]
  http:
    - name: beta
      match: [{ uri: { prefix: /beta } }, { headers: { x-beta: { exact: "yes" } } }]
      route: [{ destination: { host: reviews } }]
    - route: [{ destination: { host: reviews } }]
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: { name: tokens, namespace: shop }
spec: { jwtRules: [{ issuer: "https://issuer.test", jwks: '{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}' }] }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: readers, namespace: shop }
spec:
  rules:
    - from: [{ source: { principals: ["cluster.local/ns/bank/sa/clerk"] } }]
      to: [{ operation: { methods: [GET] } }]
    - from: [{ source: { requestPrincipals: ["https://issuer.test/ann"] } }]
`;
const DENY = `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: no-admin, namespace: shop }
spec:
  action: DENY
  rules:
    - to: [{ operation: { ports: ["1"] } }]
    - to: [{ operation: { paths: [/admin, /admin/*] } }]
      when: [{ key: "request.headers[x-api-key]", values: [top-secret] }]
`;

const LIMITS = `
apiVersion: tulle.dev/v1alpha1
kind: RateLimitPolicy
metadata: { name: few, namespace: shop }
spec:
  targetRefs: [{ kind: Service, name: reviews }]
  limits:
    - { name: all, when: request.url_path == "/limited", rates: [{ limit: 100, window: 1s }] }
    - { name: per-key, when: request.url_path == "/limited", key: ['request.headers["x-api-key"]'], rates: [{ limit: 1, window: 60s }] }
`;

let control: RunningControl;
let slice: LinkedSlice;
let sliceId = "";
let generation = 0;

beforeAll(async () => {
  control = await RunningControl.start();
  const ruled = await control.apply(`${RULES}---${LIMITS}`);
  expect([ruled.status, ruled.json["message"]]).toEqual([200, undefined]);
  const applied = await control.apply(DENY);
  expect([applied.status, applied.json["message"]]).toEqual([200, undefined]);
  generation = Number(applied.json["generation"]);
  await control.rpc("ALL", "register", { bindings: ["EP_REVIEWS"], hasPrivate: true, format: 3 });
  const answer = await control.root("all");
  if (answer.kind !== "root") throw new Error("no root");
  const root = JSON.parse(answer.root.payload) as Root;
  sliceId = new HostIndex(root.scopes).lookup("mesh/*", HOST) ?? "";
  const texts = (await control.rpc("STATE", "slices", "all", [sliceId])) as Record<string, string>;
  slice = link(JSON.parse(texts[sliceId] ?? "") as Slice);
});
afterAll(() => control.stop());

const ADMIN = facts({
  host: HOST,
  authority: HOST,
  port: 9080,
  method: "GET",
  path: "/admin/x",
  forwardPath: "/admin/x",
  peer: peer("clerk", "bank"),
  headers: headers({ "x-api-key": "top-secret", authorization: "Basic abc" }),
  tokens: [null, null],
});

let sequence = 0;

/** As a cell reports it. @param later milliseconds */
async function report(id: string, request: RequestFacts, location = "LOC", later = 0): Promise<void> {
  const decision = decide(slice, request);
  if (decision.effect === "need") throw new Error("a fact is missing");
  const isAnswer = decision.effect === "answer";
  const record: DecisionRecord = {
    requestId: id,
    traceId: "",
    generation,
    scope: "mesh/*",
    slice: sliceId,
    destination: "shop",
    weight: 3,
    facts: writeFacts(slice, request),
    outcome: {
      verdict: isAnswer ? decision.code : "forward",
      policy: isAnswer ? decision.policy : null,
      status: isAnswer ? decision.status : 200,
      flag: isAnswer ? "UAEX" : "-",
      details: isAnswer ? decision.code : "via_upstream",
      route: decision.route?.model.name ?? null,
      cluster: decision.cluster?.model.id ?? null,
      endpoint: null,
      attempts: 0,
      durationMs: 1,
      requestPrincipal: null,
    },
  };
  const kept: KeptRecord = {
    requestId: id,
    traceId: "",
    at: Date.now() + later,
    kind: isAnswer ? "refused" : "passed",
    principals: request.peer.principal === null ? [] : [request.peer.principal],
    slice: sliceId,
    text: JSON.stringify(record),
    gateway: "all",
  };
  sequence += 1;
  const records = { location, records: [kept] };
  await control.rpc("STATE", "report", { source: "cell", sequence, metrics: [], dropped: {}, records });
}

async function explainOf(id: string): Promise<Json> {
  const answer = await control.call("GET", `/api/v1/explain?requestId=${id}`);
  expect([answer.status, answer.json["message"]]).toEqual([200, undefined]);
  return answer.json;
}

async function tokenOf(namespace: string): Promise<string> {
  const made = { name: namespace, role: "viewer", namespace, permissions: ["explain"] };
  return String((await control.call("POST", "/api/v1/tokens", made)).json["token"]);
}

type Stage = Record<string, unknown>;
const stagesOf = (json: Json, stage: string): readonly Stage[] =>
  (json["stages"] as unknown as readonly Stage[]).filter((one) => one["stage"] === stage);

describe("a request that was recorded", () => {
  it("is decided again: names the policy, its rule and field, the write that brought it in, and what was compared", async () => {
    await report("denied", ADMIN);
    const json = await explainOf("denied");
    expect(json["verdict"]).toMatchObject({ code: "rbac_denied_matched_policy", policy: "shop/no-admin", status: 403 });
    expect(json["request"]).toMatchObject({ path: "/admin/x", principal: "cluster.local/ns/bank/sa/clerk" });
    expect(json["record"]).toMatchObject({ requestId: "denied", agrees: true, weight: 3, location: "LOC" });
    const [deny] = stagesOf(json, "deny");
    expect(deny).toMatchObject({
      at: "destination",
      outcome: "refused",
      detail: "rule 1 matches",
      object: { kind: "AuthorizationPolicy", namespace: "shop", name: "no-admin" },
      field: "spec.rules[1]",
      revision: { generation, actor: "admin" },
    });
    expect(deny?.["compared"]).toMatchObject([
      { field: "to[0].operation.paths", of: "path", actual: "/admin/x", wanted: ["/admin", "/admin/*"], holds: true },
      { field: "when[0].values", of: "request.headers[x-api-key]", actual: "(not shown)", holds: true },
    ]);
    expect(stagesOf(json, "route").map(({ outcome, field }) => [outcome, field])).toEqual([
      ["missed", "spec.http[0].match[0].uri"],
      ["missed", "spec.http[0].match[1].headers[x-beta]"],
      ["matched", "spec.http[1]"],
    ]);
    expect(JSON.stringify({ ...json, stages: [] })).not.toContain("top-secret");
  });

  it("by a binding that names its service, whatever Host came along, is told to have called that service", async () => {
    await report("by-binding", { ...ADMIN, host: "127.0.0.1", authority: "127.0.0.1:8010" });
    const json = await explainOf("by-binding");
    expect(json["host"]).toBe(HOST);
    expect(stagesOf(json, "listener")).toMatchObject([{ outcome: "passed", detail: `${HOST} is listed in mesh/*` }]);
    await report("by-its-name", { ...ADMIN, host: "reviews", authority: "reviews:9080" });
    expect((await explainOf("by-its-name"))["host"]).toBe("reviews");
  });

  it("is of so many hops: one behind the last is refused, and says how many there are", async () => {
    const beyond = await control.call("GET", "/api/v1/explain?requestId=denied&hop=3");
    const none = await control.call("GET", "/api/v1/explain?requestId=nobody&hop=3");
    expect([beyond.status, beyond.json["message"]]).toEqual([
      404,
      "there is no hop 3 of it: one hop is recorded, number 0",
    ]);
    expect([none.status, none.json["message"]]).toEqual([
      404,
      expect.stringContaining("there is no record of `nobody`"),
    ]);
    expect((await control.call("GET", "/api/v1/explain?requestId=denied&hop=0")).status).toBe(200);
  });

  it("is explained where a client saw it: at the first hop, unless a later one was refused", async () => {
    const HOPS = [ADMIN, ADMIN, ADMIN].map((facts, at) => ({ ...facts, path: `/${at}`, forwardPath: `/${at}` }));
    for (const [at, hop] of HOPS.entries()) await report("passed", hop, "LOC", at);
    expect((await explainOf("passed"))["request"]).toMatchObject({ path: "/0" });
    expect((await explainOf("passed&hop=2"))["request"]).toMatchObject({ path: "/2" });
    await report("passed", ADMIN, "LOC", 3);
    expect((await explainOf("passed"))["request"]).toMatchObject({ path: "/admin/x" });
  });

  it("tells of each ALLOW policy the first condition that fails, and its two sides", async () => {
    await report("unlisted", { ...ADMIN, method: "POST", path: "/x", forwardPath: "/x", peer: peer("teller", "bank") });
    const json = await explainOf("unlisted");
    expect(json["verdict"]).toMatchObject({ code: "rbac_denied_no_allow", policy: null });
    expect(stagesOf(json, "allow").map(({ field, failed }) => [field, failed])).toEqual([
      [
        "spec.rules[0].from[0].source.principals",
        expect.objectContaining({
          actual: "cluster.local/ns/bank/sa/teller",
          wanted: ["cluster.local/ns/bank/sa/clerk"],
        }),
      ],
      ["spec.rules[1].from[0].source.requestPrincipals", expect.objectContaining({ actual: null })],
      [null, null],
    ]);
  });

  it("is explained by the limit that refused it, and its key is told to nobody", async () => {
    const key = "Geheim-0815";
    const request = { ...ADMIN, path: "/limited", forwardPath: "/limited", headers: headers({ "x-api-key": key }) };
    const per = (name: string, quota: number, windowMs: number) => ({ name: `shop/few/${name}`, quota, windowMs });
    const taken = { ...per("all", 100, 1_000), verdict: "taken", left: 99, resetMs: 10, retryAfterMs: 0 } as const;
    const over = {
      ...per("per-key", 1, 60_000),
      verdict: "over",
      left: 0,
      resetMs: 60_000,
      retryAfterMs: 60_000,
    } as const;
    await report("limited", { ...request, limits: { limits: [taken, over] } });
    const json = await explainOf("limited");
    expect(json["verdict"]).toMatchObject({ code: "request_rate_limited", policy: "shop/few/per-key", status: 429 });
    expect(json["record"]).toMatchObject({ agrees: true });
    const object = { kind: "RateLimitPolicy", namespace: "shop", name: "few" };
    const revision = { generation: expect.any(Number), actor: "admin" };
    expect(stagesOf(json, "limit")).toMatchObject([
      {
        outcome: "passed",
        detail: expect.stringMatching(/^`all`, 100 in 1 s/),
        object,
        field: "spec.limits[0]",
        revision,
      },
      {
        outcome: "refused",
        detail: expect.stringMatching(/^`per-key`, 1 in 60 s: it is used up/),
        object,
        field: "spec.limits[1]",
        revision,
      },
    ]);
    const listed = await control.call("GET", "/api/v1/records?limit=500");
    expect(JSON.stringify([json, listed.json])).not.toContain(key);
  });

  it("is explained by the configuration that decided, after another took its place", async () => {
    await control.apply(DENY.replace("action: DENY", "action: AUDIT"));
    const json = await explainOf("denied");
    expect(json["verdict"]).toMatchObject({ code: "rbac_denied_matched_policy" });
    expect(json["generation"]).toBe(generation);
    await control.apply(DENY);
  });

  it("that nobody wrote down is said not to be there, with what is covered", async () => {
    const answer = await control.call("GET", "/api/v1/explain?requestId=unknown");
    expect(answer.status).toBe(404);
    expect(answer.json["message"]).toMatch(/LOC: \d+ from 20.* to 20.*tulle explain -- curl/);
  });

  it("is seen whole by the namespace that was called, without its policies by the caller's, and by no other", async () => {
    await report("seen", ADMIN);
    const path = "/api/v1/explain?requestId=seen";
    const [shop, bank, other] = await Promise.all(["shop", "bank", "tour"].map(tokenOf));
    const callee = await control.call("GET", path, undefined, { token: shop ?? "" });
    expect(callee.json["verdict"]).toMatchObject({ policy: "shop/no-admin" });
    const caller = await control.call("GET", path, undefined, { token: bank ?? "" });
    expect(caller.json["verdict"]).toMatchObject({ code: "refused", policy: null, status: 403 });
    expect(JSON.stringify(caller.json)).not.toMatch(/no-admin|rbac|x-api-key/);
    const listed = await control.call("GET", "/api/v1/records?requestId=seen", undefined, { token: bank ?? "" });
    expect(JSON.stringify(listed.json)).not.toMatch(/no-admin|rbac|x-api-key/);
    expect(listed.json["records"]).toHaveLength(1);
    expect((await control.call("GET", path, undefined, { token: other ?? "" })).status).toBe(404);
    const erased = await control.call("DELETE", "/api/v1/records?principal=a", undefined, { token: shop ?? "" });
    expect(erased.status).toBe(403);
  });

  it("is found by a caller's namespace by nothing that is hidden from it, behind many that are not its own", async () => {
    await report("hidden", { ...ADMIN, peer: peer("clerk", "bank") });
    const strangers = Array.from({ length: 3 }, async (_, at) =>
      report(`stranger${at}`, { ...ADMIN, peer: peer("a", "tour") }),
    );
    await Promise.all(strangers);
    const [shop, bank] = await Promise.all(["shop", "bank"].map(tokenOf));
    const found = async (token: string | undefined, query: string): Promise<readonly string[]> => {
      const { json } = await control.call("GET", `/api/v1/records?${query}`, undefined, { token: token ?? "" });
      return (json["records"] as unknown as readonly { requestId: string }[]).map(({ requestId }) => requestId);
    };
    for (const query of ["policy=shop/no-admin", "code=rbac_denied_matched_policy"]) {
      expect(await found(shop, query)).toContain("hidden");
      expect(await found(bank, query)).toEqual([]);
    }
    expect(await found(bank, "code=refused")).toContain("hidden");
    expect(await found(bank, "principal=cluster.local/ns/bank/sa/clerk")).toContain("hidden");
    expect(await found(bank, "limit=1")).toEqual(["hidden"]);
  });

  it("is counted for a namespace's account with those alone that it may see, whatever else is there", async () => {
    const windowsOf = async (token: string | undefined): Promise<unknown> => {
      const path = "/api/v1/records?requestId=seen";
      return (await control.call("GET", path, undefined, { token: token ?? "" })).json["windows"];
    };
    const [bank, nobody] = await Promise.all(["bank", "nobody"].map(tokenOf));
    const before = await windowsOf(bank);
    expect(before).toMatchObject([{ location: "LOC", records: expect.any(Number) }]);
    await report("others", { ...ADMIN, peer: peer("a", "tour") });
    await report("elsewhere", { ...ADMIN, peer: peer("a", "tour") }, "MRS");
    expect(await windowsOf(bank)).toEqual(before);
    expect(await windowsOf(nobody)).toEqual([]);
    const answer = await control.call("GET", "/api/v1/explain?requestId=unknown", undefined, { token: nobody ?? "" });
    expect(answer.json["message"]).toContain("none are kept yet");
  });

  it("is audited whenever somebody looks", async () => {
    const { json } = await control.call("GET", "/api/v1/audit?verb=explain");
    expect(JSON.stringify(json["entries"])).toContain('"requestId":"seen"');
    const looked = await control.call("GET", "/api/v1/audit?verb=records");
    expect(JSON.stringify(looked.json["entries"])).toContain('"requestId":"seen"');
  });
});

describe("records of one principal", () => {
  it("are erased at every location, and what is under way does not come back", async () => {
    await report("mine", ADMIN);
    await report("far", ADMIN, "FRA");
    await report("other", { ...ADMIN, peer: peer("teller", "bank") });
    const principal = "spiffe://cluster.local/ns/bank/sa/clerk";
    const erased = await control.call("DELETE", `/api/v1/records?principal=${principal}`);
    expect(Number(erased.json["erased"])).toBeGreaterThanOrEqual(2);
    await report("late", ADMIN);
    const { json } = await control.call("GET", "/api/v1/records?limit=500");
    const ids = (json["records"] as unknown as readonly { requestId: string }[]).map(({ requestId }) => requestId);
    expect(ids).toContain("other");
    for (const id of ["mine", "far", "late"]) expect(ids).not.toContain(id);
  });
});

describe("a request that nobody sent", () => {
  const ask = async (body: unknown): Promise<Json> => {
    const answer = await control.call("POST", "/api/v1/explain", body);
    expect([answer.status, answer.json["message"]]).toEqual([200, undefined]);
    return answer.json;
  };
  const claims = { iss: "https://issuer.test", sub: "ann", exp: 9_999_999_999 };
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const jwt = `${part({ alg: "none" })}.${part(claims)}.x`;

  it("is explained by whom it is said to come from, and with the token that it holds", async () => {
    const told = { host: `${HOST}:9080`, path: "/x/..//%61dmin" };
    const path = await ask({ facts: told, as: "cluster.local/ns/bank/sa/clerk" });
    expect(path["request"]).toMatchObject({ path: "/admin" });
    expect(path["verdict"]).toMatchObject({ code: "forward" });
    const bare = await ask({ facts: { ...told, method: "POST" } });
    expect(bare["verdict"]).toMatchObject({ code: "rbac_denied_no_allow" });
    const ann = await ask({ facts: { ...told, method: "POST" }, jwt: [jwt] });
    expect(ann["verdict"]).toMatchObject({ code: "forward" });
    const authorization = `Bearer ${jwt}`;
    const held = await ask({ facts: { ...told, method: "POST", headers: { authorization } } });
    expect(held["verdict"]).toMatchObject({ code: "forward" });
    const broken = await ask({ facts: { ...told, headers: { authorization: "Bearer a.b" } } });
    expect(broken["verdict"]).toMatchObject({ code: "jwt_invalid", policy: "shop/tokens/0" });
    expect(stagesOf(broken, "jwt")).toMatchObject([{ outcome: "refused", field: "spec.jwtRules[0]" }]);
  });

  it("is explained to its end where an external authorizer would be asked, which it never is", async () => {
    const provider = { name: "asks", envoyExtAuthzHttp: { service: HOST, port: "9080" } };
    const mesh = {
      apiVersion: "tulle.dev/v1alpha1",
      kind: "MeshConfig",
      metadata: { name: "default", namespace: "istio-system" },
    };
    const policy = {
      apiVersion: "security.istio.io/v1",
      kind: "AuthorizationPolicy",
      metadata: { name: "custom", namespace: "shop" },
      spec: { action: "CUSTOM", provider: { name: "asks" }, rules: [{ to: [{ operation: { paths: ["/beta*"] } }] }] },
    };
    const text = [{ ...mesh, spec: { extensionProviders: [provider] } }, policy].map((one) => JSON.stringify(one));
    const applied = await control.apply(text.join("\n---\n"));
    expect([applied.status, applied.json["message"]]).toEqual([200, undefined]);
    const told = { host: `${HOST}:9080`, path: "/beta/1" };
    const as = "cluster.local/ns/bank/sa/clerk";
    const unasked = await ask({ facts: told, as });
    expect(unasked["verdict"]).toMatchObject({ code: "forward", route: "shop/reviews/beta" });
    expect(stagesOf(unasked, "custom").at(-1)).toMatchObject({
      at: "destination",
      outcome: "unknown",
      detail: expect.stringMatching(/^asks would be asked, and was not: .*as if it let the request pass/),
    });
    expect(stagesOf(unasked, "allow").at(-1)).toMatchObject({ object: { name: "readers" } });
    const refused = await ask({ facts: { ...told, checks: [{ provider: "asks", status: 403 }] }, as });
    expect(refused["verdict"]).toMatchObject({ code: "ext_authz_denied", policy: "shop/custom" });
    expect(stagesOf(refused, "custom").at(-1)).toMatchObject({ detail: "asks was asked: ext_authz_denied" });
    expect(
      (await control.call("DELETE", "/k8s/apis/security.istio.io/v1/namespaces/shop/authorizationpolicies/custom"))
        .status,
    ).toBe(200);
  });

  it("tells its caller's namespace nothing of what the other side's policies would conclude", async () => {
    const [shop, bank] = await Promise.all(["shop", "bank"].map(tokenOf));
    const as = "cluster.local/ns/bank/sa/clerk";
    const told = async (token: string | undefined, facts: unknown): Promise<Json> =>
      (await control.call("POST", "/api/v1/explain", { facts, as }, { token: token ?? "" })).json;
    const refused = { host: `${HOST}:9080`, path: "/admin", headers: { "x-api-key": "top-secret" } };
    const allowed = { ...refused, headers: {} };
    expect((await told(shop, refused))["verdict"]).toMatchObject({ policy: "shop/no-admin" });
    expect((await told(shop, allowed))["verdict"]).toMatchObject({ effect: "forward" });
    const answers = await Promise.all([refused, allowed].map((facts) => told(bank, facts)));
    expect(answers[0]).toEqual(answers[1]);
    const nothing = { code: "not_shown", status: null, policy: null, route: null, cluster: null };
    expect(answers[0]?.["verdict"]).toEqual({ effect: "answer", ...nothing });
  });

  it("is explained by an earlier generation, compiled from the history", async () => {
    const told = { host: `${HOST}:9080`, path: "/admin", headers: { "x-api-key": "top-secret" } };
    const as = "cluster.local/ns/bank/sa/clerk";
    expect((await ask({ facts: told, as }))["verdict"]).toMatchObject({ policy: "shop/no-admin" });
    expect((await ask({ facts: told, as, at: generation - 1 }))["verdict"]).toMatchObject({ code: "forward" });
    const unknown = await control.call("POST", "/api/v1/explain", { facts: told, at: 9_999 });
    expect([unknown.status, unknown.json["message"]]).toEqual([404, expect.stringMatching(/from \d+ to \d+ are kept/)]);
  });
});
