import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import * as fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { parseCertificate } from "../../src/identity/certificate.ts";
import { judgeSvid } from "../../src/identity/svid.ts";
import type { Trust } from "../../src/snapshot/model.ts";
import { keyPair, privatePem, TestAuthority } from "./svids.ts";
import { times } from "../support/scale.ts";

const WEB = "spiffe://cluster.local/ns/default/sa/web";

describe("judgeSvid", () => {
  let authority: TestAuthority;
  let trust: Trust;

  beforeAll(async () => {
    authority = await TestAuthority.create();
    trust = { domain: "cluster.local", aliases: ["old.test"], authorities: [authority.der] };
  });

  it("takes a leaf of the mesh's authority with one SPIFFE URI, whatever other names it has", async () => {
    const svid = await judgeSvid(await authority.issue({ uris: [WEB] }), trust);
    expect(svid).toMatchObject({
      ok: true,
      value: { id: { trustDomain: "cluster.local", path: "/ns/default/sa/web" } },
    });
  });

  it("takes one of an alias of the trust domain", async () => {
    const svid = await judgeSvid(await authority.issue({ uris: [WEB.replace("cluster.local", "old.test")] }), trust);
    expect(svid.ok).toBe(true);
  });

  it.each<{ name: string; issue: Parameters<TestAuthority["issue"]>[0]; code: string }>([
    { name: "without a URI", issue: {}, code: "certificate_uri_count" },
    { name: "with two URIs", issue: { uris: [WEB, `${WEB}2`] }, code: "certificate_uri_count" },
    { name: "whose URI is no SPIFFE id", issue: { uris: ["https://a.test/"] }, code: "spiffe_id_invalid" },
    {
      name: "of another trust domain",
      issue: { uris: ["spiffe://evil.test/ns/a/sa/b"] },
      code: "trust_domain_unknown",
    },
    { name: "that is an authority itself", issue: { uris: [WEB], ca: true }, code: "certificate_is_ca" },
    {
      name: "that may sign certificates",
      issue: { uris: [WEB], keyUsage: x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyCertSign },
      code: "certificate_key_usage",
    },
    {
      name: "that may sign nothing",
      issue: { uris: [WEB], keyUsage: x509.KeyUsageFlags.keyEncipherment },
      code: "certificate_key_usage",
    },
    {
      name: "with a critical extension that nobody knows",
      issue: { uris: [WEB], more: [new x509.Extension("1.2.3.4", true, new Uint8Array([5, 0]))] },
      code: "certificate_extension_unknown",
    },
  ])("refuses a leaf $name", async ({ issue, code }) => {
    expect(await judgeSvid(await authority.issue(issue), trust)).toMatchObject({ ok: false, error: { code } });
  });

  it("refuses a leaf of another authority, also one that calls itself the same", async () => {
    const other = await TestAuthority.create();
    const leaf = await other.issue({ uris: [WEB] });
    expect(await judgeSvid(leaf, trust)).toMatchObject({ ok: false, error: { code: "certificate_issuer_unknown" } });
  });

  it("refuses every leaf where the trust names no authority", async () => {
    const leaf = await authority.issue({ uris: [WEB] });
    expect(await judgeSvid(leaf, { ...trust, authorities: [] })).toMatchObject({ ok: false });
  });

  it("lets a leaf count no longer than the authority that signed it", async () => {
    const ends = Math.floor(Date.now() / 1_000) * 1_000 - 60_000;
    const ended = await TestAuthority.create("CN=ended", ends);
    const svid = await judgeSvid(await ended.issue({ uris: [WEB] }), { ...trust, authorities: [ended.der] });
    expect(svid).toMatchObject({ ok: true, value: { notAfter: ends } });
  });

  it("lets a leaf count as long as the last certificate of the authority's key", async () => {
    const keys = await keyPair();
    const soon = Math.floor(Date.now() / 1_000) * 1_000 + 60_000;
    const certified = async (notAfter: number) =>
      authority.issue({ commonName: "one", ca: true, keyUsage: x509.KeyUsageFlags.keyCertSign, keys, notAfter });
    const [earlier, later] = [await certified(soon), await certified(soon + 60_000)];
    const one = await TestAuthority.of(new x509.X509Certificate(earlier).toString("pem"), await privatePem(keys));
    const leaf = await one.issue({ uris: [WEB] });
    for (const order of [
      [earlier, later],
      [later, earlier],
    ]) {
      const authorities = order.map((der) => Buffer.from(der).toString("base64"));
      const svid = await judgeSvid(leaf, { ...trust, authorities });
      expect(svid).toMatchObject({ ok: true, value: { notAfter: soon + 60_000 } });
    }
  });

  it("refuses a leaf of which any byte was changed, and never throws", async () => {
    const leaf = await authority.issue({ uris: [WEB] });
    await fc.assert(
      fc.asyncProperty(fc.nat(leaf.length - 1), fc.integer({ min: 1, max: 255 }), async (at, by) => {
        const changed = Uint8Array.from(leaf);
        changed[at] = (changed[at] ?? 0) ^ by;
        expect((await judgeSvid(changed, trust)).ok).toBe(false);
      }),
      { numRuns: times(300, 3_000) },
    );
  });

  it("reads a leaf that was cut or put together anew without throwing, and takes none", async () => {
    const leaf = await authority.issue({ uris: [WEB] });
    await fc.assert(
      fc.asyncProperty(
        fc.nat(leaf.length),
        fc.nat(leaf.length),
        fc.uint8Array({ maxLength: 8 }),
        async (from, to, between) => {
          const changed = Uint8Array.from([...leaf.subarray(0, from), ...between, ...leaf.subarray(to)]);
          expect((await judgeSvid(changed, trust)).ok).toBe(Buffer.compare(changed, leaf) === 0);
        },
      ),
      { numRuns: times(300, 3_000) },
    );
  });

  it("reads no certificate that has an extension twice, in whatever order", async () => {
    const names = (uri: string) => new x509.SubjectAlternativeNameExtension([{ type: "url", value: uri }], true);
    const usage = new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true);
    for (const more of [[names("spiffe://cluster.local/ns/x/sa/admin")], [names(WEB)], [usage]])
      expect(await judgeSvid(await authority.issue({ uris: [WEB], more }), trust)).toMatchObject({
        ok: false,
        error: { code: "certificate_malformed" },
      });
  });

  it("reads a name to its last byte: what ends it for others does not end it here", async () => {
    for (const odd of ["\0.evil.test", "\0", "\n", "\r", "%00", "\u00e9"])
      expect(await judgeSvid(await authority.issue({ uris: [`${WEB}${odd}`] }), trust)).toMatchObject({ ok: false });
  });

  it("takes TRUE in DER's one spelling, so that no critical extension passes as another", async () => {
    const leaf = await authority.issue({ uris: [WEB] });
    const flags = [...leaf.keys()].filter((at) => leaf[at] === 1 && leaf[at + 1] === 1 && leaf[at + 2] === 0xff);
    expect(flags).toHaveLength(3);
    for (const at of flags) {
      const changed = Uint8Array.from(leaf);
      changed[at + 2] = 1;
      expect(parseCertificate(changed)).toMatchObject({ ok: false, error: { code: "certificate_malformed" } });
    }
  });

  it("reads arbitrary bytes as no certificate", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(parseCertificate(bytes).ok).toBe(false);
      }),
    );
  });

  it("refuses bytes behind a certificate, and one that is too large", async () => {
    const leaf = await authority.issue({ uris: [WEB] });
    expect(parseCertificate(Uint8Array.from([...leaf, 0])).ok).toBe(false);
    expect(parseCertificate(new Uint8Array(20_000))).toMatchObject({ error: { code: "certificate_too_large" } });
  });

  it("reads validity, and the same URI as the other implementation", async () => {
    const notBefore = Date.UTC(2026, 0, 2, 3, 4, 5);
    const notAfter = Date.UTC(2060, 0, 2, 3, 4, 5);
    const leaf = await authority.issue({ uris: [WEB], notBefore, notAfter });
    expect(parseCertificate(leaf)).toMatchObject({
      ok: true,
      value: { notBefore, notAfter, uris: [WEB], isCa: false },
    });
  });
});
