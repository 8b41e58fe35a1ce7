import { err, ok, type Result } from "../result.ts";
import { base64ToBytes } from "../snapshot/bytes.ts";
import type { Trust } from "../snapshot/model.ts";
import { type Certificate, isSignedBy, parseCertificate } from "./certificate.ts";
import type { Peer } from "./peer.ts";
import { parseSpiffeId, type SpiffeId, workloadOf } from "./spiffe-id.ts";

/** Why a certificate counts for nothing; for the operator's log. */
export type SvidError = { readonly code: string };

export interface Svid {
  readonly id: SpiffeId;
  /** Epoch ms: outside of these it counts no more. It ends with its authority. */
  readonly notBefore: number;
  readonly notAfter: number;
}

const DIGITAL_SIGNATURE = 0;
const CERT_SIGN = 5;
const CRL_SIGN = 6;

/**
 * Judges a leaf as an X.509-SVID of the mesh (R10): no CA, one URI that is a SPIFFE id, signed by an authority that may
 * speak for its trust domain. Validity is left to whoever looks: it changes with time.
 *
 * @see X509-SVID §5.2 https://spiffe.io/docs/latest/spiffe-specs/x509-svid/
 */
export async function judgeSvid(der: Uint8Array, trust: Trust): Promise<Result<Svid, SvidError>> {
  const parsed = parseCertificate(der);
  if (!parsed.ok) return parsed;
  const leaf = parsed.value;
  if (leaf.isCa) return err({ code: "certificate_is_ca" });
  if (leaf.keyUsage?.[DIGITAL_SIGNATURE] !== true || leaf.keyUsage[CERT_SIGN] || leaf.keyUsage[CRL_SIGN])
    return err({ code: "certificate_key_usage" });
  const [uri, ...more] = leaf.uris;
  if (uri === undefined || more.length > 0) return err({ code: "certificate_uri_count" });
  const id = parseSpiffeId(uri);
  if (!id.ok) return id;
  const authorities = authoritiesFor(id.value.trustDomain, trust);
  if (authorities === null) return err({ code: "trust_domain_unknown" });
  if (isRevoked(id.value, trust) || revokedOf(trust).serials.has(leaf.serial))
    return err({ code: "certificate_revoked" });
  for (const authority of authorities) {
    if (!(await isSignedBy(leaf, authority))) continue;
    // The key of one that has ended is looked after by nobody any more, and a neighbour's last good bundle may list it for long.
    const notAfter = Math.min(leaf.notAfter, authority.notAfter);
    return ok({ id: id.value, notBefore: leaf.notBefore, notAfter });
  }
  return err({ code: "certificate_issuer_unknown" });
}

function isOwn(trustDomain: string, { domain, aliases }: Trust): boolean {
  return trustDomain === domain || aliases.includes(trustDomain);
}

/**
 * An id as policies see it: without the scheme, an alias under the mesh's own name. A workload of a federated trust domain has
 * no namespace here: its `shop` is not the mesh's, and rules on namespaces and service accounts are about the mesh's own.
 */
export function peerOf(id: SpiffeId, trust: Trust, by: "certificate" | "binding"): Peer {
  const own = isOwn(id.trustDomain, trust);
  const trustDomain = own ? trust.domain : id.trustDomain;
  const namespace = own ? (workloadOf(id)?.namespace ?? null) : null;
  return { principal: `${trustDomain}${id.path}`, namespace, trustDomain, by };
}

/** Whether an administrator took this identity back: under the name that it shows, or the mesh's own. */
export function isRevoked({ trustDomain, path }: SpiffeId, trust: Trust): boolean {
  if (trust.revoked === undefined) return false;
  const { ids } = revokedOf(trust);
  return ids.has(`${trustDomain}${path}`) || (isOwn(trustDomain, trust) && ids.has(`${trust.domain}${path}`));
}

interface RevokedSets {
  readonly serials: ReadonlySet<string>;
  readonly ids: ReadonlySet<string>;
}

const NOBODY: RevokedSets = { serials: new Set(), ids: new Set() };
const revokedSets = new WeakMap<Trust, RevokedSets>();

function revokedOf(trust: Trust): RevokedSets {
  if (trust.revoked === undefined) return NOBODY;
  const known = revokedSets.get(trust);
  if (known) return known;
  const sets = { serials: new Set(trust.revoked.serials), ids: new Set(trust.revoked.ids) };
  revokedSets.set(trust, sets);
  return sets;
}

const parsedAuthorities = new WeakMap<Trust, Map<string, readonly Certificate[]>>();

/** @returns null where nobody may speak for the trust domain */
function authoritiesFor(trustDomain: string, trust: Trust): readonly Certificate[] | null {
  const own = isOwn(trustDomain, trust);
  const { federated } = trust;
  if (!own && (federated === undefined || !Object.hasOwn(federated, trustDomain))) return null;
  let parsed = parsedAuthorities.get(trust);
  if (!parsed) parsedAuthorities.set(trust, (parsed = new Map()));
  const name = own ? trust.domain : trustDomain;
  const known = parsed.get(name);
  if (known) return known;
  const authorities = authoritiesIn(own ? trust.authorities : (federated?.[trustDomain] ?? []));
  parsed.set(name, authorities);
  return authorities;
}

/** The last to end first: one key may have several certificates, and what it signed counts as long as the longest. */
function authoritiesIn(texts: readonly string[]): readonly Certificate[] {
  const authorities = texts.flatMap((text) => {
    const der = base64ToBytes(text);
    const parsed = der === null ? null : parseCertificate(der);
    return parsed?.ok === true && parsed.value.isCa ? [parsed.value] : [];
  });
  return authorities.toSorted((a, b) => b.notAfter - a.notAfter);
}
