import { createHash, createPrivateKey } from "node:crypto";
import { CompactSign } from "jose";
import { makeRequest } from "./certificate-request.ts";
import { issued, type MeshControl } from "./mesh-control.ts";
import type { Svid } from "./svid.ts";

/**
 * Gets a new certificate for one that still holds (R28): its key signs a nonce of control's, and what is asked for.
 *
 * @throws where there was no answer, or `Refused`
 */
export async function renew(
  { key: held, certificate, spiffeId }: Svid,
  control: MeshControl,
  ttlSeconds: number,
): Promise<Svid> {
  const { nonce } = Object(await control.post("/nonces", null, {})) as { readonly nonce?: unknown };
  if (typeof nonce !== "string")
    throw new Error("control answered what this version does not read; use the `tulle` of control's version");
  const { key, csr } = await makeRequest();
  const trustDomain = spiffeId.split("/")[2] ?? "";
  const der = Buffer.from(csr.replace(/-----[^-]+-----|\s/g, ""), "base64");
  const claims = {
    aud: `tulle://${trustDomain}`,
    nonce,
    for: "renew",
    csr: createHash("sha256").update(der).digest("base64url"),
  };
  const proof = await new CompactSign(new TextEncoder().encode(JSON.stringify(claims)))
    .setProtectedHeader({ alg: "ES256" })
    .sign(createPrivateKey(held));
  const renewed = issued(key, await control.post("/renew", proof, { certificate, csr, ttlSeconds }));
  // Who it is was settled when it enrolled, and decides whom it answers and who answers it.
  if (renewed.spiffeId !== spiffeId)
    throw new Error(`control answered with a certificate of ${renewed.spiffeId} to ${spiffeId}`);
  return renewed;
}
