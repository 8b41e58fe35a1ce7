import type { ClientCertificate, ClientTls } from "../identity/client-tls.ts";
import type { RequestFacts } from "../request/facts.ts";
import type { Front, FrontTls } from "../snapshot/model.ts";
import type { AnswerCode } from "./answers.ts";

const VERSIONS = ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"];

/** @returns why a Gateway's listener lets a connection not in; null: it does */
export function tlsRefusal(front: Front, facts: RequestFacts): AnswerCode | null {
  if (front.tls !== undefined && !isNegotiated(front.tls, facts.tls)) return "tls_refused";
  if (front.clientCertificate === "none") return null;
  const proven = facts.peer.by === "certificate";
  const certificate = facts.tls?.certificate ?? null;
  if (certificate === null && !proven)
    return front.clientCertificate === "required" ? "client_certificate_required" : null;
  if (!isSigned(front, certificate, proven)) return "client_certificate_refused";
  return isListed(front.tls, certificate) ? null : "client_certificate_refused";
}

/** The platform negotiates; here is only looked whether the Gateway would have agreed. What is not told is not agreed to. */
function isNegotiated({ minVersion, maxVersion, ciphers }: FrontTls, tls: ClientTls | null): boolean {
  if (minVersion === undefined && maxVersion === undefined && ciphers === undefined) return true;
  const version = VERSIONS.indexOf(tls?.version ?? "");
  if (version < 0) return false;
  if (minVersion !== undefined && version < VERSIONS.indexOf(minVersion)) return false;
  if (maxVersion !== undefined && version > VERSIONS.indexOf(maxVersion)) return false;
  // The suites of TLS 1.3 are not chosen, as in Envoy.
  return ciphers === undefined || tls?.version === "TLSv1.3" || ciphers.includes(tls?.cipher ?? "");
}

/** By whom a certificate must be signed. */
function isSigned(front: Front, certificate: ClientCertificate | null, proven: boolean): boolean {
  if (front.tls?.signedBy === "anybody") return true;
  if (front.tls?.signedBy === "platform") return proven || certificate?.verified === true;
  return proven;
}

function isListed(tls: FrontTls | undefined, certificate: ClientCertificate | null): boolean {
  if (tls === undefined) return true;
  const { names, hashes, keys } = tls;
  if (names !== undefined && certificate?.names.some((name) => names.includes(name)) !== true) return false;
  if (hashes === undefined && keys === undefined) return true;
  return hashes?.includes(certificate?.hash ?? "") === true || keys?.includes(certificate?.spki ?? "") === true;
}
