import * as x509 from "@peculiar/x509";
import type { JWK } from "jose";
import { candidates, isSigned, readToken } from "../../../src/identity/jwt.ts";
import { judgeSvid } from "../../../src/identity/svid.ts";
import { audienceOf } from "../../../src/resources/enrolment-token.ts";
import { err, ok, type Result } from "../../../src/result.ts";
import { base64ToBytes } from "../../../src/snapshot/bytes.ts";
import type { Trust } from "../../../src/snapshot/model.ts";
import { NONCE_LIFE_MS, readNonce } from "../nonces.ts";
import type { SingleUse } from "./single-use.ts";

/** What somebody shows who says that they hold an SVID. */
export interface SvidProof {
  /** PEM: the leaf; what follows it is not looked at. */
  readonly certificate: string;
  /** A compact JWS by the leaf's key over `aud`, `nonce`, `for`, and what is asked for. */
  readonly proof: string;
}

/** For the operator alone. */
export interface ProofRefusal {
  readonly reason: string;
  /** As the certificate says; proven or not. */
  readonly subject: string | null;
}

interface Bounds {
  readonly trust: Trust;
  readonly secret: string;
  readonly used: SingleUse;
  readonly now: number;
}

/** Clocks differ, and a certificate is used as soon as it is issued. */
const LEEWAY_MS = 60_000;
const PEM = /^\s*-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/;

/**
 * Who holds the key of an SVID of this mesh that is good now (R28). The signature is over a nonce of ours, which counts once,
 * and over what is asked for, so that nobody can ask for something else with it.
 *
 * @param asked claims that the proof must have beside
 * @returns their SPIFFE ID
 */
export async function judgeSvidProof(
  { certificate, proof }: SvidProof,
  asked: Readonly<Record<string, string>>,
  { trust, secret, used, now }: Bounds,
): Promise<Result<string, ProofRefusal>> {
  const [, base64 = ""] = PEM.exec(certificate) ?? [];
  const der = base64ToBytes(base64.replace(/\s/g, ""));
  if (der === null) return err({ reason: "certificate_malformed", subject: null });
  // Only the mesh's own: a federated authority may speak for its workloads, not have certificates made for them here.
  const { domain, authorities } = trust;
  const svid = await judgeSvid(der, { ...trust, domain, aliases: [], authorities });
  if (!svid.ok) return err({ reason: svid.error.code, subject: null });
  const { id, notBefore, notAfter } = svid.value;
  const subject = `spiffe://${id.trustDomain}${id.path}`;
  const refuse = (reason: string) => err({ reason, subject });
  if (id.trustDomain !== domain) return refuse("trust_domain_foreign");
  if (now >= notAfter) return refuse("certificate_expired");
  if (now < notBefore - LEEWAY_MS) return refuse("certificate_not_yet_valid");
  const token = readToken(proof);
  if (!token.ok) return refuse("proof_form");
  const keys = candidates(token.value, [await keyOf(der)]);
  if (!(await isSigned(token.value, keys))) return refuse("proof_signature");
  const { claims } = token.value;
  const wanted = Object.entries({ aud: audienceOf(domain), ...asked });
  if (wanted.some(([name, value]) => claims[name] !== value)) return refuse("proof_claims");
  const { nonce } = claims;
  const endsAt = typeof nonce === "string" ? await readNonce(nonce, secret, now) : null;
  if (endsAt === null) return refuse("nonce_unknown");
  return (await used.use(`nonce ${String(nonce)}`, endsAt, now, endsAt - NONCE_LIFE_MS))
    ? ok(subject)
    : refuse("nonce_used");
}

/** A leaf's key without its own word on what it is for: type and curve say which algorithms it has. */
async function keyOf(der: Uint8Array<ArrayBuffer>): Promise<JWK> {
  const key = await new x509.X509Certificate(der).publicKey.export();
  const { kty, crv, x, y, n, e } = (await crypto.subtle.exportKey("jwk", key)) as JWK;
  const parts = Object.entries({ kty, crv, x, y, n, e }).filter(([, value]) => value !== undefined);
  return Object.fromEntries(parts);
}
