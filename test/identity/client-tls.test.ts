import { createHash, X509Certificate } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import { readClientCertificate } from "../../src/identity/client-tls.ts";
import { TestAuthority } from "./svids.ts";

let der: Uint8Array;
beforeAll(async () => {
  const authority = await TestAuthority.create();
  der = await authority.issue({ uris: ["spiffe://cluster.local/ns/a/sa/b"], dns: ["b.test"] });
});

function shown(change: Record<string, unknown> = {}): Record<string, unknown> {
  const certRFC9440 = `:${Buffer.from(der).toString("base64")}:`;
  return { certPresented: "1", certVerified: "SUCCESS", certRevoked: "0", certRFC9440, ...change };
}

describe("a client's certificate", () => {
  it("is told by the hashes of it and of its key, and by its names, as OpenSSL reads them", async () => {
    const read = new X509Certificate(der);
    const key = read.publicKey.export({ type: "spki", format: "der" });
    const { certificate } = (await readClientCertificate(shown())) ?? {};
    expect(certificate).toMatchObject({
      verified: true,
      hash: read.fingerprint256.replaceAll(":", "").toLowerCase(),
      spki: createHash("sha256").update(key).digest("base64"),
    });
    expect(certificate?.names.toSorted()).toEqual(["b.test", "spiffe://cluster.local/ns/a/sa/b"]);
  });

  it.each([{ certVerified: "FAILED:self signed certificate" }, { certRevoked: "1" }, { certRevoked: undefined }])(
    "that the platform does not vouch for (%o) is read all the same, and said to be so",
    async (change) => {
      const { certificate } = (await readClientCertificate(shown(change))) ?? {};
      expect(certificate).toMatchObject({ verified: false, names: expect.arrayContaining(["b.test"]) as unknown });
    },
  );

  it.each([undefined, null, "x", {}, { certPresented: "0" }, { certPresented: 1 }])("is none in %o", async (value) => {
    expect(await readClientCertificate(value)).toBeNull();
  });

  it.each(["", ":***:", undefined, "AAAA"])("that is not handed over (%s) fits no hash, key or name", async (text) => {
    const { certificate } = (await readClientCertificate(shown({ certRFC9440: text }))) ?? {};
    expect(certificate).toEqual({ verified: true, hash: "", spki: "", names: [] });
  });
});
