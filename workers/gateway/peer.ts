import { NO_PEER, type Peer } from "../../src/identity/peer.ts";
import { formatSpiffeId, parseSpiffeId, workloadOf } from "../../src/identity/spiffe-id.ts";
import { isRevoked, judgeSvid, peerOf } from "../../src/identity/svid.ts";
import { base64ToBytes, bytesToHex } from "../../src/snapshot/bytes.ts";
import type { Trust } from "../../src/snapshot/model.ts";
import type { CallerProps } from "../../src/snapshot/rpc.ts";

/** Who called, and why a proof that came does not count. */
export interface Judgement {
  readonly peer: Peer;
  /** A code for the log; null where nothing was refused. */
  readonly refused: string | null;
  /** SHA-256 of the certificate that proved it, hex in small letters; null: no certificate did. */
  readonly certificate: string | null;
}

/** A certificate's judgement, which holds between two times. */
interface Judged {
  readonly judgement: Judgement;
  readonly notBefore: number;
  readonly notAfter: number;
}

const NOBODY: Judgement = { peer: NO_PEER, refused: null, certificate: null };

/** A client may show any certificate that the platform lets through: only so many are remembered. */
const MAX_CERTIFICATES = 2_000;
const MAX_IDENTITIES = 2_000;

/** Clocks differ, and a certificate is used as soon as it is issued. */
const LEEWAY_MS = 60_000;

/** Judges peers once for each certificate or identity; a new trust bundle judges anew. */
export class PeerCache {
  #trust: Trust | null = null;
  readonly #certificates = new Map<string, Judged>();
  readonly #identities = new Map<string, Judgement>();

  /**
   * A binding's peer: what the deployer wrote into its props.
   *
   * @param now epoch ms
   */
  binding({ namespace, serviceAccount }: CallerProps, trust: Trust, now: number): Judgement {
    if (namespace === undefined && serviceAccount === undefined) return NOBODY;
    if (namespace === undefined || serviceAccount === undefined) return refused("identity_incomplete");
    if (isStale(trust, now)) return refused("revocation_stale");
    this.#under(trust);
    const key = `${namespace}/${serviceAccount}`;
    const known = this.#identities.get(key);
    if (known) return known;
    const judgement = judgeIdentity(namespace, serviceAccount, trust);
    if (this.#identities.size < MAX_IDENTITIES) this.#identities.set(key, judgement);
    return judgement;
  }

  /**
   * A public peer: the platform's word on the client's certificate (R10).
   *
   * @param clientAuth `request.cf.tlsClientAuth`; whatever its shape, what is not clearly good is nobody
   * @param now epoch ms
   */
  certificate(clientAuth: unknown, trust: Trust, now: number): Judgement | Promise<Judgement> {
    if (typeof clientAuth !== "object" || clientAuth === null) return NOBODY;
    const shown = clientAuth as Readonly<Record<string, unknown>>;
    if (shown["certPresented"] !== "1") return NOBODY;
    if (shown["certVerified"] !== "SUCCESS") return refused("certificate_unverified");
    // A revoked certificate still says SUCCESS.
    if (shown["certRevoked"] !== "0") return refused("certificate_revoked");
    const text = shown["certRFC9440"];
    if (typeof text !== "string" || text === "" || shown["certRFC9440TooLarge"] === true)
      return refused("certificate_missing");
    if (isStale(trust, now)) return refused("revocation_stale");
    this.#under(trust);
    const known = this.#certificates.get(text);
    return known ? inTime(known, now) : this.#judge(text, trust, now);
  }

  async #judge(text: string, trust: Trust, now: number): Promise<Judgement> {
    const judged = await judgeCertificate(text, trust);
    if (this.#trust === trust) {
      const [oldest] = this.#certificates.keys();
      if (this.#certificates.size >= MAX_CERTIFICATES && oldest !== undefined) this.#certificates.delete(oldest);
      this.#certificates.set(text, judged);
    }
    return inTime(judged, now);
  }

  #under(trust: Trust): void {
    if (this.#trust === trust) return;
    this.#trust = trust;
    this.#certificates.clear();
    this.#identities.clear();
  }
}

/** Who was revoked since is not known any more, and the mesh's settings say that nobody counts then. */
function isStale({ revoked }: Trust, now: number): boolean {
  return revoked?.staleAt !== undefined && now > revoked.staleAt;
}

function refused(code: string): Judgement {
  return { peer: NO_PEER, refused: code, certificate: null };
}

function judgeIdentity(namespace: string, serviceAccount: string, trust: Trust): Judgement {
  const id = parseSpiffeId(formatSpiffeId(trust.domain, namespace, serviceAccount));
  // A slash in a name would make another path of it.
  if (!id.ok || workloadOf(id.value) === null) return refused("spiffe_id_invalid");
  if (isRevoked(id.value, trust)) return refused("identity_revoked");
  return { peer: peerOf(id.value, trust, "binding"), refused: null, certificate: null };
}

const ALWAYS = { notBefore: Number.NEGATIVE_INFINITY, notAfter: Number.POSITIVE_INFINITY };

/** @param text a byte sequence of RFC 9440: `:base64:` */
async function judgeCertificate(text: string, trust: Trust): Promise<Judged> {
  const der = text.startsWith(":") && text.endsWith(":") ? base64ToBytes(text.slice(1, -1)) : null;
  if (der === null) return { judgement: refused("certificate_malformed"), ...ALWAYS };
  const svid = await judgeSvid(der, trust);
  if (!svid.ok) return { judgement: refused(svid.error.code), ...ALWAYS };
  const { id, notBefore, notAfter } = svid.value;
  const certificate = bytesToHex(await crypto.subtle.digest("SHA-256", der));
  return { judgement: { peer: peerOf(id, trust, "certificate"), refused: null, certificate }, notBefore, notAfter };
}

function inTime({ judgement, notBefore, notAfter }: Judged, now: number): Judgement {
  if (now < notBefore - LEEWAY_MS) return refused("certificate_not_yet_valid");
  return now > notAfter ? refused("certificate_expired") : judgement;
}
