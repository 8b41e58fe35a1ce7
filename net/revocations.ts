import { createHash } from "node:crypto";
import { readRevocationList, type RevocationList } from "../src/identity/revocation-list.ts";
import type { MeshControl } from "./mesh-control.ts";

/** What is told of the list: for a log. */
export type RevocationEvent =
  | { readonly event: "revocations_unknown"; readonly reason: string }
  | { readonly event: "revocations_known"; readonly serials: number; readonly identities: number };

/** Why a certificate that verifies does not count. */
export type RevocationRefusal = "certificate_revoked" | "revocation_stale";

export interface RevocationOptions {
  readonly control: Pick<MeshControl, "getIfChanged">;
  /** What `keep` was given in an earlier run; null: nothing. */
  readonly kept: string | null;
  readonly keep: (text: string) => void;
  readonly tell: (event: RevocationEvent) => void;
}

/** Gateways know within seconds, and so does who listens beside a program. */
const ASK_MS = 10_000;
/** What was told later than now was told by another clock; clocks may be so far apart. */
const LEEWAY_MS = 60_000;

interface Known {
  readonly list: RevocationList;
  readonly serials: ReadonlySet<string>;
  readonly ids: ReadonlySet<string>;
}

/**
 * Who was revoked, as control told last. While control is away the last word counts, for as long as the mesh's settings let it
 * (`revocation.maxAge`): without such a bound it always does, as gateways have it.
 */
export class Revocations {
  readonly #options: RevocationOptions;
  #known: Known | null = null;
  #etag: string | null = null;
  /** Epoch ms: when control said so. */
  #toldAt = 0;
  /** Epoch ms: of the word that was kept last; null: what is known is not kept yet. */
  #keptAt: number | null = null;
  #failing = false;
  #stopped = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: RevocationOptions) {
    this.#options = options;
    const { kept } = options;
    const [, at = "", text = ""] = /^(\d{1,15}) (.*)$/s.exec(kept ?? "") ?? [];
    const list = readRevocationList(text);
    if (list === null) return;
    this.#know(list);
    this.#toldAt = Number(at);
  }

  /** Asks, and goes on asking. Where an earlier word counts nobody waits for the first answer: a frozen control holds up nothing. */
  async start(): Promise<void> {
    const asked = this.#ask().then(() => this.#wait());
    if (this.#known === null || this.#isStale(Date.now())) await asked;
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  /**
   * Changes whenever what was judged before may be judged otherwise now.
   *
   * @param now epoch ms
   */
  epoch(now: number): string {
    return `${this.#known?.list.version ?? ""} ${this.#isStale(now)}`;
  }

  /**
   * Whether a peer's certificate, or what a gateway says of a caller, counts no more.
   *
   * @param serial of the certificate that was shown; null: none was
   * @param spiffeId with its scheme
   * @param now epoch ms
   * @returns null where it counts
   */
  refusal(serial: string | null, spiffeId: string, now: number): RevocationRefusal | null {
    if (this.#known === null) return null;
    if (this.#isStale(now)) return "revocation_stale";
    const { serials, ids } = this.#known;
    if (serial !== null && serials.has(serial)) return "certificate_revoked";
    return ids.size > 0 && ids.has(digestOf(spiffeId)) ? "certificate_revoked" : null;
  }

  #isStale(now: number): boolean {
    const maxAge = this.#known?.list.maxAgeSeconds ?? null;
    const age = now - this.#toldAt;
    return maxAge !== null && (age > maxAge * 1_000 || age < -LEEWAY_MS);
  }

  #know(list: RevocationList): void {
    this.#known = { list, serials: new Set(list.serials), ids: new Set(list.ids) };
  }

  #wait(): void {
    if (this.#stopped) return;
    // Many that were started together shall not come together.
    this.#timer = setTimeout(() => void this.#ask().then(() => this.#wait()), ASK_MS * (0.8 + Math.random() * 0.4));
    this.#timer.unref();
  }

  /** Never throws. */
  async #ask(): Promise<void> {
    try {
      const answer = await this.#options.control.getIfChanged("/revoked", this.#etag);
      if (this.#stopped) return;
      if (answer !== null) this.#take(answer.text, answer.etag);
      this.#toldAt = Date.now();
      this.#keep();
      this.#failing = false;
    } catch (error) {
      if (this.#failing || this.#stopped) return;
      this.#failing = true;
      this.#options.tell({
        event: "revocations_unknown",
        reason: error instanceof Error ? error.message : String(error),
      });
    }
  }

  /** @throws where it is nothing to go by: what is known goes on */
  #take(text: string, etag: string | null): void {
    const list = readRevocationList(text);
    if (list === null)
      throw new Error("control answered what this version does not read; use the `tulle` of its version");
    if (this.#known !== null && list.version < this.#known.list.version)
      throw new Error(`control answered an older list, ${list.version} after ${this.#known.list.version}`);
    const isNews = list.version !== this.#known?.list.version;
    this.#etag = etag;
    this.#know(list);
    this.#keptAt = null;
    if (isNews)
      this.#options.tell({
        event: "revocations_known",
        serials: list.serials.length,
        identities: list.ids.length,
      });
  }

  /** Each list once, and that control still says so a few times within the age that is allowed: not at each ask. */
  #keep(): void {
    if (this.#known === null) return;
    const { list } = this.#known;
    const { maxAgeSeconds } = list;
    const since = this.#keptAt === null ? Infinity : Math.abs(this.#toldAt - this.#keptAt);
    if (since < (maxAgeSeconds === null ? Infinity : maxAgeSeconds * 250)) return;
    this.#options.keep(`${this.#toldAt} ${JSON.stringify(list)}`);
    this.#keptAt = this.#toldAt;
  }
}

function digestOf(spiffeId: string): string {
  return createHash("sha256")
    .update(spiffeId.replace(/^spiffe:\/\//, ""))
    .digest("base64url");
}
