import { createHash } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { rawToken, TestIssuer } from "../identity/tokens.ts";
import { RunningControl } from "./running.ts";

const RULES = "/k8s/apis/networking.istio.io/v1/namespaces/shop/destinationrules";

let control: RunningControl;
let issuer: TestIssuer;
let server: Server;
let base: string;
/** What the provider was asked. */
let asked: string[] = [];
let keys: unknown = null;
let count = 0;

const seconds = () => Math.floor(Date.now() / 1_000);
const claims = (change: Record<string, unknown> = {}) => ({
  iss: base,
  sub: "eve",
  aud: "tulle",
  iat: seconds(),
  exp: seconds() + 300,
  jti: `${(count += 1)}`,
  groups: ["shop"],
  ...change,
});
const idToken = async (change: Record<string, unknown> = {}, header = {}, alg = "ES256") =>
  issuer.sign(claims(change), header, alg);
const signIn = async (token: string, body: unknown = {}) => control.call("POST", "/api/v1/sessions", body, { token });
const session = async (change: Record<string, unknown> = {}, body: unknown = {}) => {
  const answer = await signIn(await idToken(change), body);
  expect([answer.status, answer.json["message"]]).toEqual([201, undefined]);
  return answer.json as unknown as { readonly id: string; readonly token: string; readonly expiresAt: number };
};
const rules = (change: Record<string, unknown> = {}) => ({
  issuer: base,
  audience: "tulle",
  rules: [
    { claims: [{ name: "groups", values: ["ops"] }], role: "admin", namespace: "*" },
    { claims: [{ name: "groups", values: ["shop"] }], role: "editor", namespace: "shop" },
    { claims: [{ name: "groups", values: ["all"] }], role: "viewer", namespace: "*" },
  ],
  ...change,
});
async function setSignIn(signIn: unknown): Promise<void> {
  const answer = await control.call("POST", "/api/v1/apply", [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } },
    {
      apiVersion: "tulle.dev/v1alpha1",
      kind: "MeshConfig",
      metadata: { name: "default", namespace: "istio-system" },
      spec: { ...(signIn !== null && { signIn }) },
    },
  ]);
  expect([answer.status, answer.json["message"]]).toEqual([200, undefined]);
}
const rule = (name: string) => ({
  apiVersion: "networking.istio.io/v1",
  kind: "DestinationRule",
  metadata: { name },
  spec: { host: "x" },
});
const audited = async (query: string) =>
  (await control.call("GET", `/api/v1/audit?${query}`)).json["entries"] as unknown as readonly {
    readonly actor: string;
    readonly verb: string;
    readonly account: string | null;
    readonly targets: readonly string[];
    readonly detail: Readonly<Record<string, string>>;
  }[];

beforeAll(async () => {
  control = await RunningControl.start({ local: true, clock: true });
  issuer = await TestIssuer.create();
  server = createServer((request, response) => {
    asked.push(request.url ?? "");
    const documents: Record<string, unknown> = {
      "/.well-known/openid-configuration": { issuer: base, jwks_uri: `${base}/keys` },
      "/keys": keys,
    };
    const found = documents[request.url ?? ""] ?? null;
    response.writeHead(found === null ? 404 : 200, { "content-type": "application/json" });
    response.end(JSON.stringify(found));
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  keys = issuer.jwks;
  await setSignIn([rules()]);
});
afterAll(async () => {
  await control.stop();
  server.close();
});

describe("a session", () => {
  it("does what the rule says, in its namespace, and nothing else", async () => {
    const { token } = await session();
    const status = async (method: string, path: string, body?: unknown) =>
      (await control.call(method, path, body, { token })).status;
    expect(await status("POST", RULES, rule("mine"))).toBe(201);
    expect(await status("GET", RULES)).toBe(200);
    expect(await status("GET", RULES.replace("shop", "default"))).toBe(403);
    expect(await status("POST", RULES.replace("shop", "default"), rule("other"))).toBe(403);
    for (const path of ["tokens", "sessions", "audit", "status", "revisions"])
      expect([path, await status("GET", `/api/v1/${path}`)]).toEqual([path, 403]);
    const [written] = await audited("verb=create&limit=1");
    expect(written?.actor).toBe(`${base}#eve`);
    expect(written?.account).toMatch(/^session\//);
    const who = await control.call("POST", "/k8s/apis/authentication.k8s.io/v1/selfsubjectreviews", {}, { token });
    expect(JSON.stringify(who.json)).toContain(`${base}#eve`);
  });

  it("is 256 random bits, kept as their SHA-256 and nowhere else, shown once, for 8 hours", async () => {
    const answer = await signIn(await idToken());
    expect([answer.status, answer.headers.get("cache-control")]).toEqual([201, "no-store"]);
    const { id, token, expiresAt } = answer.json as unknown as { id: string; token: string; expiresAt: number };
    expect(Buffer.from(token.replace("session_", ""), "base64url")).toHaveLength(32);
    expect(Math.abs(expiresAt - Date.now() - 8 * 3_600_000)).toBeLessThan(60_000);
    const [row] = await control.sql(`SELECT * FROM sessions WHERE id = '${id}'`);
    expect(row?.["hash"]).toBe(createHash("sha256").update(token).digest("hex"));
    expect(await control.dump()).not.toContain(token.replace("session_", ""));
    // Of the provider's token only what rules ask for stays.
    expect(JSON.parse(String(row?.["claims"]))).toEqual({ groups: ["shop"] });
    const listed = JSON.stringify((await control.call("GET", "/api/v1/sessions")).json);
    expect([listed.includes(id), listed.includes(token), listed.includes(String(row?.["hash"]))]).toEqual([
      true,
      false,
      false,
    ]);
    await control.sql(`UPDATE sessions SET expires_at = ${Date.now()} WHERE id = '${id}'`);
    expect((await control.call("GET", RULES, undefined, { token })).status).toBe(401);
  });

  it("ends with the rule that gave it, at once, and gets what its rule becomes", async () => {
    const { token } = await session();
    const status = async () => (await control.call("GET", RULES, undefined, { token })).status;
    expect(await status()).toBe(200);
    await setSignIn([rules({ rules: rules().rules.slice(0, 1) })]);
    expect(await status()).toBe(401);
    await setSignIn(null);
    expect(await status()).toBe(401);
    const viewer = [{ claims: [{ name: "groups", values: ["shop"] }], role: "viewer", namespace: "shop" }];
    await setSignIn([rules({ rules: viewer })]);
    expect(await status()).toBe(200);
    expect((await control.call("POST", RULES, rule("late"), { token })).status).toBe(403);
    // A claim that nobody asked for when it began is not known of it.
    const other = [{ claims: [{ name: "department", values: ["a"] }], role: "admin", namespace: "*" }];
    await setSignIn([rules({ rules: other })]);
    expect(await status()).toBe(401);
    await setSignIn([rules({ audience: "another" })]);
    expect(await status()).toBe(401);
    await setSignIn([rules()]);
    expect(await status()).toBe(200);
  });

  it("may ask for one namespace, and for no more than the rules give", async () => {
    const { token } = await session({ groups: ["ops"] }, { namespace: "shop" });
    expect((await control.call("GET", RULES, undefined, { token })).status).toBe(200);
    expect((await control.call("GET", "/api/v1/tokens", undefined, { token })).status).toBe(403);
    const answer = await signIn(await idToken(), { namespace: "default" });
    expect([answer.status, answer.json["reason"]]).toEqual([403, "Forbidden"]);
    for (const body of [{ namespace: "*" }, { namespace: null }, { role: "admin" }, [], "{"])
      expect((await signIn(await idToken(), body)).status).toBe(400);
  });

  it("is ended by whoever has it, by the administrator, and all of somebody together", async () => {
    const status = async (token: string) => (await control.call("GET", RULES, undefined, { token })).status;
    const [own, one, two, bob] = [
      await session({ sub: "ann" }),
      await session({ sub: "ann" }),
      await session({ sub: "ann" }),
      await session({ sub: "bob" }),
    ];
    expect((await control.call("DELETE", "/api/v1/sessions/current", undefined, { token: own.token })).status).toBe(
      204,
    );
    expect((await control.call("DELETE", `/api/v1/sessions/${one.id}`)).status).toBe(204);
    expect([await status(own.token), await status(one.token), await status(two.token)]).toEqual([401, 401, 200]);
    expect((await control.call("DELETE", `/api/v1/sessions/${one.id}`)).status).toBe(404);
    expect((await control.call("DELETE", `/api/v1/sessions/${bob.id}`, undefined, { token: two.token })).status).toBe(
      403,
    );
    expect((await control.call("DELETE", "/api/v1/sessions")).status).toBe(400);
    const query = new URLSearchParams({ issuer: base, subject: "ann" });
    const ended = await control.call("DELETE", `/api/v1/sessions?${query.toString()}`);
    expect([ended.status, ended.json]).toEqual([200, { ended: 1 }]);
    expect([await status(two.token), await status(bob.token)]).toEqual([401, 200]);
    expect((await control.call("DELETE", "/api/v1/sessions/current")).status).toBe(400);
    const told = await audited("verb=end-session&limit=2");
    expect(told.map(({ targets }) => targets)).toEqual([[`session/${two.id}`], [`session/${one.id}`]]);
    expect((await audited("verb=sign-out&limit=1"))[0]).toMatchObject({
      actor: `${base}#ann`,
      targets: [`session/${own.id}`],
    });
    expect((await audited(`target=session/${bob.id}`))[0]).toMatchObject({ verb: "sign-in", actor: `${base}#bob` });
  });

  it("ends with all that it has open, as an admin token does", async () => {
    const open = async (token: string) => {
      const url = new URL(`${RULES}?watch=true`, await control.url());
      const answer = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
      expect(answer.status).toBe(200);
      const reader = answer.body?.getReader();
      return async () => {
        for (let part = await reader?.read(); part?.done === false;) part = await reader?.read();
        return "ended";
      };
    };
    const [one, two] = [await session(), await session()];
    const made = await control.call("POST", "/api/v1/tokens", { name: "ci", role: "viewer" });
    const [ofOne, ofTwo] = [await open(one.token), await open(two.token)];
    const ofToken = await open(String(made.json["token"]));
    await control.call("DELETE", `/api/v1/sessions/${one.id}`);
    expect(await ofOne()).toBe("ended");
    await setSignIn(null);
    expect(await ofTwo()).toBe("ended");
    expect((await control.call("GET", "/api/v1/status")).json["watches"]).toBe(1);
    await control.call("DELETE", `/api/v1/tokens/${String(made.json["id"])}`);
    expect(await ofToken()).toBe("ended");
    await setSignIn([rules()]);
    // None outlives the token that it was opened with.
    const short = await session();
    await control.sql(`UPDATE sessions SET expires_at = ${Date.now() + 5_000} WHERE id = '${short.id}'`);
    expect(await (await open(short.token))()).toBe("ended");
  });

  it("takes the place of the one that the browser had", async () => {
    const here = "http://localhost";
    const headers = { origin: here, "sec-fetch-site": "same-origin", "content-type": "application/json" };
    const enter = async (cookie: string) => {
      const body = JSON.stringify({ token: await idToken() });
      const answer = await control.at(here, "POST", "/ui/session", { ...headers, cookie }, body);
      expect(answer.status).toBe(201);
      return (answer.headers.get("set-cookie") ?? "").split(";", 1).join("");
    };
    const first = await enter("");
    const second = await enter(first);
    const status = async (cookie: string) => (await control.at(here, "GET", "/ui/session", { cookie })).status;
    expect([await status(first), await status(second)]).toEqual([401, 200]);
  });

  it("is not made, nor ended, where the audit cannot be written", async () => {
    const { id } = await session();
    await control.sql("ALTER TABLE audit RENAME TO audit_away");
    const before = await control.dump();
    const answers = [await signIn(await idToken()), await control.call("DELETE", `/api/v1/sessions/${id}`)];
    const after = await control.dump();
    await control.sql("ALTER TABLE audit_away RENAME TO audit");
    expect([answers.map(({ status }) => status), after]).toEqual([[503, 503], before]);
    expect((await control.call("DELETE", `/api/v1/sessions/${id}`)).status).toBe(204);
  });

  it("writes no MeshConfig unless it is the mesh administrator's", async () => {
    const config = "/k8s/apis/tulle.dev/v1alpha1/namespaces/istio-system/meshconfigs/default";
    const patch = async (token: string) =>
      (await control.call("PATCH", config, { spec: { signIn: null } }, { token, type: "application/merge-patch+json" }))
        .status;
    for (const groups of [["shop"], ["all"]])
      expect([groups, await patch((await session({ groups })).token)]).toEqual([groups, 403]);
    expect(await patch((await session({ groups: ["ops"] }, { namespace: "istio-system" })).token)).toBe(403);
    expect(await patch((await session({ groups: ["ops"] })).token)).toBe(200);
    await setSignIn([rules()]);
  });
});

describe("an ID token", () => {
  it.each(["RS256", "EdDSA"])("may be signed by %s", async (alg) => {
    expect((await signIn(await idToken({}, {}, alg))).status).toBe(201);
  });

  it("makes one session, also of those that come together", async () => {
    const once = await idToken();
    const answers = await Promise.all([signIn(once), signIn(once), signIn(once)]);
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([201, 401, 401]);
    expect((await signIn(once)).json["message"]).toContain("made a session before");
  });

  it("makes no second session once the first is forgotten, however long it lives itself", async () => {
    const week = await idToken({ exp: seconds() + 7 * 86_400 });
    expect((await signIn(week)).status).toBe(201);
    // A session holds 8 hours, and a day later nothing is known of it any more: the next one takes it away.
    await control.setClock(33 * 3_600_000);
    const later = await idToken({ iat: seconds() + 33 * 3_600, exp: seconds() + 34 * 3_600 });
    expect((await signIn(later)).status).toBe(201);
    const again = await signIn(week);
    await control.setClock(0);
    expect([again.status, again.json["token"]]).toEqual([401, undefined]);
  });

  it("comes in one place alone", async () => {
    const token = await idToken();
    for (const send of [
      async () => control.raw("POST", `/api/v1/sessions?token=${token}`, { "content-type": "application/json" }, "{}"),
      async () =>
        control.raw(
          "POST",
          "/api/v1/sessions",
          { cookie: `CF_Authorization=${token}`, "content-type": "application/json" },
          "{}",
        ),
      async () => control.raw("GET", RULES, { authorization: `Bearer ${token}` }),
      async () => control.raw("GET", RULES, { "cf-access-jwt-assertion": token }),
    ])
      expect((await send()).status).toBe(401);
    const fromPage = {
      authorization: `Bearer ${token}`,
      origin: "https://evil.test",
      "content-type": "application/json",
    };
    expect((await control.raw("POST", "/api/v1/sessions", fromPage, "{}")).status).toBe(403);
    const access = { "cf-access-jwt-assertion": token, "content-type": "application/json" };
    expect((await control.raw("POST", "/api/v1/sessions", access, "{}")).status).toBe(201);
  });

  const strange = async () => {
    const other = await TestIssuer.create(["ES256"]);
    return other.sign(claims(), { jwk: other.jwks.keys[0], jku: `${base}/keys`, x5u: `${base}/keys` });
  };
  it.each<[string, number, string, () => Promise<string>]>([
    ["of nobody's rule", 403, "no_rule", () => idToken({ groups: ["none"] })],
    ["with rules' words in another claim", 403, "no_rule", () => idToken({ groups: undefined, roles: ["ops"] })],
    ["of another issuer", 401, "token_issuer", () => idToken({ iss: "https://evil.test" })],
    ["for another client", 401, "token_audience", () => idToken({ aud: "other" })],
    ["for another client too", 401, "token_audience", () => idToken({ aud: ["tulle", "other"] })],
    ["that has ended", 401, "token_times", () => idToken({ exp: seconds() - 61 })],
    ["that is an access token", 401, "token_kind", () => idToken({}, { typ: "at+jwt" })],
    ["of nobody", 401, "token_subject", () => idToken({ sub: undefined })],
    ["of a key of its own", 401, "token_signature", strange],
    ["without a signature", 401, "token_form", async () => rawToken('{"alg":"none"}', JSON.stringify(claims()), "")],
    ["signed with a secret", 401, "token_form", async () => rawToken('{"alg":"HS256"}', JSON.stringify(claims()))],
    ["with two subjects", 401, "token_form", async () => rawToken('{"alg":"ES256"}', `{"sub":"a","sub":"b"}`)],
    ["that is none", 401, "token_form", async () => "x.y.z"],
  ])("%s makes no session, and the audit says why", async (_, status, reason, make) => {
    const token = await make();
    const sessions = await control.sql("SELECT id FROM sessions");
    const answer = await signIn(token);
    expect([answer.status, answer.json["kind"]]).toEqual([status, "Status"]);
    expect(JSON.stringify(answer.json)).not.toContain(token);
    expect(await control.sql("SELECT id FROM sessions")).toHaveLength(sessions.length);
    expect((await audited("verb=refuse-sign-in&limit=1"))[0]?.detail).toMatchObject({ reason });
  });
});

describe("the provider's keys", () => {
  let others: TestIssuer;
  beforeEach(async () => {
    await control.evict("Hub", "hub");
    others = await TestIssuer.create(["ES256"]);
    asked = [];
  });
  afterEach(() => {
    keys = issuer.jwks;
  });

  it("are asked for by no token that fits no entry", async () => {
    for (const change of [{ aud: "other" }, { iss: "https://evil.test" }, { exp: 1 }, { sub: "" }])
      expect((await signIn(await idToken(change))).status).toBe(401);
    expect(asked).toEqual([]);
  });

  it("are fetched once for many that come together, and seldom for keys that nobody has", async () => {
    const tokens = await Promise.all(Array.from({ length: 12 }, async () => idToken()));
    const answers = await Promise.all(tokens.map(async (token) => signIn(token)));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 201));
    for (let round = 0; round < 10; round += 1)
      expect((await signIn(await others.sign(claims(), { kid: `made-up-${round}` }))).status).toBe(401);
    expect(asked.filter((path) => path === "/keys").length).toBeLessThanOrEqual(2);
  });

  it("that are rubbish do not replace good ones, and good ones serve while the provider is away", async () => {
    expect((await signIn(await idToken())).status).toBe(201);
    for (const rubbish of [null, {}, { keys: "none" }, { keys: [1] }, "x".repeat(300_000)]) {
      keys = rubbish;
      expect((await signIn(await others.sign(claims(), { kid: "made-up" }))).status).toBe(401);
      expect((await signIn(await idToken())).status).toBe(201);
    }
  });

  it("that cannot be had let nobody in", async () => {
    keys = null;
    expect((await signIn(await idToken())).json["message"]).toContain("keys cannot be had");
    expect((await audited("verb=refuse-sign-in&limit=1"))[0]?.detail).toMatchObject({ reason: "token_keys" });
  });
});
