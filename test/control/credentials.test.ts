import { createHash, generateKeyPairSync } from "node:crypto";
import { Hono } from "hono";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { controlApi } from "../../workers/control/api.ts";
import { tokenStore } from "../../workers/control/db/tokens.ts";
import type { Env } from "../../workers/control/env.ts";
import { certificateRequest } from "../support/csr.ts";
import { RunningControl } from "./running.ts";

const RULES = "/k8s/apis/networking.istio.io/v1/namespaces/default/destinationrules";

/** All that needs no credentials (R21). Whoever adds to it says in the threat model why. */
const PUBLIC = [
  "GET /api/v1/assertion-keys",
  "GET /api/v1/bundle",
  "GET /api/v1/revoked",
  "GET /api/v1/spiffe-bundle",
  "GET /healthz",
  "GET /ui",
  "GET /ui/",
  "HEAD /api/v1/assertion-keys",
  "HEAD /api/v1/bundle",
  "HEAD /api/v1/revoked",
  "HEAD /api/v1/spiffe-bundle",
  "HEAD /healthz",
  "HEAD /ui",
  "HEAD /ui/",
  "POST /api/v1/nonces",
];

/** Paths below a wildcard that lead to code of their own. */
const BELOW: Readonly<Record<string, readonly string[]>> = {
  "/ui/*": [
    "/ui",
    "/ui/",
    "/ui/session",
    "/ui/api/v1/status",
    "/ui/api/v1/bundle",
    "/ui/metrics",
    `/ui${RULES}`,
    "/ui/healthz",
  ],
  "/k8s/*": [
    RULES,
    `${RULES}?watch=true`,
    `${RULES}/x`,
    `${RULES}/x/status`,
    "/k8s/api/v1/namespaces",
    "/k8s/api/v1/events",
  ],
};

interface Route {
  readonly method: string;
  readonly path: string;
}

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/** One request for each method of each route that the router knows, with something in the place of its parameters. */
function requestsOf(routes: readonly Route[]): readonly Route[] {
  const requests = routes.flatMap(({ method, path }) => {
    const methods = method === "ALL" ? METHODS : method === "GET" ? ["GET", "HEAD"] : [method];
    const filled = path.replaceAll(/:[^/]+/g, "x").replaceAll("*", "anything/else");
    return methods.flatMap((each) =>
      [filled, ...(BELOW[path] ?? [])].map((target) => ({ method: each, path: target })),
    );
  });
  return [...new Map(requests.map((request) => [`${request.method} ${request.path}`, request])).values()];
}

/** Those that are answered by anything else than 401. */
async function openOnes(
  routes: readonly Route[],
  send: (request: Route) => Promise<number>,
): Promise<readonly string[]> {
  const open: string[] = [];
  for (const request of requestsOf(routes))
    if ((await send(request)) !== 401) open.push(`${request.method} ${request.path}`);
  return open.toSorted();
}

function routesOf(): readonly Route[] {
  return controlApi({} as Env).routes;
}

let control: RunningControl;
beforeAll(async () => {
  control = await RunningControl.start();
});
afterAll(() => control.stop());

async function made(more: Record<string, unknown> = {}): Promise<{ readonly id: string; readonly token: string }> {
  const answer = await control.call("POST", "/api/v1/tokens", { name: "ci", role: "viewer", ...more });
  expect(answer.status).toBe(201);
  return { id: String(answer.json["id"]), token: String(answer.json["token"]) };
}

describe("every route of the router", () => {
  const keys = generateKeyPairSync("ec", { namedCurve: "P-256" });
  // What makes an enrolment well-formed, so that its token is looked at.
  const body = JSON.stringify({ csr: certificateRequest(keys.privateKey, keys.publicKey) });
  const credentials: readonly {
    readonly name: string;
    readonly headers?: () => Promise<Record<string, string>>;
    readonly query?: () => Promise<string>;
  }[] = [
    { name: "no credentials" },
    { name: "a wrong token", headers: async () => ({ authorization: `Bearer tulle_${"A".repeat(43)}` }) },
    { name: "an empty one", headers: async () => ({ authorization: "Bearer " }) },
    { name: "another scheme", headers: async () => ({ authorization: `Basic ${btoa("admin:admin")}` }) },
    {
      name: "a revoked token",
      headers: async () => {
        const { id, token } = await made({ role: "admin" });
        expect((await control.call("DELETE", `/api/v1/tokens/${id}`)).status).toBe(204);
        return { authorization: `Bearer ${token}` };
      },
    },
    {
      name: "an expired token",
      headers: async () => {
        const { id, token } = await made({ role: "admin", ttlSeconds: 60 });
        await control.sql(`UPDATE tokens SET expires_at = ${Date.now()} WHERE id = '${id}'`);
        return { authorization: `Bearer ${token}` };
      },
    },
    {
      name: "a good token in the URL",
      query: async () => {
        const { token } = await made({ role: "admin" });
        return `token=${token}&access_token=${token}&authorization=Bearer%20${token}`;
      },
    },
    {
      name: "a good token in other headers",
      headers: async () => {
        const { token } = await made({ role: "admin" });
        return {
          cookie: `session=${token}; token=${token}; authorization=Bearer ${token}`,
          "proxy-authorization": `Bearer ${token}`,
          "x-authorization": `Bearer ${token}`,
          "x-forwarded-authorization": `Bearer ${token}`,
          "sec-websocket-protocol": `base64url.bearer.authorization.k8s.io.${btoa(token)}`,
          "x-remote-user": "admin",
          "impersonate-user": "admin",
          "x-forwarded-for": "127.0.0.1",
          "cf-connecting-ip": "127.0.0.1",
          host: "localhost",
        };
      },
    },
  ];

  it.each(credentials)("answers 401 to $name, but for the public ones", async ({ headers, query }) => {
    const [sent, asked] = [await headers?.(), await query?.()];
    // Whoever asks first makes the Hub write its Namespaces.
    await control.call("GET", "/api/v1/status");
    // A certificate that was refused is in the audit.
    const before = await control.dump("audit");
    const open = await openOnes(routesOf(), async ({ method, path }) => {
      const target = asked === undefined ? path : `${path}${path.includes("?") ? "&" : "?"}${asked}`;
      const hasBody = method !== "GET" && method !== "HEAD";
      const answer = await control.raw(
        method,
        target,
        { ...sent, ...(hasBody && { "content-type": "application/json" }) },
        hasBody ? body : undefined,
      );
      const text = await answer.text();
      if (answer.status === 401 && method !== "HEAD")
        expect(JSON.parse(text)).toMatchObject({ kind: "Status", reason: "Unauthorized", code: 401 });
      return answer.status;
    });
    expect(open).toEqual(PUBLIC);
    expect(await control.dump("audit")).toBe(before);
  });

  it("is found by the walk, so that one that was left open would be too", async () => {
    const requests = requestsOf(routesOf());
    expect(requests.length).toBeGreaterThan(60);
    for (const request of ["POST /api/v1/apply", "DELETE /api/v1/tokens/x", `DELETE ${RULES}/x`])
      expect(requests.map(({ method, path }) => `${method} ${path}`)).toContain(request);
    const app = new Hono<{ Bindings: Env }>();
    app.post("/left/:open", (c) => c.text("to all"));
    app.get("/api/v1/debug/*", (c) => c.text("to all"));
    app.route("/", controlApi({} as Env));
    // The health check answers without a database; the certificate fails without its object, and not for credentials.
    const open = await openOnes(
      app.routes,
      async ({ method, path }) => (await app.request(path, { method }, {})).status,
    );
    expect(open).toEqual(
      [...PUBLIC, "POST /left/x", "GET /api/v1/debug/anything/else", "HEAD /api/v1/debug/anything/else"].toSorted(),
    );
  });

  it("needs a spelling of its own: none leads round the credentials", async () => {
    const { origin } = await control.url();
    const spellings = [
      "//k8s/api",
      "/K8S/api",
      "/healthz/../api/v1/tokens",
      "/healthz/%2e%2e/api/v1/tokens",
      "/healthz;/../api/v1/tokens",
      "/healthz/",
      "/healthz%2f",
      "/healthz;x",
      "/api/v1/bundle/",
      "/api/v1/bundle/../tokens",
      "/api/v1/bundle%2f..%2ftokens",
      "/api/v1/bundle%00",
      "/api/v1/enrol/..%2ftokens",
      "/api/v1/%74okens",
      "/api/v1/tokens/",
      "/api/v1/tokens//x",
      "/api/v1\\tokens",
      "/%6detrics",
      "/metrics%3f",
      "/api/v1/Tokens",
      "/.well-known/tokens",
    ];
    for (const path of spellings) {
      const answer = await fetch(origin + path, { redirect: "manual" });
      expect([path, answer.status]).toEqual([path, 401]);
      await answer.text();
    }
  });
});

const TESTER = { actor: "test", account: null };

describe("a token", () => {
  const status = async (authorization: string, path = RULES) =>
    (await control.raw("GET", path, { authorization })).status;

  it("is 256 random bits, kept as their SHA-256 and nowhere else, and shown once", async () => {
    const answer = await control.call("POST", "/api/v1/tokens", { name: "once", role: "viewer", ttlSeconds: 600 });
    expect([answer.status, answer.headers.get("cache-control")]).toEqual([201, "no-store"]);
    const { token, id } = answer.json as unknown as { token: string; id: string };
    expect(Buffer.from(token.replace("tulle_", ""), "base64url")).toHaveLength(32);
    const [row] = await control.sql(`SELECT * FROM tokens WHERE id = '${id}'`);
    const hash = createHash("sha256").update(token).digest("hex");
    expect(row).toMatchObject({ hash, name: "once", role: "viewer", namespace: null, revoked_at: null });
    expect(await control.dump()).not.toContain(token.replace("tulle_", ""));
    const shown = [
      await control.call("GET", "/api/v1/tokens"),
      await control.call("GET", "/api/v1/audit"),
      await control.call("GET", "/api/v1/status"),
      await control.call("GET", "/api/v1/revisions"),
      await control.call("GET", "/metrics"),
    ].map(({ json }) => JSON.stringify(json));
    expect(shown[0]).toContain(id);
    for (const text of shown) expect([text.includes(token), text.includes(hash)]).toEqual([false, false]);
  });

  it("is another each time, also of many that are made together, and each has its row in the audit", async () => {
    const before = Number((await control.sql("SELECT count(*) AS n FROM audit"))[0]?.["n"]);
    const answers = await Promise.all(
      Array.from({ length: 16 }, async () => control.call("POST", "/api/v1/tokens", { name: "many", role: "viewer" })),
    );
    expect(answers.map(({ status: code }) => code)).toEqual(answers.map(() => 201));
    expect(new Set(answers.map(({ json }) => json["token"])).size).toBe(16);
    const audited = await control.sql("SELECT targets FROM audit WHERE verb = 'create-token'");
    const targets = audited.map(({ targets: text }) => String(text));
    for (const { json } of answers) expect(targets).toContain(`["token/${json["id"]}"]`);
    expect(Number((await control.sql("SELECT count(*) AS n FROM audit"))[0]?.["n"])).toBe(before + 16);
  });

  it.each([
    {
      name: "be read",
      away: "ALTER TABLE audit RENAME TO audit_away",
      back: "ALTER TABLE audit_away RENAME TO audit",
    },
    {
      name: "be written",
      away: "CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'full'); END",
      back: "DROP TRIGGER full",
    },
  ])("is not made, nor revoked, where the audit cannot $name", async ({ away, back }) => {
    const { id, token } = await made();
    await control.sql(away);
    const before = await control.dump();
    const create = await control.call("POST", "/api/v1/tokens", { name: "lost", role: "admin" });
    const revoke = await control.call("DELETE", `/api/v1/tokens/${id}`);
    const after = await control.dump();
    await control.sql(back);
    expect([create.status, revoke.status, after]).toEqual([503, 503, before]);
    expect(await status(`Bearer ${token}`)).toBe(200);
    expect((await control.call("DELETE", `/api/v1/tokens/${id}`)).status).toBe(204);
    expect(await status(`Bearer ${token}`)).toBe(401);
  });

  it("is taken as it is and in one form alone", async () => {
    const { token } = await made();
    const flipped = token.replace(/.$/, (last) => (last === "A" ? "E" : "A"));
    for (const good of [`Bearer ${token}`, `bearer ${token}`, `BEARER   ${token}`])
      expect([good, await status(good)]).toEqual([good, 200]);
    for (const bad of [
      token,
      `Bearer${token}`,
      `Bearer ${token.slice(0, -1)}`,
      `Bearer ${token}A`,
      `Bearer ${token}=`,
      `Bearer ${flipped}`,
      `Bearer ${token.replace("tulle_", "")}`,
      `Bearer ${token.toUpperCase()}`,
      `Bearer ${token} ${token}`,
      `Bearer ${token}, Bearer ${token}`,
      `Bearer "${token}"`,
      `Bearer ${token};`,
      `Basic ${btoa(`admin:${token}`)}`,
      `Bearer ${createHash("sha256").update(token).digest("hex")}`,
      `Bearer ' OR 1=1 --`,
      `Bearer ${"x".repeat(5_000)}`,
    ])
      expect([bad, await status(bad)]).toEqual([bad, 401]);
  });

  it("is taken as a password where metrics are read, under any name, and nowhere else", async () => {
    const { token } = await made();
    const basic = (text: string): Record<string, string> => ({ authorization: `Basic ${btoa(text)}` });
    const METRICS = "/api/v1/query?query=vector(1)";
    const RANGE = "/api/v1/query_range?query=vector(1)&start=0&end=1&step=1";
    const asked = async (path: string, headers: Record<string, string>, method = "GET") =>
      (await control.raw(method, path, headers)).status;
    for (const path of [METRICS, RANGE])
      for (const name of ["flagger", "", "ä"]) expect(await asked(path, basic(`${name}:${token}`))).toBe(200);
    for (const bad of [token, `${token}:`, `a:${token}x`, `a:b:${token}`, ` a: ${token}`, `a:${token}\n`, ":"])
      expect([bad, await asked(METRICS, basic(bad))]).toEqual([bad, 401]);
    for (const header of ["Basic", "Basic ?", "Basic YQ", `Basic ${token}`, `Basic ${btoa(`a:${token}`)} `])
      expect([header, await asked(METRICS, { authorization: `${header}x` })]).toEqual([header, 401]);
    for (const path of ["/metrics", "/api/v1/graph", "/api/v1/query/", "/api/v1/status", "/k8s/api/v1/namespaces"])
      expect([path, await asked(path, basic(`a:${token}`))]).toEqual([path, 401]);
    expect(await asked(METRICS, basic(`a:${token}`), "POST")).toBe(401);
    const { headers } = await control.raw("GET", METRICS, {});
    expect(headers.get("www-authenticate")).toBe("Bearer");
  });

  it("ends exactly when it says, by the clock of whoever asks", async () => {
    const store = tokenStore(await control.database());
    const { token } = await store.create({ name: "short", role: "viewer", namespace: null }, 1_000, 61_000, TESTER);
    expect(await store.find(token, 60_999)).toMatchObject({ name: "short" });
    expect(await store.find(token, 61_000)).toBeNull();
    expect(await store.find(token, 61_001)).toBeNull();
  });

  it("says when it ends, which is as long from now as was asked", async () => {
    const from = Date.now();
    const answer = await control.call("POST", "/api/v1/tokens", { name: "timed", role: "viewer", ttlSeconds: 60 });
    const ends = Number(answer.json["expiresAt"]);
    expect(ends).toBeGreaterThanOrEqual(from + 60_000);
    expect(ends).toBeLessThanOrEqual(Date.now() + 60_000);
  });

  it("has the permissions that it was made with, and those of its role", async () => {
    const listed = async (id: string) => {
      const { json } = await control.call("GET", "/api/v1/tokens");
      const tokens = json["tokens"] as unknown as { id: string; permissions: readonly string[] }[];
      return tokens.find((each) => each.id === id)?.permissions;
    };
    const asked = async (more: Record<string, unknown>) => listed((await made(more)).id);
    expect(await asked({})).toEqual([]);
    expect(await asked({ permissions: [] })).toEqual([]);
    expect(await asked({ permissions: ["explain"] })).toEqual(["explain"]);
    expect(await asked({ permissions: ["explain", "tail"], namespace: "shop" })).toEqual(["tail", "explain"]);
    expect(await asked({ role: "editor" })).toEqual([]);
    expect(await asked({ role: "admin", namespace: "shop" })).toEqual(["tail", "explain"]);
    // What a later version gave, and this one does not know.
    const { id } = await made();
    await control.sql(`UPDATE tokens SET permissions = '["all", "tail"]' WHERE id = '${id}'`);
    expect(await listed(id)).toEqual(["tail"]);
  });

  it("once revoked is revoked, and nobody can revoke it twice", async () => {
    const { id, token } = await made();
    expect(await status(`Bearer ${token}`)).toBe(200);
    expect((await control.call("DELETE", `/api/v1/tokens/${id}`)).status).toBe(204);
    expect(await status(`Bearer ${token}`)).toBe(401);
    expect((await control.call("DELETE", `/api/v1/tokens/${id}`)).status).toBe(404);
    for (const other of ["", "x", "' OR 1=1 --", encodeURIComponent("' OR 1=1 --"), "%"])
      expect((await control.call("DELETE", `/api/v1/tokens/${other}`)).status).toBe(404);
  });

  it.each([
    { role: "root" },
    { role: "Admin" },
    { role: "toString" },
    { role: ["admin"] },
    { role: undefined },
    { name: "" },
    { name: "a b" },
    { name: "a\nb" },
    { name: "x".repeat(64) },
    { namespace: "" },
    { namespace: null },
    { namespace: "Shop" },
    { namespace: "a/b" },
    { namespace: "*" },
    { permissions: "tail" },
    { permissions: ["Tail"] },
    { permissions: ["*"] },
    { permissions: ["toString"] },
    { namespace: "x".repeat(64) },
    { ttlSeconds: 59 },
    { ttlSeconds: 366 * 86_400 + 1 },
    { ttlSeconds: 60.5 },
    { ttlSeconds: "600" },
    { ttlSeconds: null },
    { id: "mine" },
    { token: "mine" },
    { expiresAt: 1 },
  ])("is not made of %j", async (change) => {
    const before = await control.dump();
    const answer = await control.call("POST", "/api/v1/tokens", { name: "ci", role: "viewer", ...change });
    expect([answer.status, answer.json["reason"]]).toEqual([400, "BadRequest"]);
    expect(await control.dump()).toBe(before);
  });

  it("is not made of a body that says two things", async () => {
    for (const body of [
      '{"name":"x","role":"viewer","role":"admin"}',
      '{"name":"x","role":"viewer","namespace":"shop","namespac\\u0065":"other"}',
      '{"name":"x","role":"viewer","__proto__":{"namespace":"shop"}}',
    ])
      expect([body, (await control.call("POST", "/api/v1/tokens", body)).status]).toEqual([body, 400]);
  });
});

describe("the bootstrap", () => {
  it("takes the secret alone: no token of an administrator, nor any other", async () => {
    const { token } = await made({ role: "admin" });
    const before = await control.dump("audit");
    for (const authorization of [
      "",
      "Bearer ",
      `Bearer ${token}`,
      "Bearer undefined",
      "Bearer null",
      "Basic OnNlY3JldA==",
    ]) {
      const answer = await control.raw("POST", "/api/v1/bootstrap", authorization === "" ? {} : { authorization });
      expect([authorization, answer.status]).toEqual([authorization, 401]);
      await answer.text();
    }
    expect(await control.dump("audit")).toBe(before);
  });
});

describe("a browser", () => {
  const WRITES: readonly (readonly [method: string, path: string])[] = [
    ["POST", "/api/v1/apply"],
    ["POST", "/api/v1/tokens"],
    ["DELETE", "/api/v1/tokens/x"],
    ["POST", "/api/v1/rollback"],
    ["POST", "/api/v1/join-tokens"],
    ["POST", "/api/v1/enrol"],
    ["POST", "/api/v1/bootstrap"],
    ["POST", "/api/v1/gateways/default/x/listeners"],
    ["POST", RULES],
    ["PUT", `${RULES}/x`],
    ["PATCH", `${RULES}/x`],
    ["DELETE", `${RULES}/x`],
    ["DELETE", RULES],
    ["POST", "/k8s/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"],
    ["POST", "/anything"],
    ["OPTIONS", "/api/v1/apply"],
    ["OPTIONS", RULES],
  ];
  const cors = (headers: Headers) => [...headers.keys()].filter((name) => name.startsWith("access-control-"));

  it.each(["https://evil.test", "null", "http://localhost:8080", "http://control.test", "http://127.0.0.1"])(
    "writes nothing from a page of %s, and may read no answer there",
    async (origin) => {
      const before = await control.dump("audit");
      const asked = {
        ...control.auth(),
        origin,
        "content-type": "text/plain",
        "sec-fetch-site": "cross-site",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization",
      };
      for (const [method, path] of WRITES) {
        const answer = await control.raw(method, path, asked, "{}");
        expect([method, path, answer.status, cors(answer.headers)]).toEqual([method, path, 403, []]);
        await answer.text();
      }
      for (const path of [RULES, "/healthz", "/api/v1/bundle", "/api/v1/tokens", "/k8s/version", "/anything"]) {
        const answer = await control.raw("GET", path, { ...control.auth(), origin });
        expect([path, cors(answer.headers), answer.headers.get("set-cookie")]).toEqual([path, [], null]);
        await answer.text();
      }
      expect(await control.dump("audit")).toBe(before);
    },
  );

  it("has no session: cookies say nothing, and none is ever set", async () => {
    const { token } = await made({ role: "admin" });
    const cookie = { cookie: `session=${token}`, "content-type": "text/plain" };
    const answer = await control.raw("POST", "/api/v1/apply", cookie, "kind: Namespace");
    expect([answer.status, answer.headers.get("set-cookie")]).toEqual([401, null]);
  });
});
