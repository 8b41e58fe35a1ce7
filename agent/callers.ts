import type { IncomingMessage } from "node:http";
import type { TLSSocket } from "node:tls";
import type { Revocations } from "../net/revocations.ts";
import { type PeerId, readPeerId } from "../net/svid.ts";
import { ASSERTION_HEADER } from "../src/identity/assertion.ts";
import { type Asserted, checkAssertion, isGatewayOf } from "../src/identity/assertion-check.ts";
import { err, ok, type Result } from "../src/result.ts";
import type { AssertionKeys } from "./assertion-keys.ts";
import type { CallerProof } from "./options.ts";

/** What is proven of a call. */
export interface Caller {
  /** The gateway's certificate came with the connection. */
  readonly byCertificate: boolean;
  /** Null: no assertion was asked for, and none came or could be checked. */
  readonly asserted: Asserted | null;
}

/** Why a call is not handed on; `status` and one text for all go to the caller. */
export interface CallerError {
  readonly code: string;
  readonly status: 401 | 403 | 503;
}

/** Gateways use an assertion for many calls. */
const MAX_REMEMBERED = 1_000;

/** Judges who calls: only a gateway of the mesh may, and only for this service. */
export class Callers {
  readonly #proof: CallerProof;
  readonly #trustDomain: string;
  readonly #keys: AssertionKeys;
  readonly #revoked: Pick<Revocations, "refusal">;
  readonly #peers = new WeakMap<object, PeerId | null>();
  readonly #known = new Map<string, Asserted>();

  constructor(proof: CallerProof, trustDomain: string, keys: AssertionKeys, revoked: Pick<Revocations, "refusal">) {
    this.#proof = proof;
    this.#trustDomain = trustDomain;
    this.#keys = keys;
    this.#revoked = revoked;
  }

  async judge(request: IncomingMessage, now: number): Promise<Result<Caller, CallerError>> {
    const peer = this.#peerOf(request.socket as TLSSocket);
    const { certificate, assertion } = this.#proof;
    if (peer === null && certificate) return err({ code: "certificate_missing", status: 401 });
    if (peer !== null && now > peer.expiresAt) return err({ code: "certificate_expired", status: 401 });
    if (peer !== null && !isGatewayOf(peer.spiffeId, this.#trustDomain))
      return err({ code: `not_a_gateway: ${peer.spiffeId}`, status: 403 });
    const revoked = peer && this.#refusalOf(peer.serial, peer.spiffeId, now);
    if (revoked !== null) return err(revoked);
    const byCertificate = peer !== null;
    const text = request.headersDistinct[ASSERTION_HEADER];
    if (text === undefined)
      return assertion ? err({ code: "assertion_missing", status: 401 }) : ok({ byCertificate, asserted: null });
    const asserted = await this.#assertedBy(text.join(","), request, peer, now);
    if (!asserted.ok) return asserted;
    for (const id of [asserted.value?.issuer, asserted.value?.caller]) {
      const refusal = typeof id === "string" ? this.#refusalOf(null, id, now) : null;
      if (refusal !== null) return err(refusal);
    }
    return ok({ byCertificate, asserted: asserted.value });
  }

  /** At each call: a connection, or an assertion that is used again, may be older than the word on who was revoked. */
  #refusalOf(serial: string | null, spiffeId: string, now: number): CallerError | null {
    const code = this.#revoked.refusal(serial, spiffeId, now);
    if (code === null) return null;
    return code === "revocation_stale" ? { code, status: 503 } : { code: `${code}: ${spiffeId}`, status: 403 };
  }

  /** The handshake has verified the chain where a certificate was shown that counts. */
  #peerOf(socket: TLSSocket): PeerId | null {
    const known = this.#peers.get(socket);
    if (known !== undefined) return known;
    const leaf = socket.authorized ? socket.getPeerX509Certificate() : undefined;
    const read = leaf && readPeerId(leaf.raw);
    const peer = read?.ok === true ? read.value : null;
    this.#peers.set(socket, peer);
    return peer;
  }

  async #assertedBy(
    text: string,
    { method = "", headers: { host = "" } }: IncomingMessage,
    peer: PeerId | null,
    now: number,
  ): Promise<Result<Asserted | null, CallerError>> {
    const about = JSON.stringify([text, method, host, peer?.spiffeId]);
    const known = this.#known.get(about);
    if (known !== undefined && now < known.expiresAt) return ok(known);
    const call = {
      trustDomain: this.#trustDomain,
      services: this.#proof.services,
      method,
      host,
      gateway: peer?.spiffeId ?? null,
    };
    if (this.#keys.keys === null) await this.#keys.again();
    // Where the certificate is proof enough nothing hangs on keys that nobody publishes.
    if (this.#keys.keys === null)
      return this.#proof.assertion ? err({ code: "assertion_keys_unknown", status: 503 }) : ok(null);
    let checked = await checkAssertion(text, this.#keys.keys, call, now);
    if (!checked.ok && checked.error.code === "assertion_key_unknown" && (await this.#keys.again()))
      checked = await checkAssertion(text, this.#keys.keys, call, now);
    if (!checked.ok) return err({ code: checked.error.code, status: 401 });
    if (this.#known.size >= MAX_REMEMBERED) this.#known.clear();
    this.#known.set(about, checked.value);
    return checked;
  }
}
