import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { JWK } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { rawToken, TestIssuer } from "../identity/tokens.ts";
import { EchoMesh, policy } from "./echo-mesh.ts";

const FAR = 4_102_444_800;
const CLAIMS = { iss: "issuer", sub: "anna", exp: FAR };
const ALGORITHMS = ["ES256", "ES384", "ES512", "RS256", "PS384", "EdDSA"];

function authentication(name: string, keys: readonly JWK[]): string {
  return JSON.stringify({
    apiVersion: "security.istio.io/v1",
    kind: "RequestAuthentication",
    metadata: { name },
    spec: {
      selector: { matchLabels: { app: name } },
      jwtRules: [{ issuer: "issuer", jwks: JSON.stringify({ keys }) }],
    },
  });
}

const tokenNeeded = (name: string) =>
  policy(name, "ALLOW", { from: [{ source: { requestPrincipals: ["issuer/anna"] } }] });

describe("tokens and keys as issuers make them", () => {
  let mesh: EchoMesh;
  let issuer: TestIssuer;
  let stranger: TestIssuer;
  let bait: Server;
  const fetched: string[] = [];

  beforeAll(async () => {
    issuer = await TestIssuer.create(ALGORITHMS);
    stranger = await TestIssuer.create(["ES256"]);
    bait = createServer((request, response) => {
      fetched.push(request.url ?? "");
      response.end(JSON.stringify(stranger.jwks));
    });
    await new Promise<void>((resolve) => bait.listen(0, "127.0.0.1", resolve));
    const { keys } = issuer.jwks;
    const unnamed = keys.slice(0, 1).map(({ kid: _kid, ...key }): JWK => key);
    const sets: readonly (readonly [string, readonly JWK[]])[] = [
      ["all", keys],
      ["unnamed", unnamed],
      ["mixed", [...unnamed, ...keys.slice(1)]],
      ["odd", [{ kty: "EC", crv: "secp256k1", kid: "es512" }, { kty: "AKP", kid: "es512" }, ...keys]],
    ];
    mesh = await EchoMesh.start(
      12_500,
      sets.map(([name]) => name),
      sets.flatMap(([name, set]) => [authentication(name, set), tokenNeeded(name)]),
    );
  });
  afterAll(async () => {
    await mesh.stop();
    bait.close();
  });

  const statusOf = async (name: string, token: string): Promise<number> =>
    (await mesh.send(name, "/", { headers: [["authorization", `Bearer ${token}`]] })).status;
  const baitUrl = () => `http://127.0.0.1:${(bait.address() as AddressInfo).port}/keys`;

  it.each(ALGORITHMS)("%s verifies", async (alg) => {
    expect(await statusOf("all", await issuer.sign(CLAIMS, {}, alg))).toBe(200);
    expect(await statusOf("odd", await issuer.sign(CLAIMS, {}, alg))).toBe(200);
  });

  it("one ES512 token of which a bit was changed does not", async () => {
    const token = await issuer.sign(CLAIMS, {}, "ES512");
    const at = token.length - 60;
    const changed = token.slice(0, at) + (token[at] === "A" ? "B" : "A") + token.slice(at + 1);
    expect(await statusOf("all", changed)).toBe(401);
  });

  it("a header that names a key of its own counts for nothing, and nothing is fetched", async () => {
    const [key] = stranger.jwks.keys;
    for (const header of [{ jku: baitUrl() }, { x5u: baitUrl() }, { x5c: ["MIIB"] }, { jwk: key }]) {
      expect(await statusOf("all", await issuer.sign(CLAIMS, header))).toBe(200);
      expect(await statusOf("all", await stranger.sign(CLAIMS, header))).toBe(401);
      expect(await statusOf("unnamed", await stranger.sign(CLAIMS, { ...header, kid: "x" }))).toBe(401);
    }
    expect(fetched).toEqual([]);
  });

  it.each(["crit", "b64"])("a header that holds %s is refused", async (name) => {
    const signed = await issuer.sign(CLAIMS);
    const [, payload = "", signature = ""] = signed.split(".");
    const header = JSON.stringify({ alg: "ES256", kid: "es256", [name]: name === "crit" ? ["exp"] : true });
    const token = `${Buffer.from(header).toString("base64url")}.${payload}.${signature}`;
    expect(await statusOf("all", token)).toBe(401);
  });

  it.each([
    { set: "unnamed", kid: "lost", status: 200 },
    { set: "unnamed", kid: undefined, status: 200 },
    { set: "mixed", kid: "lost", status: 200 },
    { set: "mixed", kid: "es384", status: 401 },
    { set: "all", kid: "lost", status: 401 },
    { set: "all", kid: undefined, status: 200 },
  ])("kid $kid of a set $set is $status", async ({ set, kid, status }) => {
    expect(await statusOf(set, await issuer.sign(CLAIMS, { kid }))).toBe(status);
  });

  it("a token without end is refused, and so is one with `alg: none`", async () => {
    expect(await statusOf("all", await issuer.sign({ iss: "issuer", sub: "anna" }))).toBe(401);
    expect(await statusOf("all", rawToken('{"alg":"none"}', JSON.stringify(CLAIMS), ""))).toBe(401);
  });

  it("a key that verifies nothing is warned of on apply, by its number and name", async () => {
    const keys = [{ kty: "EC", crv: "secp256k1", kid: "wallet" }, ...issuer.jwks.keys];
    const answer = await mesh.mesh.apply(authentication("all", keys), "?dryRun=All");
    expect(answer.status).toBe(200);
    expect(answer.text).toMatch(/key 0 \(`kid: wallet`\) verifies nothing/);
    expect((await mesh.mesh.apply(authentication("all", issuer.jwks.keys), "?dryRun=All")).text).not.toContain(
      "verifies",
    );
  });
});
