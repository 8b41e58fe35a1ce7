import "reflect-metadata";
import { X509Certificate } from "node:crypto";
import * as x509 from "@peculiar/x509";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { judgeSvid } from "../../src/identity/svid.ts";
import { RunningControl, trustOf } from "./running.ts";

interface Algorithm {
  readonly name: string;
  readonly hash?: string;
  readonly namedCurve?: string;
  readonly modulusLength?: number;
  readonly publicExponent?: Uint8Array<ArrayBuffer>;
}

const curve = (namedCurve: string, hash: string): Algorithm => ({ name: "ECDSA", namedCurve, hash });
const rsa = (modulusLength: number): Algorithm => ({
  name: "RSASSA-PKCS1-v1_5",
  modulusLength,
  publicExponent: new Uint8Array([1, 0, 1]),
  hash: "SHA-256",
});
const P256 = curve("P-256", "SHA-256");
const DAY_MS = 86_400_000;

describe("the authority", () => {
  let control: RunningControl;
  let ca: x509.X509Certificate;
  beforeAll(async () => {
    x509.cryptoProvider.set(crypto);
    control = await RunningControl.start();
    ca = new x509.X509Certificate(await (await control.raw("GET", "/api/v1/bundle", {})).text());
  });
  afterAll(() => control.stop());

  /** A request that asks for more than its key: none of it may come back. */
  const greedy = async (algorithm: Algorithm): Promise<string> => {
    const generated = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
    if (!("privateKey" in generated)) throw new Error("no key pair");
    const request = await x509.Pkcs10CertificateRequestGenerator.create({
      name: "CN=admin",
      keys: generated,
      signingAlgorithm: algorithm,
      extensions: [
        new x509.SubjectAlternativeNameExtension([
          { type: "url", value: "spiffe://cluster.local/ns/istio-system/sa/admin" },
          { type: "dns", value: "admin.test" },
        ]),
        new x509.BasicConstraintsExtension(true, 3, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      ],
    });
    return request.toString("pem");
  };
  const enrol = async (csr: string, change: Record<string, unknown> = {}) => {
    const workload = { namespace: "default", serviceAccount: "web" };
    const made = await control.call("POST", "/api/v1/join-tokens", workload);
    return control.call("POST", "/api/v1/enrol", { csr, ...change }, { token: String(made.json["token"]) });
  };
  const chainOf = async (csr: string) => String((await enrol(csr)).json["certificate"]);
  const certificatesOf = (pem: string) => x509.PemConverter.decode(pem).map((der) => new x509.X509Certificate(der));
  const issued = async (csr: string, change: Record<string, unknown> = {}) =>
    new x509.X509Certificate(String((await enrol(csr, change)).json["certificate"]));

  it("has a root of ten years, whose intermediate of thirty days may sign leaves and nothing below them", async () => {
    const [, intermediate] = certificatesOf(await chainOf(await greedy(P256)));
    for (const [certificate, pathLength, life] of [
      [ca, 1, 3_650],
      [intermediate!, 0, 30],
    ] as const) {
      const constraints = certificate.getExtension(x509.BasicConstraintsExtension);
      expect([constraints?.ca, constraints?.pathLength, constraints?.critical]).toEqual([true, pathLength, true]);
      const usages = certificate.getExtension(x509.KeyUsagesExtension)?.usages ?? 0;
      expect(usages & x509.KeyUsageFlags.keyCertSign).not.toBe(0);
      expect(usages & x509.KeyUsageFlags.digitalSignature).toBe(0);
      const names = certificate.getExtension(x509.SubjectAlternativeNameExtension)?.names.toJSON();
      expect(names).toEqual([{ type: "url", value: "spiffe://cluster.local" }]);
      const days = (certificate.notAfter.getTime() - certificate.notBefore.getTime()) / DAY_MS;
      expect(Math.round(days)).toBe(life);
    }
    expect(await intermediate!.verify({ publicKey: ca.publicKey })).toBe(true);
  });

  it.each<{ name: string; algorithm: Algorithm }>([
    { name: "P-256", algorithm: P256 },
    { name: "P-384", algorithm: curve("P-384", "SHA-384") },
    { name: "Ed25519", algorithm: { name: "Ed25519" } },
    { name: "RSA of 2048 bits", algorithm: rsa(2_048) },
  ])("certifies a key of $name, and nothing else that its request asks for", async ({ algorithm }) => {
    const leaf = await issued(await greedy(algorithm));
    const names = leaf.getExtension(x509.SubjectAlternativeNameExtension);
    expect(names?.names.toJSON()).toEqual([{ type: "url", value: "spiffe://cluster.local/ns/default/sa/web" }]);
    // Without a subject it must be critical.
    expect([leaf.subject, names?.critical]).toEqual(["", true]);
    expect(leaf.getExtension(x509.BasicConstraintsExtension)?.ca).toBe(false);
    expect(leaf.getExtension(x509.KeyUsagesExtension)?.usages).toBe(x509.KeyUsageFlags.digitalSignature);
    expect(new Set(leaf.getExtension(x509.ExtendedKeyUsageExtension)?.usages)).toEqual(
      new Set([x509.ExtendedKeyUsage.clientAuth, x509.ExtendedKeyUsage.serverAuth]),
    );
  });

  it.each<{ name: string; algorithm: Algorithm }>([
    { name: "P-521", algorithm: curve("P-521", "SHA-512") },
    { name: "RSA of 1024 bits", algorithm: rsa(1_024) },
  ])("certifies no key of $name", async ({ algorithm }) => {
    const answer = await enrol(await greedy(algorithm));
    expect([answer.status, answer.json["reason"]]).toEqual([422, "Invalid"]);
  });

  it("certifies no key whose request was changed after it was signed", async () => {
    const body = (await greedy(P256)).replace(/-----[^-]+-----|\s/g, "");
    const der = Buffer.from(body, "base64");
    const at = der.indexOf("admin");
    der.write("other", at);
    const changed = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString("base64")}\n-----END CERTIFICATE REQUEST-----\n`;
    expect((await enrol(changed)).status).toBe(422);
  });

  it("makes leaves that gateways take, under the intermediates of their root alone", async () => {
    const leaf = new Uint8Array((await issued(await greedy(P256))).rawData);
    const trust = await trustOf(control);
    expect(trust.authorities).toHaveLength(1);
    expect(await judgeSvid(leaf, trust)).toMatchObject({ ok: true, value: { id: { path: "/ns/default/sa/web" } } });
    expect((await judgeSvid(leaf, { ...trust, authorities: [] })).ok).toBe(false);
    expect((await judgeSvid(new Uint8Array(ca.rawData), trust)).ok).toBe(false);
    // A root says who signs for it; what it signed itself would be no workload.
    const root = Buffer.from(ca.rawData).toString("base64");
    expect((await judgeSvid(leaf, { ...trust, authorities: [root] })).ok).toBe(false);
  });

  it("certifies no key that is another identity's, or its own", async () => {
    const csr = await greedy(P256);
    expect((await enrol(csr)).status).toBe(201);
    expect((await enrol(csr)).status).toBe(201);
    const other = { namespace: "default", serviceAccount: "other" };
    const made = await control.call("POST", "/api/v1/join-tokens", other);
    const answer = await control.call("POST", "/api/v1/enrol", { csr }, { token: String(made.json["token"]) });
    expect([answer.status, answer.json["reason"]]).toEqual([422, "Invalid"]);
  });

  it("begins a leaf a minute back and ends it when it was asked to", async () => {
    const before = Date.now();
    const leaf = await issued(await greedy(P256), { ttlSeconds: 600 });
    const lives = leaf.notAfter.getTime() - leaf.notBefore.getTime();
    expect(lives).toBe(660_000);
    expect(leaf.notBefore.getTime()).toBeGreaterThan(before - 61_001);
    expect(leaf.notBefore.getTime()).toBeLessThanOrEqual(Date.now() - 60_000);
  });

  it("numbers leaves by chance, above zero", async () => {
    const csr = await greedy(P256);
    const serials = [await issued(csr), await issued(csr)].map(
      (leaf) => new X509Certificate(leaf.toString("pem")).serialNumber,
    );
    expect(new Set(serials).size).toBe(2);
    for (const serial of serials) expect(serial).toMatch(/^[4-7][0-9A-F]{31}$/);
  });
});
