import { generateKeyPairSync, type KeyObject, X509Certificate } from "node:crypto";
import { importJWK, jwtVerify, type JWK } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TestAuthority } from "../identity/svids.ts";
import { certificateRequest } from "../support/csr.ts";
import { requestDigest, svidProof } from "../support/svid-proof.ts";
import { RunningControl } from "./running.ts";

const AUDIENCE = "tulle://cluster.local";
const ONE_TEXT = "the certificate, or the proof of its key, does not count; the mesh's audit says why";
const ORDERS = "spiffe://cluster.local/ns/shop/sa/orders";

interface Pair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

let control: RunningControl;
beforeAll(async () => {
  control = await RunningControl.start();
});
afterAll(() => control.stop());

const pair = (): Pair => generateKeyPairSync("ec", { namedCurve: "P-256" });
const request = ({ privateKey, publicKey }: Pair): string => certificateRequest(privateKey, publicKey);
const nonce = async (): Promise<string> => String((await control.call("POST", "/api/v1/nonces")).json["nonce"]);

async function enrolled(keys: Pair, serviceAccount = "web", ttlSeconds = 3_600): Promise<string> {
  const made = await control.call("POST", "/api/v1/join-tokens", { namespace: "shop", serviceAccount });
  const body = { csr: request(keys), ttlSeconds };
  const answer = await control.call("POST", "/api/v1/enrol", body, { token: String(made.json["token"]) });
  return String(answer.json["certificate"]);
}

interface Asked {
  readonly certificate: string;
  readonly by: KeyObject;
  readonly csr?: string;
  readonly claims?: Record<string, unknown>;
}

/** No credentials go along: the proof is all there is. */
async function post(path: string, proof: string, body: unknown) {
  const headers = { authorization: `Bearer ${proof}`, "content-type": "application/json" };
  const response = await control.raw("POST", path, headers, JSON.stringify(body));
  const json = (await response.json()) as Record<string, unknown>;
  return { status: response.status, json, headers: response.headers };
}

async function renew({ certificate, by, csr = request(pair()), claims = {} }: Asked) {
  const digest = requestDigest(csr);
  const proof = svidProof(by, { aud: AUDIENCE, nonce: await nonce(), for: "renew", csr: digest, ...claims });
  return post("/api/v1/renew", proof, { certificate, csr });
}

async function jwtSvid({ certificate, by, claims = {} }: Asked, change: Record<string, unknown> = {}) {
  const asked = { aud: AUDIENCE, nonce: await nonce(), for: "jwt-svid", audience: ORDERS, ...claims };
  return post("/api/v1/jwt-svid", svidProof(by, asked), { certificate, audience: ORDERS, ...change });
}

async function refusals(): Promise<string> {
  const { json } = await control.call("GET", "/api/v1/audit?verb=refuse-enrolment");
  return JSON.stringify(json["entries"]);
}

describe("renewal by an SVID that is still good", () => {
  it.each<[string, () => Pair]>([
    ["P-256", pair],
    ["P-384", () => generateKeyPairSync("ec", { namedCurve: "P-384" })],
    ["Ed25519", () => generateKeyPairSync("ed25519")],
    ["RSA", () => generateKeyPairSync("rsa", { modulusLength: 2_048 })],
  ])("gives a new certificate of the same name, for the new key: %s", async (_, make) => {
    const old = make();
    const fresh = pair();
    const certificate = await enrolled(old);
    const answer = await renew({ certificate, by: old.privateKey, csr: request(fresh) });
    expect([answer.status, answer.json["message"]]).toEqual([201, undefined]);
    const leaf = new X509Certificate(String(answer.json["certificate"]));
    expect(leaf.subjectAltName).toBe("URI:spiffe://cluster.local/ns/shop/sa/web");
    expect(leaf.checkPrivateKey(fresh.privateKey)).toBe(true);
    expect(leaf.serialNumber).not.toBe(new X509Certificate(certificate).serialNumber);
    const again = await renew({ certificate: String(answer.json["certificate"]), by: fresh.privateKey });
    expect(again.status).toBe(201);
  });

  it("takes each nonce once, also of two that come together", async () => {
    const keys = pair();
    const certificate = await enrolled(keys);
    const once = await nonce();
    const answers = await Promise.all(
      [1, 2, 3].map(async () => renew({ certificate, by: keys.privateKey, claims: { nonce: once } })),
    );
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([201, 401, 401]);
    expect(await refusals()).toContain("nonce_used");
  });

  it("refuses whatever is not proven by the key of a good certificate, and tells nobody why", async () => {
    const keys = pair();
    const other = pair();
    const certificate = await enrolled(keys);
    const by = keys.privateKey;
    const stranger = await TestAuthority.create();
    const forged = await stranger.issue({ uris: ["spiffe://cluster.local/ns/shop/sa/web"] });
    const short = await enrolled(keys, "web", 1);
    const ended = new X509Certificate(short).validToDate.getTime();
    while (Date.now() <= ended) await new Promise((later) => setTimeout(later, 50));
    const ca = await (await control.raw("GET", "/api/v1/bundle", {})).text();
    const tries: readonly (readonly [string, Asked])[] = [
      ["proof_signature", { certificate, by: other.privateKey }],
      ["certificate_issuer_unknown", { certificate: pem(forged), by }],
      ["certificate_is_ca", { certificate: ca, by }],
      ["certificate_expired", { certificate: short, by }],
      ["certificate_malformed", { certificate: "none", by }],
      ["proof_claims", { certificate, by, claims: { aud: "tulle://other" } }],
      ["proof_claims", { certificate, by, claims: { for: "jwt-svid" } }],
      ["proof_claims", { certificate, by, claims: { csr: requestDigest(request(other)) } }],
      ["nonce_unknown", { certificate, by, claims: { nonce: "made-up" } }],
      ["nonce_unknown", { certificate, by, claims: { nonce: tampered(await nonce()) } }],
      ["nonce_unknown", { certificate, by, claims: { nonce: undefined } }],
    ];
    for (const [reason, asked] of tries) {
      const answer = await renew(asked);
      expect([reason, answer.status, answer.json["message"]]).toEqual([reason, 401, ONE_TEXT]);
      expect(await refusals()).toContain(String(answer.headers.get("x-request-id")));
      expect(await refusals()).toContain(reason);
    }
    const csr = certificateRequest(other.privateKey, keys.publicKey);
    expect((await renew({ certificate, by, csr })).status).toBe(422);
  });
});

describe("a JWT-SVID", () => {
  it("is for one audience, verifies by what is published, and ends within five minutes", async () => {
    const keys = pair();
    const certificate = await enrolled(keys);
    const answer = await jwtSvid({ certificate, by: keys.privateKey });
    expect([answer.status, answer.json["message"]]).toEqual([201, undefined]);
    const token = String(answer.json["token"]);
    const published = (await (await control.raw("GET", "/api/v1/spiffe-bundle", {})).json()) as { keys: JWK[] };
    const own = published.keys.filter(({ use }) => use === "jwt-svid");
    const { payload, protectedHeader } = await jwtVerify(
      token,
      async ({ kid, alg }) => importJWK(own.find((key) => key.kid === kid) ?? {}, alg),
      { audience: ORDERS, issuer: "spiffe://cluster.local", algorithms: ["ES256"] },
    );
    expect(protectedHeader).toEqual({ alg: "ES256", kid: own[0]?.kid, typ: "JWT" });
    expect(payload).toMatchObject({ sub: "spiffe://cluster.local/ns/shop/sa/web", aud: [ORDERS] });
    expect(Number(payload.exp) - Number(payload.iat)).toBe(300);
  });

  it("is refused for another audience than the proof is for, for this mesh's control, and for longer", async () => {
    const keys = pair();
    const asked = { certificate: await enrolled(keys), by: keys.privateKey };
    expect((await jwtSvid(asked, { audience: "spiffe://cluster.local/ns/shop/sa/other" })).status).toBe(401);
    expect((await jwtSvid({ ...asked, claims: { for: "renew" } })).status).toBe(401);
    expect((await jwtSvid({ ...asked, claims: { audience: AUDIENCE } }, { audience: AUDIENCE })).status).toBe(400);
    expect((await jwtSvid(asked, { ttlSeconds: 301 })).status).toBe(400);
    expect((await jwtSvid(asked, { audience: "" })).status).toBe(400);
  });
});

describe("the SPIFFE bundle", () => {
  it("has the authority's root, the intermediate that gateways are shown leaves of, and the key of JWT-SVIDs, and keeps its number while they stay", async () => {
    const bundle = async () => {
      const response = await control.raw("GET", "/api/v1/spiffe-bundle", {});
      return { type: response.headers.get("content-type"), body: (await response.json()) as Record<string, unknown> };
    };
    const [first, second] = [await bundle(), await bundle()];
    expect(second).toEqual(first);
    expect(first.type).toContain("application/json");
    expect(first.body).toMatchObject({ spiffe_sequence: 1, spiffe_refresh_hint: 300 });
    const keys = first.body["keys"] as (JWK & { x5c?: string[] })[];
    expect(keys.map(({ use }) => use)).toEqual(["x509-svid", "x509-svid", "jwt-svid"]);
    const ca = new X509Certificate(await (await control.raw("GET", "/api/v1/bundle", {})).text());
    expect(keys[0]?.x5c).toEqual([ca.raw.toString("base64")]);
    expect(keys[0]).toMatchObject(ca.publicKey.export({ format: "jwk" }));
    const intermediate = new X509Certificate(Buffer.from(keys[1]?.x5c?.[0] ?? "", "base64"));
    expect([intermediate.ca, intermediate.checkIssued(ca)]).toEqual([true, true]);
  });
});

function pem(der: Uint8Array): string {
  const base64 = Buffer.from(der)
    .toString("base64")
    .replace(/.{1,64}/g, "$&\n");
  return `-----BEGIN CERTIFICATE-----\n${base64}-----END CERTIFICATE-----\n`;
}

/** The same nonce, an hour longer. */
function tampered(text: string): string {
  const bytes = Buffer.from(text, "base64url");
  bytes.writeDoubleBE(bytes.readDoubleBE(0) + 3_600_000, 0);
  return bytes.toString("base64url");
}
