import { createPublicKey, generateKeyPairSync, type KeyObject, X509Certificate } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { certificateRequest } from "../support/csr.ts";
import { RunningControl } from "./running.ts";
import { until } from "../support/until.ts";

describe("enrolment", () => {
  let control: RunningControl;
  beforeAll(async () => {
    control = await RunningControl.start();
  });
  afterAll(() => control.stop());

  const joinToken = async (change: Record<string, unknown> = {}) => {
    const wanted = { namespace: "default", serviceAccount: "web", ...change };
    return control.call("POST", "/api/v1/join-tokens", wanted);
  };
  const token = async () => String((await joinToken()).json["token"]);
  const enrol = async (join: string, body: unknown) => control.call("POST", "/api/v1/enrol", body, { token: join });
  const keys = () => generateKeyPairSync("ec", { namedCurve: "P-256" });
  const request = ({ privateKey, publicKey }: { privateKey: KeyObject; publicKey: KeyObject }) =>
    certificateRequest(privateKey, publicKey);

  it("gives a certificate for the token's workload, for an hour, for the request's key alone", async () => {
    const pair = keys();
    const asked = Date.now();
    const answer = await enrol(await token(), { csr: request(pair) });
    expect(answer.status).toBe(201);
    expect(answer.headers.get("cache-control")).toBe("no-store");
    const leaf = new X509Certificate(String(answer.json["certificate"]));
    // What it shows is whole but for the root, which is in the bundle.
    const [, chain = ""] = String(answer.json["certificate"]).split(/(?<=-----END CERTIFICATE-----\n)/);
    const ca = new X509Certificate(chain);
    const root = new X509Certificate(String(answer.json["bundle"]));
    expect([ca.checkIssued(root), ca.verify(root.publicKey), root.ca]).toEqual([true, true, true]);
    expect(leaf.subjectAltName).toBe("URI:spiffe://cluster.local/ns/default/sa/web");
    expect([leaf.ca, leaf.subject ?? "", ca.ca]).toEqual([false, "", true]);
    expect(leaf.verify(ca.publicKey)).toBe(true);
    expect(leaf.checkIssued(ca)).toBe(true);
    expect(leaf.publicKey.export({ format: "pem", type: "spki" })).toBe(
      createPublicKey(pair.privateKey).export({ format: "pem", type: "spki" }),
    );
    // Whole seconds, in an hour from when it was asked for.
    expect(Date.parse(leaf.validTo)).toBeGreaterThan(asked + 3_600_000 - 1_000);
    expect(Date.parse(leaf.validTo)).toBeLessThanOrEqual(Date.now() + 3_600_000);
  });

  it("gives a gateway a certificate under its own name", async () => {
    const made = async (gateway: string) => control.call("POST", "/api/v1/join-tokens", { gateway });
    const { status, json } = await made("gateway_a");
    expect([status, json["spiffeId"]]).toEqual([201, "spiffe://cluster.local/gateway/gateway_a"]);
    const answer = await enrol(String(json["token"]), { csr: request(keys()) });
    expect(new X509Certificate(String(answer.json["certificate"])).subjectAltName).toBe(
      "URI:spiffe://cluster.local/gateway/gateway_a",
    );
    for (const name of ["", "a/b", "..", "A"]) expect((await made(name)).status).toBe(400);
  });

  it("takes each token once, also of two that come together", async () => {
    const join = await token();
    const answers = await Promise.all([enrol(join, { csr: request(keys()) }), enrol(join, { csr: request(keys()) })]);
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([201, 401]);
    expect((await enrol(join, { csr: request(keys()) })).status).toBe(401);
  });

  it("burns no token on a bad request", async () => {
    const join = await token();
    expect((await enrol(join, { csr: "nonsense" })).status).toBe(400);
    expect((await enrol(join, { csr: request(keys()) })).status).toBe(201);
  });

  it("refuses a token that has ended", async () => {
    const join = String((await joinToken({ ttlSeconds: 1 })).json["token"]);
    const made = Date.now();
    await until("the token to end", () => Date.now() > made + 1_000);
    expect((await enrol(join, { csr: request(keys()) })).status).toBe(401);
  });

  it.each<{ name: string; body: () => unknown; status: number }>([
    {
      name: "a request without proof",
      status: 422,
      body: () => ({ csr: certificateRequest(keys().privateKey, keys().publicKey) }),
    },
    { name: "no request", status: 400, body: () => ({}) },
    { name: "more than a day", status: 400, body: () => ({ csr: request(keys()), ttlSeconds: 86_401 }) },
    { name: "no time", status: 400, body: () => ({ csr: request(keys()), ttlSeconds: 0 }) },
    { name: "a name of one's own", status: 400, body: () => ({ csr: request(keys()), spiffeId: "spiffe://x/y" }) },
    { name: "no JSON", status: 400, body: () => "{" },
  ])("refuses $name", async ({ body, status }) => {
    expect((await enrol(await token(), body())).status).toBe(status);
  });

  it.each([
    { namespace: "Default" },
    { namespace: "a/b" },
    { serviceAccount: ".." },
    { serviceAccount: "" },
    { ttlSeconds: 601 },
    { more: 1 },
    { gateway: "gateway-a" },
  ])("makes no token for %j", async (change) => {
    expect((await joinToken(change)).status).toBe(400);
  });

  it("reads no body of more than 64 KiB from anybody, whoever sends it", async () => {
    const headers = { authorization: "Bearer anything", "content-type": "application/json" };
    const answer = await control.raw("POST", "/api/v1/enrol", headers, " ".repeat(70_000));
    expect(answer.status).toBe(413);
    expect(await answer.json()).toMatchObject({ kind: "Status", reason: "RequestEntityTooLarge", code: 413 });
    expect((await joinToken({ serviceAccount: "a".repeat(70_000) })).status).toBe(413);
  });

  it("keeps the bundle: one authority for the life of the mesh", async () => {
    const bundle = async () => (await control.raw("GET", "/api/v1/bundle", {})).text();
    expect(await bundle()).toBe(await bundle());
  });
});
