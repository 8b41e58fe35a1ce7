import { Agent, type AgentOptions } from "node:https";
import type { Duplex } from "node:stream";
import type { Revocations } from "./revocations.ts";
import type { Svid } from "./svid.ts";
import { readPeerId } from "./svid.ts";

/** TLS of one kind of connection, pooled. */
export interface PooledTls {
  readonly agent: Agent;
  /** For a connection that is not pooled. */
  readonly options: AgentOptions;
}

/** A connection that was idle this long is not used again: servers close theirs after five seconds (Node's own default). */
const IDLE_MS = 4_000;

/** Connections of an SVID that was replaced end with the calls that they carry. */
class RetirableAgent extends Agent {
  #retired = false;

  retire(): void {
    this.#retired = true;
    for (const sockets of Object.values(this.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
  }

  override keepSocketAlive(socket: Duplex): boolean {
    if (this.#retired) return false;
    return super.keepSocketAlive(socket) as unknown as boolean;
  }
}

/**
 * Dials with an SVID, always the newest. To each set of peers it keeps connections of their own: what was verified for one is not
 * used for another.
 */
export class SvidDialer {
  readonly #current: () => Svid | null;
  readonly #revoked: Pick<Revocations, "epoch" | "refusal"> | null;
  #svid: Svid | null = null;
  #epoch = "";
  #pools = new Map<string, PooledTls & { readonly agent: RetirableAgent }>();

  /**
   * @param current null where there is none that holds
   * @param revoked whose certificates are not taken, though they verify; null: nobody's
   */
  constructor(current: () => Svid | null, revoked: Pick<Revocations, "epoch" | "refusal"> | null = null) {
    this.#current = current;
    this.#revoked = revoked;
  }

  /**
   * To peers of the mesh.
   *
   * @param ids whose certificate is taken, SPIFFE IDs
   * @returns null where there is no SVID to show
   */
  toPeers(ids: readonly string[]): PooledTls | null {
    return this.#pool(ids.join(" "), ({ bundle }) => ({
      ca: bundle,
      // The certificate names no host: the workload is what was dialled.
      checkServerIdentity: (_, { raw }) => {
        const peer = readPeerId(raw);
        if (!peer.ok) return new Error(`its certificate is no SVID (${peer.error})`);
        const { spiffeId, serial } = peer.value;
        if (!ids.includes(spiffeId)) return new Error(`it is ${spiffeId}, and must be ${ids.join(" or ")}`);
        const refusal = this.#revoked?.refusal(serial, spiffeId, Date.now()) ?? null;
        return refusal === null ? undefined : new Error(`it is ${spiffeId}, and ${WORDS[refusal]}`);
      },
    }));
  }

  /**
   * To a server with a name, whose certificate is verified as a browser does.
   *
   * @param ca PEM; null: the authorities that Node knows
   */
  toServer(ca: string | null): PooledTls | null {
    return this.#pool(ca ?? "", () => (ca === null ? {} : { ca }));
  }

  close(): void {
    for (const { agent } of this.#pools.values()) agent.destroy();
    this.#pools.clear();
  }

  #pool(name: string, whomToTrust: (svid: Svid) => AgentOptions): PooledTls | null {
    const svid = this.#current();
    const epoch = this.#revoked?.epoch(Date.now()) ?? "";
    // Whom a connection leads to was judged when it was opened.
    if (svid !== this.#svid || epoch !== this.#epoch) {
      this.#svid = svid;
      this.#epoch = epoch;
      for (const { agent } of this.#pools.values()) agent.retire();
      this.#pools.clear();
    }
    if (svid === null) return null;
    let pool = this.#pools.get(name);
    if (pool === undefined) {
      const options = { cert: svid.certificate, key: svid.key, rejectUnauthorized: true, ...whomToTrust(svid) };
      // A resumed session would bring the check of an earlier connection along.
      const kept = { keepAlive: true, timeout: IDLE_MS, maxFreeSockets: 256, maxCachedSessions: 0 };
      pool = { agent: new RetirableAgent({ ...kept, ...options }), options };
      this.#pools.set(name, pool);
    }
    return pool;
  }
}

const WORDS = {
  certificate_revoked: "its certificate was revoked",
  revocation_stale: "who was revoked is not known any more: control was not heard for longer than `revocation.maxAge`",
} as const;
