import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { rawToken, TestIssuer } from "../identity/tokens.ts";
import { certificateRequest } from "../support/csr.ts";
import { RunningControl } from "./running.ts";

const ISSUER = "https://kubernetes.default.svc.cluster.local";
const GITHUB = "https://token.actions.githubusercontent.com";
const AUDIENCE = "tulle://cluster.local";
const ONE_TEXT = "the token enrols nobody here; the mesh's audit says why";

let control: RunningControl;
let issuer: TestIssuer;
let server: Server;
let base: string;
/** What the issuer of the local mesh answers by path, and what it was asked. */
let published: Record<string, unknown> = {};
let asked: string[] = [];

const request = (): string => {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return certificateRequest(privateKey, publicKey);
};
const enrol = async (token: string, csr = request()) => control.call("POST", "/api/v1/enrol", { csr }, { token });
const seconds = () => Math.floor(Date.now() / 1_000);
let count = 0;
const claims = (change: Record<string, unknown> = {}) => ({
  iss: ISSUER,
  sub: "system:serviceaccount:shop:web",
  aud: [AUDIENCE],
  iat: seconds(),
  exp: seconds() + 600,
  jti: `jti-${(count += 1)}`,
  ...change,
});
const token = async (change: Record<string, unknown> = {}, header = {}, alg = "ES256") =>
  issuer.sign(claims(change), header, alg);
const rule = (name: string, spec: Record<string, unknown>) => ({
  apiVersion: "tulle.dev/v1alpha1",
  kind: "EnrolmentRule",
  metadata: { name },
  spec,
});
const audited = async () => {
  const { json } = await control.call("GET", "/api/v1/audit");
  return (json["entries"] as unknown as { verb: string; targets: unknown }[]).map(
    ({ verb, targets, ...more }) => `${verb} ${JSON.stringify(targets)} ${JSON.stringify(more)}`,
  );
};

beforeAll(async () => {
  control = await RunningControl.start({ local: true });
  issuer = await TestIssuer.create();
  server = createServer((asks, response) => {
    asked.push(asks.url ?? "");
    const body = published[asks.url ?? ""];
    response.writeHead(body === undefined ? 404 : 200, { "content-type": "application/json" });
    response.end(JSON.stringify(body));
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const jwks = JSON.stringify(issuer.jwks);
  const answer = await control.call("POST", "/api/v1/apply", [
    rule("cluster", {
      issuer: ISSUER,
      jwks,
      subject: "system:serviceaccount:{namespace}:{account}",
      namespace: "{namespace}",
      serviceAccount: "{account}",
    }),
    rule("github", { issuer: GITHUB, jwks, subject: "repo:acme/shop:*", namespace: "shop", serviceAccount: "ci" }),
    rule("pulls", {
      issuer: GITHUB,
      jwks,
      subject: "repo:acme/docs:pull_request",
      namespace: "docs",
      serviceAccount: "ci",
    }),
    rule("found", { issuer: base, subject: "user:{name}", namespace: "people", serviceAccount: "{name}" }),
    rule("two-a", { issuer: ISSUER, jwks, subject: "two:*", namespace: "a", serviceAccount: "a" }),
    rule("two-b", { issuer: ISSUER, jwks, subject: "two:x", namespace: "b", serviceAccount: "b" }),
  ]);
  expect([answer.status, answer.json["message"]]).toEqual([200, undefined]);
});
afterAll(async () => {
  await control.stop();
  server.close();
});

describe("a token of an issuer", () => {
  it("gets the certificate of the workload that a rule says", async () => {
    const answer = await enrol(await token());
    expect([answer.status, answer.json["message"]]).toEqual([201, undefined]);
    const leaf = new X509Certificate(String(answer.json["certificate"]));
    expect(leaf.subjectAltName).toBe("URI:spiffe://cluster.local/ns/shop/sa/web");
    const row = (await audited()).find((line) => line.includes(leaf.serialNumber.toLowerCase()));
    expect(row).toContain("issue-certificate");
    for (const said of ["spiffe://cluster.local/ns/shop/sa/web", "cluster", "system:serviceaccount:shop:web"])
      expect(row).toContain(said);
  });

  it.each(["RS256", "EdDSA"])("may be signed by %s", async (alg) => {
    expect((await enrol(await token({}, {}, alg))).status).toBe(201);
  });

  it("counts once, also of two that come together, and of two spellings of one signature", async () => {
    const once = await token();
    const answers = await Promise.all([enrol(once), enrol(once), enrol(once)]);
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([201, 401, 401]);
    expect((await enrol(once)).status).toBe(401);
    // Another token with the number of one that was used is that one.
    const jti = "same";
    expect([(await enrol(await token({ jti }))).status, (await enrol(await token({ jti }))).status]).toEqual([
      201, 401,
    ]);
    const unnumbered = await token({ jti: undefined });
    expect([(await enrol(unnumbered)).status, (await enrol(unnumbered)).status]).toEqual([201, 401]);
    expect((await enrol(otherSpelling(unnumbered))).json["message"]).toBe(ONE_TEXT);
    expect((await audited()).filter((line) => line.includes("token_used")).length).toBeGreaterThanOrEqual(5);
  });

  it("is not used up by a bad request", async () => {
    const once = await token();
    expect((await enrol(once, "nonsense")).status).toBe(400);
    expect((await enrol(once)).status).toBe(201);
  });

  it("of a pull request needs a rule that names it", async () => {
    const of = async (sub: string) => (await enrol(await token({ iss: GITHUB, sub }))).status;
    expect(await of("repo:acme/shop:pull_request")).toBe(401);
    expect(await of("repo:acme/shop:environment:prod")).toBe(401);
    expect(await of("repo:acme/docs:pull_request")).toBe(201);
  });

  it.each<[string, string, () => Promise<string>]>([
    ["for the API server", "token_audience", () => token({ aud: ["https://kubernetes.default.svc"] })],
    ["for others too", "token_audience", () => token({ aud: [AUDIENCE, "sts.amazonaws.com"] })],
    ["that has ended", "token_times", () => token({ iat: seconds() - 700, exp: seconds() - 100 })],
    ["of an issuer without a rule", "issuer_unknown", () => token({ iss: "https://evil.test" })],
    ["of a subject without a rule", "rule_none", () => token({ sub: "system:node:a" })],
    ["of the root namespace", "root_namespace", () => token({ sub: "system:serviceaccount:istio-system:x" })],
    ["of two rules that differ", "rules_ambiguous", () => token({ sub: "two:x" })],
    ["of another's key", "token_signature", async () => (await TestIssuer.create(["ES256"])).sign(claims())],
    ["of no algorithm", "token_form", async () => rawToken('{"alg":"none"}', JSON.stringify(claims()), "")],
    ["of a key of its own", "token_signature", () => strange()],
  ])("%s enrols nobody, and hears no reason", async (_, reason, make) => {
    const before = (await audited()).filter((line) => line.includes(reason)).length;
    const answer = await enrol(await make());
    expect([answer.status, answer.json["message"]]).toEqual([401, ONE_TEXT]);
    const id = answer.headers.get("x-request-id") ?? "none";
    const rows = (await audited()).filter((line) => line.includes(reason));
    expect(rows.length).toBeGreaterThan(before);
    expect(rows.some((line) => line.includes(id))).toBe(true);
  });
});

it("a token that is none, and one with parameters that change its meaning, enrol nobody", async () => {
  expect((await enrol("a.b.c")).json["message"]).toBe(ONE_TEXT);
  const changed = rawToken('{"alg":"ES256","crit":["exp"],"exp":1}', JSON.stringify(claims()));
  expect((await enrol(changed)).json["message"]).toBe(ONE_TEXT);
});

describe("an issuer whose keys are found", () => {
  const found = async (by = issuer, sub = "user:eve") => enrol(await by.sign({ ...claims(), iss: base, sub }));

  it("is asked for nothing by tokens that no rule could fit", async () => {
    asked = [];
    expect((await enrol(await token({ iss: base, sub: "robot:eve" }))).status).toBe(401);
    expect((await enrol(await token({ iss: base, sub: "user:eve", aud: "other" }))).status).toBe(401);
    expect(asked).toEqual([]);
  });

  it("enrols nobody while another's document stands there, and then by the keys of its own", async () => {
    published = {
      "/.well-known/openid-configuration": { issuer: "https://other.test", jwks_uri: `${base}/keys` },
      "/keys": issuer.jwks,
    };
    expect((await found()).status).toBe(401);
    expect(asked).toEqual(["/.well-known/openid-configuration"]);
    await control.evict("Authority", "authority");
    published["/.well-known/openid-configuration"] = { issuer: base, jwks_uri: `${base}/keys` };
    expect((await found()).status).toBe(201);
    const other = await TestIssuer.create(["ES256"]);
    asked = [];
    for (let round = 0; round < 5; round += 1) expect((await found(other)).status).toBe(401);
    expect(asked.length).toBeLessThanOrEqual(2);
  });

  it("may name no place that control must not fetch from", async () => {
    await control.evict("Authority", "authority");
    published["/.well-known/openid-configuration"] = { issuer: base, jwks_uri: "https://169.254.169.254/keys" };
    expect((await found()).status).toBe(401);
  });
});

describe("an EnrolmentRule", () => {
  const spec = {
    issuer: ISSUER,
    jwksUri: "https://keys.example.com/a",
    subject: "a:b",
    namespace: "a",
    serviceAccount: "b",
  };

  it("is refused with an audience that others have too, and with keys off the egress list", async () => {
    const causes = async (change: Record<string, unknown>) => {
      const answer = await control.call("POST", "/api/v1/apply?dryRun=All", [rule("new", { ...spec, ...change })]);
      return JSON.stringify(answer.json);
    };
    expect(await causes({})).toContain("egress.allowedHosts");
    const jwks = { jwksUri: undefined, jwks: JSON.stringify(issuer.jwks) };
    expect(await causes({ ...jwks, audience: "https://kubernetes.default.svc" })).toContain("Kubernetes");
    expect(await causes({ ...jwks, audience: "tulle://other" })).toContain(AUDIENCE);
    expect(await causes({ ...jwks, audience: AUDIENCE })).not.toContain("Failure");
  });

  it("is the mesh administrator's alone", async () => {
    const path = "/k8s/apis/tulle.dev/v1alpha1/enrolmentrules";
    const jwks = { jwksUri: undefined, jwks: JSON.stringify(issuer.jwks) };
    for (const account of [
      { role: "editor" },
      { role: "editor", namespace: "istio-system" },
      { role: "admin", namespace: "istio-system" },
      { role: "viewer" },
    ]) {
      const made = await control.call("POST", "/api/v1/tokens", { name: "t", ...account });
      const answer = await control.call("POST", path, rule("mine", { ...spec, ...jwks }), {
        token: String(made.json["token"]),
      });
      expect([account, answer.status]).toEqual([account, 403]);
    }
    expect((await control.call("POST", path, rule("mine", { ...spec, ...jwks }))).status).toBe(201);
  });

  it("enrols nobody any more once it is gone", async () => {
    const jwks = JSON.stringify(issuer.jwks);
    await control.call("POST", "/api/v1/apply", [
      rule("gone", { issuer: "https://gone.test", jwks, subject: "a:b", namespace: "a", serviceAccount: "b" }),
    ]);
    const of = async () => (await enrol(await token({ iss: "https://gone.test", sub: "a:b" }))).status;
    expect(await of()).toBe(201);
    await control.call("DELETE", "/k8s/apis/tulle.dev/v1alpha1/enrolmentrules/gone");
    expect(await of()).toBe(401);
  });
});

/** Signed by a key that the token brings itself. */
async function strange(): Promise<string> {
  const own = await TestIssuer.create(["ES256"]);
  return own.sign(claims(), { jwk: own.jwks.keys[0] });
}

/** ECDSA verifies by (r, n - s) what it verifies by (r, s). */
function otherSpelling(text: string): string {
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
  const [head, payload, signature = ""] = text.split(".");
  const bytes = Buffer.from(signature, "base64url");
  const s = BigInt(`0x${bytes.subarray(32).toString("hex")}`);
  const other = Buffer.from((order - s).toString(16).padStart(64, "0"), "hex");
  return `${head}.${payload}.${Buffer.concat([bytes.subarray(0, 32), other]).toString("base64url")}`;
}

describe("a token of an issuer, in a mesh that was restored", () => {
  it("enrols nobody where it was made before: whether it was used since the backup nobody knows", async () => {
    const key = "k".repeat(40);
    const { json } = await control.call("POST", "/api/v1/ca/backup", { key });
    // Of an issuer whose clock is ahead.
    const used = [await token(), await token({ iat: seconds() + 50 })];
    for (const one of used) expect((await enrol(one)).status).toBe(201);
    const fresh = await RunningControl.start({ clock: true });
    try {
      const spec = {
        issuer: ISSUER,
        jwks: JSON.stringify(issuer.jwks),
        subject: "system:serviceaccount:{namespace}:{account}",
        namespace: "{namespace}",
        serviceAccount: "{account}",
      };
      expect((await fresh.call("POST", "/api/v1/apply", [rule("cluster", spec)])).status).toBe(200);
      const restored = await fresh.call("POST", "/api/v1/ca/restore", { backup: json["backup"], key });
      expect(restored.status).toBe(200);
      const tried = async (one: string) =>
        (await fresh.call("POST", "/api/v1/enrol", { csr: request() }, { token: one })).status;
      for (const one of used) expect(await tried(one)).toBe(401);
      await fresh.setClock(62_000);
      const next = await token({ iat: seconds() + 62 });
      expect([await tried(next), await tried(next)]).toEqual([201, 401]);
    } finally {
      await fresh.stop();
    }
  });
});
