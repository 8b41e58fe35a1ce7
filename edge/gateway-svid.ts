import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { MeshControl } from "../net/mesh-control.ts";
import { Revocations } from "../net/revocations.ts";
import { type PooledTls, SvidDialer } from "../net/svid-dialer.ts";
import { SvidKeeper } from "../net/svid-keeper.ts";
import { readSvid, replaceFile, type Svid, writeSvid } from "../net/svid.ts";
import type { Layout } from "./layout.ts";

const TTL_SECONDS = 3_600;

/** What control did not give. */
interface Lack {
  readonly event: "gateway_svid_failed" | "revocations_unknown";
  readonly reason: string;
}

/**
 * The certificate of one gateway, `spiffe://TRUST-DOMAIN/gateway/NAME`, with which the edge dials agents in its name. It is asked
 * for when the first agent is called.
 */
export class GatewaySvid {
  readonly #keeper: SvidKeeper;
  readonly #dialer: SvidDialer;
  readonly #control: MeshControl;
  readonly #revoked: Revocations;
  #started: Promise<unknown> | null = null;

  /** @param warn is told why there is no new one, or no newer list of whose certificates count no more */
  constructor(gateway: string, layout: Layout, warn: (lack: Lack) => void) {
    const file = join(layout.state, `${gateway}.svid.json`);
    this.#control = new MeshControl({ server: `http://127.0.0.1:${layout.ports.controlDirect}`, ca: null });
    this.#keeper = new SvidKeeper({
      kept: readSvid(file),
      obtain: async () => this.#enrol(gateway, layout.tokenFile),
      tell: (told) => {
        if (told.event === "svid_renewal_failed") warn({ event: "gateway_svid_failed", reason: told.reason });
      },
    });
    this.#keeper.onChange((svid) => writeSvid(file, svid));
    const listFile = join(layout.state, `${gateway}.revocations.txt`);
    this.#revoked = new Revocations({
      control: this.#control,
      kept: existsSync(listFile) ? readFileSync(listFile, "utf8") : null,
      keep: (text) => replaceFile(listFile, text, 0o600),
      tell: (told) => {
        if (told.event === "revocations_unknown") warn(told);
      },
    });
    this.#dialer = new SvidDialer(() => this.#keeper.svid, this.#revoked);
  }

  /** @param ids of whom the endpoint may be @returns null where there is no certificate to show */
  async toPeers(ids: readonly string[]): Promise<PooledTls | null> {
    this.#started ??= Promise.all([this.#keeper.start().catch(() => this.#keeper.startLater()), this.#revoked.start()]);
    await this.#started;
    return this.#dialer.toPeers(ids);
  }

  close(): void {
    this.#keeper.stop();
    this.#revoked.stop();
    this.#dialer.close();
    this.#control.close();
  }

  async #enrol(gateway: string, tokenFile: string): Promise<Svid> {
    if (!existsSync(tokenFile)) throw new Error("no administrator's token is kept yet");
    const admin = readFileSync(tokenFile, "utf8").trim();
    const { token } = Object(await this.#control.post("/join-tokens", admin, { gateway })) as { token?: unknown };
    if (typeof token !== "string") throw new Error("control made no join token");
    return this.#control.enrol(token, TTL_SECONDS);
  }
}
