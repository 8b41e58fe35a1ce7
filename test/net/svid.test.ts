import "reflect-metadata";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { Pkcs10CertificateRequest } from "@peculiar/x509";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { MeshControl } from "../../net/mesh-control.ts";
import { renew } from "../../net/renewal.ts";
import { readSvid, type Svid, svidOf, writeSvid } from "../../net/svid.ts";
import { TestAuthority } from "../identity/svids.ts";
import { svidBy } from "../support/svid.ts";

const WEB = "spiffe://cluster.local/ns/default/sa/web";

describe("an SVID", () => {
  let authority: TestAuthority;
  let svid: Svid;
  let folder: string;
  beforeAll(async () => {
    authority = await TestAuthority.create();
    svid = await svidBy(authority, WEB);
    folder = mkdtempSync(join(tmpdir(), "tulle-svid-"));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it("is its certificate with the key that it is for, and nobody else's", async () => {
    expect(svidOf(svid)).toMatchObject({ spiffeId: WEB });
    const other = await svidBy(authority, WEB);
    expect(() => svidOf({ ...svid, key: other.key })).toThrow("for another key");
    expect(() => svidOf({ ...svid, key: "" })).toThrow();
  });

  it("is kept for its owner alone, and counts as none where it was changed", async () => {
    const file = join(folder, "svid.json");
    expect(readSvid(file)).toBeNull();
    writeSvid(file, svid);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readSvid(file)).toMatchObject({ spiffeId: WEB, expiresAt: svid.expiresAt });
    const { key } = await svidBy(authority, WEB);
    for (const text of ["", "{}", JSON.stringify({ ...svid, key }), JSON.stringify({ ...svid, certificate: "" })]) {
      writeFileSync(file, text);
      expect(readSvid(file)).toBeNull();
    }
  });

  it("is renewed under its own name alone, and for its own new key", async () => {
    let name = WEB;
    let isOfAnother = false;
    // Control as it would be with a bug, or in somebody else's hands.
    const control = {
      post: async (path: string, _: string | null, body: unknown) => {
        if (path === "/nonces") return { nonce: "n" };
        const { csr } = body as { readonly csr: string };
        const certificate = await certified(csr, name, isOfAnother);
        return { certificate, bundle: svid.bundle };
      },
    } as unknown as MeshControl;
    const certified = async (csr: string, uri: string, other: boolean): Promise<string> => {
      const { publicKey } = new Pkcs10CertificateRequest(csr);
      const wanted = await publicKey.export();
      const made = await authority.leaf({ uris: [uri] });
      if (other) return made.cert;
      const der = await authority.issue({ uris: [uri], keys: { publicKey: wanted, privateKey: wanted } });
      return new X509Certificate(der).toString();
    };
    const renewed = await renew(svid, control, 3_600);
    expect(renewed.spiffeId).toBe(WEB);
    expect(new X509Certificate(renewed.certificate).checkPrivateKey(createPrivateKey(renewed.key))).toBe(true);
    isOfAnother = true;
    await expect(renew(svid, control, 3_600)).rejects.toThrow("for another key");
    isOfAnother = false;
    name = `${WEB}-2`;
    await expect(renew(svid, control, 3_600)).rejects.toThrow(`a certificate of ${WEB}-2 to ${WEB}`);
  });
});
