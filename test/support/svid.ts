import { createPrivateKey, generateKeyPairSync, webcrypto } from "node:crypto";
import { type Svid, svidOf } from "../../net/svid.ts";
import type { TestAuthority } from "../identity/svids.ts";

/** A certificate of a test's authority with its key. @param times epoch ms */
export async function svidBy(
  authority: TestAuthority,
  spiffeId: string,
  times: { readonly notBefore?: number; readonly notAfter?: number } = {},
): Promise<Svid> {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const der = privateKey.export({ format: "der", type: "pkcs8" });
  const spki = createPrivateKey(privateKey.export({ format: "pem", type: "pkcs8" }));
  const algorithm = { name: "ECDSA", namedCurve: "P-256" };
  const { d: _, ...jwk } = spki.export({ format: "jwk" });
  const keys = {
    privateKey: await webcrypto.subtle.importKey("pkcs8", der, algorithm, true, ["sign"]),
    publicKey: await webcrypto.subtle.importKey("jwk", jwk, algorithm, true, ["verify"]),
  };
  const leaf = await authority.issue({ uris: [spiffeId], dns: [], keys, ...times });
  return svidOf({
    key: privateKey.export({ format: "pem", type: "pkcs8" }).toString(),
    certificate: pemOf(leaf),
    bundle: authority.certificate.toString("pem"),
  });
}

function pemOf(der: Uint8Array): string {
  const base64 = Buffer.from(der).toString("base64");
  return `-----BEGIN CERTIFICATE-----\n${base64.replace(/.{1,64}/g, "$&\n")}-----END CERTIFICATE-----\n`;
}
