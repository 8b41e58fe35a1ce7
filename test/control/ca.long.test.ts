import "reflect-metadata";
import { generateKeyPairSync, X509Certificate } from "node:crypto";
import * as x509 from "@peculiar/x509";
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { judgeSvid } from "../../src/identity/svid.ts";
import { certificateRequest } from "../support/csr.ts";
import { svidProof } from "../support/svid-proof.ts";
import { until } from "../support/until.ts";
import { RunningControl, trustOf } from "./running.ts";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const DAY = 86_400_000;

interface Ca {
  readonly certificates: readonly { serial: string; role: string; state: string; isOurs: boolean; signsFrom: number }[];
  readonly next: readonly { what: string; at: number }[];
  readonly issued: number;
}

const status = async (control: RunningControl) => (await control.call("GET", "/api/v1/ca")).json as unknown as Ca;
const bundleOf = async (control: RunningControl) => (await control.raw("GET", "/api/v1/bundle", {})).text();
const split = (pem: string) => x509.PemConverter.decode(pem).map((der) => new x509.X509Certificate(der));

async function enrol(control: RunningControl, serviceAccount: string) {
  const made = await control.call("POST", "/api/v1/join-tokens", { namespace: "default", serviceAccount });
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const csr = certificateRequest(privateKey, publicKey);
  const token = String(made.json["token"]);
  const answer = await control.call("POST", "/api/v1/enrol", { csr }, { token });
  return { token, csr, answer, privateKey, chain: String(answer.json["certificate"]) };
}

const ORDERS = "spiffe://cluster.local/ns/shop/sa/orders";

async function jwtSvid(control: RunningControl, { chain, privateKey }: Awaited<ReturnType<typeof enrol>>) {
  const nonce = String((await control.call("POST", "/api/v1/nonces")).json["nonce"]);
  const claims = { aud: "tulle://cluster.local", nonce, for: "jwt-svid", audience: ORDERS };
  const headers = { authorization: `Bearer ${svidProof(privateKey, claims)}`, "content-type": "application/json" };
  const body = JSON.stringify({ certificate: chain, audience: ORDERS });
  const answer = await control.raw("POST", "/api/v1/jwt-svid", headers, body);
  const { token } = (await answer.json()) as { token: string };
  return token;
}

/** By what this mesh publishes. @throws where it does not verify */
async function verifyJwtSvid(control: RunningControl, token: string) {
  const { keys } = (await (await control.raw("GET", "/api/v1/spiffe-bundle", {})).json()) as JSONWebKeySet;
  const own = keys.filter(({ use }) => use === "jwt-svid").map((key) => ({ ...key, use: "sig" }));
  return jwtVerify(token, createLocalJWKSet({ keys: own }), { audience: ORDERS, algorithms: ["ES256"] });
}

/** As Node's TLS builds it: leaf, what comes with it, a root of the bundle. */
function verifies(chain: string, bundle: string): boolean {
  const [leaf, ...between] = split(chain).map((one) => new X509Certificate(one.toString("pem")));
  const roots = split(bundle).map((one) => new X509Certificate(one.toString("pem")));
  let current = leaf!;
  for (const issuer of between) {
    if (!current.checkIssued(issuer) || !current.verify(issuer.publicKey)) return false;
    current = issuer;
  }
  return roots.some((root) => current.checkIssued(root) && current.verify(root.publicKey));
}

const leafOf = (chain: string) => new Uint8Array(split(chain)[0]!.rawData);
const serialOf = (chain: string) => split(chain)[0]!.serialNumber;

describe("the authority", () => {
  let control: RunningControl;
  beforeAll(async () => {
    x509.cryptoProvider.set(crypto);
    control = await RunningControl.start();
  });
  afterAll(() => control.stop());

  const judged = async (chain: string) => judgeSvid(leafOf(chain), await trustOf(control));
  const code = async (chain: string) => {
    const result = await judged(chain);
    return result.ok ? "good" : result.error.code;
  };

  it("rotates: the next is trusted at once and signs later, also where it was evicted in between; old ones stay good", async () => {
    const before = await enrol(control, "web");
    const { json, status: answered } = await control.call("POST", "/api/v1/ca/rotate", {
      what: "root",
      afterSeconds: 10,
    });
    expect(answered).toBe(201);
    const signsFrom = Number(json["signsFrom"]);
    expect(split(await bundleOf(control))).toHaveLength(2);
    expect((await trustOf(control)).authorities).toHaveLength(2);
    const during = await enrol(control, "web");
    expect(split(during.chain)[1]!.serialNumber).toBe(split(before.chain)[1]!.serialNumber);
    await control.evict("Authority", "authority");
    await until("the next to sign", async () => Date.now() > signsFrom);
    const after = await enrol(control, "web");
    expect(split(after.chain)[1]!.serialNumber).not.toBe(split(before.chain)[1]!.serialNumber);
    const bundle = await bundleOf(control);
    for (const { chain } of [before, during, after]) {
      expect(verifies(chain, bundle)).toBe(true);
      expect(await code(chain)).toBe("good");
    }
    const states = (await status(control)).certificates.map(({ role, state }) => `${role} ${state}`);
    expect(states.toSorted()).toEqual(["intermediate signs", "intermediate trusted", "root signs", "root trusted"]);
  });

  it("lets what waits sign sooner instead of making one more", async () => {
    await control.call("POST", "/api/v1/ca/rotate", { what: "intermediate", afterSeconds: 600 });
    const waiting = (await status(control)).certificates.filter(({ state }) => state === "next");
    expect(waiting).toHaveLength(1);
    await control.call("POST", "/api/v1/ca/rotate", { what: "intermediate", afterSeconds: 0 });
    const { certificates } = await status(control);
    expect(certificates.find(({ serial }) => serial === waiting[0]!.serial)?.state).toBe("signs");
    expect(certificates.filter(({ state }) => state === "next")).toEqual([]);
  });

  it("revokes a certificate and lifts it again: gateways are told with their next root", async () => {
    const { chain } = await enrol(control, "web");
    const serial = serialOf(chain);
    const spelt = serial.replace(/(..)(?=.)/g, "$1:").toUpperCase();
    const made = await control.call("POST", "/api/v1/revocations", { serial: spelt, reason: "stolen" });
    expect([made.status, made.json["value"]]).toEqual([201, serial]);
    await until("the gateways to know", async () => (await code(chain)) === "certificate_revoked");
    const lifted = await control.call("DELETE", `/api/v1/revocations?serial=${serial}`);
    expect(lifted.status).toBe(204);
    await until("the gateways to know", async () => (await code(chain)) === "good");
  });

  it("forgets a certificate that it signed when that has ended, and one of a neighbour's never by itself", async () => {
    const { chain } = await enrol(control, "web");
    const own = await control.call("POST", "/api/v1/revocations", { serial: serialOf(chain) });
    const ends = Date.parse(new X509Certificate(chain).validTo);
    expect(Number(own.json["until"]) - ends).toBeGreaterThanOrEqual(60_000);
    expect(Number(own.json["until"]) - ends).toBeLessThan(62_000);
    const foreign = await control.call("POST", "/api/v1/revocations", { serial: "7b" });
    expect([foreign.status, foreign.json["until"]]).toEqual([201, null]);
    for (const serial of [serialOf(chain), "7b"])
      expect((await control.call("DELETE", `/api/v1/revocations?serial=${serial}`)).status).toBe(204);
  });

  it("revokes an identity: what it has counts no more, and it gets nothing new", async () => {
    const { chain } = await enrol(control, "lost");
    const spiffeId = "spiffe://cluster.local/ns/default/sa/lost";
    await control.call("POST", "/api/v1/revocations", { spiffeId });
    await until("the gateways to know", async () => (await code(chain)) === "certificate_revoked");
    expect((await enrol(control, "lost")).answer.status).toBe(403);
    const audit = await control.sql("SELECT verb, targets FROM audit WHERE verb = 'revoke' ORDER BY id DESC LIMIT 1");
    expect(JSON.stringify(audit)).toContain(spiffeId);
  });

  it.each([{}, { serial: "01", spiffeId: "spiffe://a/b" }, { serial: "none" }, { spiffeId: "cluster.local/ns" }])(
    "refuses to revoke %s",
    async (body) => {
      expect((await control.call("POST", "/api/v1/revocations", body)).status).toBe(422);
    },
  );

  it("refuses to revoke a certificate of its own, and says what to do instead", async () => {
    const { certificates } = await status(control);
    const answer = await control.call("POST", "/api/v1/revocations", { serial: certificates[0]!.serial });
    expect(answer.status).toBe(409);
    expect(String(answer.json["message"])).toContain("tulle ca rotate");
  });

  it("lists what lives in pages, each once", async () => {
    for (let made = 0; made < 3; made += 1) await enrol(control, "paged");
    const seen: string[] = [];
    for (let place = ""; ;) {
      const { json } = await control.call("GET", `/api/v1/certificates?limit=2${place}`);
      const { certificates, continue: next } = json as unknown as {
        certificates: readonly { serial: string }[];
        continue: string | null;
      };
      seen.push(...certificates.map(({ serial }) => serial));
      if (next === null) break;
      place = `&continue=${next}`;
    }
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen.length).toBe((await status(control)).issued);
    expect((await control.call("GET", "/api/v1/certificates?continue=x")).status).toBe(400);
  });

  it("moves to a fresh mesh: old certificates verify, what was revoked stays so, no join token works again", async () => {
    const good = await enrol(control, "kept");
    const bad = await enrol(control, "kept");
    await control.call("POST", "/api/v1/revocations", { serial: serialOf(bad.chain) });
    const unused = await control.call("POST", "/api/v1/join-tokens", { namespace: "default", serviceAccount: "kept" });
    const token = await jwtSvid(control, good);
    const key = "k".repeat(40);
    const { json } = await control.call("POST", "/api/v1/ca/backup", { key });
    const backup = String(json["backup"]);
    expect(Buffer.from(backup).toString()).not.toContain("CERTIFICATE");
    const fresh = await RunningControl.start();
    try {
      const restore = async (body: object) => (await fresh.call("POST", "/api/v1/ca/restore", body)).status;
      expect(await restore({ backup, key: "x".repeat(40) })).toBe(409);
      expect(await restore({ backup: `${backup.slice(0, -4)}AAAA`, key })).toBe(409);
      await fresh.evict("Authority", "authority");
      expect(await restore({ backup, key })).toBe(200);
      expect(await bundleOf(fresh)).toBe(await bundleOf(control));
      await verifyJwtSvid(fresh, token);
      await until("the compiler to know", async () => (await judgeSvid(leafOf(good.chain), await trustOf(fresh))).ok);
      expect(await judgeSvid(leafOf(bad.chain), await trustOf(fresh))).toMatchObject({
        error: { code: "certificate_revoked" },
      });
      for (const token of [good.token, String(unused.json["token"])])
        expect((await fresh.call("POST", "/api/v1/enrol", { csr: good.csr }, { token })).status).toBe(401);
      const next = await enrol(fresh, "kept");
      expect(verifies(next.chain, await bundleOf(control))).toBe(true);
      await verifyJwtSvid(control, await jwtSvid(fresh, next));
      expect(await restore({ backup, key })).toBe(409);
    } finally {
      await fresh.stop();
    }
  });
});

describe("a root of the administrator's own", () => {
  let control: RunningControl;
  let root: { certificate: x509.X509Certificate; keys: CryptoKeyPair };
  beforeAll(async () => {
    x509.cryptoProvider.set(crypto);
    control = await RunningControl.start();
    root = await selfSigned();
  });
  afterAll(() => control.stop());

  async function selfSigned() {
    const keys = (await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"])) as CryptoKeyPair;
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      serialNumber: "51",
      name: "CN=Root of ours",
      notBefore: new Date(Date.now() - DAY),
      notAfter: new Date(Date.now() + 1_000 * DAY),
      signingAlgorithm: ALGORITHM,
      keys,
      extensions: [
        new x509.BasicConstraintsExtension(true, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      ],
    });
    return { certificate, keys };
  }

  const uri = (value: string) => new x509.SubjectAlternativeNameExtension([{ type: "url", value }]);
  /** NameConstraints: one permitted URI. */
  const constraint = (host: string) => {
    const base = Buffer.concat([Buffer.from([0x86, host.length]), Buffer.from(host)]);
    const tree = Buffer.concat([Buffer.from([0x30, base.length]), base]);
    const list = Buffer.concat([Buffer.from([0xa0, tree.length]), tree]);
    return new x509.Extension("2.5.29.30", false, Buffer.concat([Buffer.from([0x30, list.length]), list]));
  };

  async function signed(
    csr: string,
    {
      ca = true,
      pathLength = 0,
      usage = x509.KeyUsageFlags.keyCertSign,
      days = 30,
      from = -1,
      more = [uri("spiffe://cluster.local")] as readonly x509.Extension[],
      by = root,
      key = undefined as CryptoKey | undefined,
      serial = "52",
    } = {},
  ): Promise<string> {
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: serial,
      subject: "CN=Intermediate of ours",
      issuer: root.certificate.subject,
      notBefore: new Date(Date.now() + from * DAY),
      notAfter: new Date(Date.now() + days * DAY),
      signingAlgorithm: ALGORITHM,
      publicKey: key ?? new x509.Pkcs10CertificateRequest(csr).publicKey,
      signingKey: by.keys.privateKey,
      extensions: [
        new x509.BasicConstraintsExtension(ca, ca ? pathLength : undefined, true),
        new x509.KeyUsagesExtension(usage, true),
        ...more,
      ],
    });
    return certificate.toString("pem");
  }

  const csrOf = async () => (await control.raw("POST", "/api/v1/ca/csr", control.auth())).text();
  const importing = async (chain: string, afterSeconds = 0) =>
    control.call("POST", "/api/v1/ca/import", { chain, afterSeconds });

  it("refuses a chain without a request before it", async () => {
    const answer = await importing(root.certificate.toString("pem"));
    expect([answer.status, String(answer.json["message"])]).toEqual([422, expect.stringContaining("tulle ca csr")]);
  });

  it("asks with the same request until it is answered", async () => {
    expect(await csrOf()).toBe(await csrOf());
    expect((await status(control)).certificates).toHaveLength(2);
  });

  it.each<{ name: string; change: Parameters<typeof signed>[1]; says: string }>([
    { name: "no CA", change: { ca: false }, says: "CA:TRUE" },
    { name: "no keyCertSign", change: { usage: x509.KeyUsageFlags.digitalSignature }, says: "keyCertSign" },
    { name: "one that ends tomorrow", change: { days: 1 }, says: "two days" },
    { name: "one that is not valid yet", change: { from: 1 }, says: "not valid before" },
    { name: "another trust domain", change: { more: [uri("spiffe://other.test")] }, says: "spiffe://cluster.local" },
    { name: "constraints to another domain", change: { more: [constraint("other.test")] }, says: "name constraints" },
    {
      name: "an extension that gateways do not know",
      change: { more: [new x509.Extension("1.2.3.4", true, Buffer.from([5, 0]))] },
      says: "gateways cannot read",
    },
  ])("refuses $name", async ({ change, says }) => {
    const chain = (await signed(await csrOf(), change)) + root.certificate.toString("pem");
    const answer = await importing(chain);
    expect([answer.status, String(answer.json["message"])]).toEqual([422, expect.stringContaining(says)]);
    expect((await status(control)).certificates).toHaveLength(2);
  });

  it("refuses another key, another signer, and a chain that does not end in its root", async () => {
    const csr = await csrOf();
    const other = await selfSigned();
    const pem = root.certificate.toString("pem");
    const answers = [
      await importing((await signed(csr, { key: other.keys.publicKey })) + pem),
      await importing((await signed(csr, { by: other })) + pem),
      await importing(await signed(csr)),
      await importing(`${await signed(csr)}${await signed(csr)}`),
      await importing("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
    ];
    expect(answers.map(({ status: code }) => code)).toEqual([422, 422, 422, 422, 422]);
    expect(String(answers[0]!.json["message"])).toContain("not for the key of the mesh's request");
    expect(String(answers[1]!.json["message"])).toContain("signature");
  });

  it("signs by an intermediate of it, whose constraints leave room for the mesh", async () => {
    const old = await enrol(control, "web");
    const more = [uri("spiffe://cluster.local"), constraint("cluster.local")];
    const answer = await importing((await signed(await csrOf(), { more })) + root.certificate.toString("pem"));
    expect(answer.status).toBe(201);
    const { chain } = await enrol(control, "web");
    expect(split(chain)[1]!.subject).toBe("CN=Intermediate of ours");
    expect(verifies(chain, root.certificate.toString("pem"))).toBe(true);
    await until("the gateways to know", async () => (await judgeSvid(leafOf(chain), await trustOf(control))).ok);
    expect((await judgeSvid(leafOf(old.chain), await trustOf(control))).ok).toBe(true);
    expect((await status(control)).next.map(({ what }) => what)).toContain("import");
    const rotated = await control.call("POST", "/api/v1/ca/rotate", { what: "intermediate" });
    expect([rotated.status, String(rotated.json["message"])]).toEqual([409, expect.stringContaining("tulle ca csr")]);
  });
});
