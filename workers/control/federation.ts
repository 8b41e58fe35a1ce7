import { DurableObject } from "cloudflare:workers";
import type { Federated } from "../../src/compile/compiler.ts";
import { type ForeignBundle, readSpiffeBundle } from "../../src/identity/spiffe-bundle.ts";
import { err, ok, type Result } from "../../src/result.ts";
import { fetchBounded } from "./bounded-fetch.ts";
import type { FederatedAuthorities, FederationStatus } from "./federation-status.ts";
import type { HubApi } from "./hub-api.ts";

interface Row extends Record<string, SqlStorageValue> {
  trust_domain: string;
  url: string;
  /** JSON list; null: none yet. */
  authorities: string | null;
  sequence: number | null;
  fetched_at: number | null;
  next_at: number;
  problem: string | null;
}

interface FederationEnv {
  readonly HUB: { getByName(name: string): Pick<HubApi, "federated"> };
  readonly TULLE_LOCAL?: string;
}

const MIN_WAIT_MS = 60_000;
/** So that a local mesh, whose neighbour comes and goes, sees it soon. */
const LOCAL_MIN_WAIT_MS = 1_000;
const MAX_WAIT_MS = 86_400_000;
/** After a failure: soon, but no load on who is in trouble. */
const RETRY_MS = 60_000;
const LOCAL_RETRY_MS = 1_000;

/**
 * Fetches the bundles of the trust domains that the mesh federates with, each at its own pace, and keeps the last good one of
 * each (SPIFFE Federation §4.2). They are never put together: a bundle speaks for the trust domain that it was configured for.
 */
export class Federation extends DurableObject<FederationEnv> {
  readonly #isLocal: boolean;

  constructor(ctx: DurableObjectState, env: FederationEnv) {
    super(ctx, env);
    this.#isLocal = env.TULLE_LOCAL !== undefined;
    ctx.storage.sql.exec(
      "CREATE TABLE IF NOT EXISTS bundles (trust_domain TEXT PRIMARY KEY, url TEXT NOT NULL, authorities TEXT, sequence INTEGER, fetched_at INTEGER, next_at INTEGER NOT NULL, problem TEXT) WITHOUT ROWID",
    );
    ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS settings (id INTEGER PRIMARY KEY, allowed_hosts TEXT NOT NULL)");
  }

  /** Whom the mesh federates with from now on: others are forgotten, new ones fetched soon. @returns what is known of them */
  async follow({ domains, allowedHosts }: Federated): Promise<FederatedAuthorities> {
    const { sql } = this.ctx.storage;
    const now = Date.now();
    const kept = new Set(domains.map(({ trustDomain }) => trustDomain));
    for (const { trust_domain: name } of this.#rows())
      if (!kept.has(name)) sql.exec("DELETE FROM bundles WHERE trust_domain = ?", name);
    for (const { trustDomain, url } of domains)
      // Another place numbers its bundles anew; the last good one counts until it has one.
      sql.exec(
        "INSERT INTO bundles (trust_domain, url, next_at) VALUES (?, ?, ?) ON CONFLICT (trust_domain) DO UPDATE SET url = excluded.url, sequence = NULL, next_at = excluded.next_at WHERE url != excluded.url",
        trustDomain,
        url,
        now,
      );
    sql.exec(
      "INSERT INTO settings (id, allowed_hosts) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET allowed_hosts = excluded.allowed_hosts",
      JSON.stringify(allowedHosts),
    );
    await this.#sleep();
    return this.#authorities();
  }

  async status(): Promise<readonly FederationStatus[]> {
    return this.#rows().map(({ trust_domain: trustDomain, url, authorities, sequence, fetched_at: at, problem }) => ({
      trustDomain,
      url,
      authorities: authorities === null ? [] : (JSON.parse(authorities) as string[]),
      sequence,
      fetchedAt: at === null ? null : new Date(at).toISOString(),
      problem,
    }));
  }

  override async alarm(): Promise<void> {
    const due = this.#rows().filter(({ next_at: at }) => at <= Date.now());
    await Promise.all(due.map(async (row) => this.#refresh(row)));
    await this.#sleep();
    // Each time: a word that was lost on the way would leave a key that was taken back where it is, until the next change.
    await this.env.HUB.getByName("hub").federated(this.#authorities());
  }

  async #refresh(row: Row): Promise<void> {
    const { trust_domain: name, url } = row;
    const read = await this.#fetch(row);
    const now = Date.now();
    const { sql } = this.ctx.storage;
    // It may be gone, or elsewhere, by now.
    const where = "WHERE trust_domain = ? AND url = ?";
    if (!read.ok) {
      console.warn({ event: "federation_failed", trust_domain: name, reason: read.error });
      const next = now + (this.#isLocal ? LOCAL_RETRY_MS : RETRY_MS);
      sql.exec(`UPDATE bundles SET problem = ?, next_at = ? ${where}`, read.error, next, name, url);
      return;
    }
    const { authorities, sequence, refreshHint } = read.value;
    const least = this.#isLocal ? LOCAL_MIN_WAIT_MS : MIN_WAIT_MS;
    const next = now + Math.min(Math.max(refreshHint * 1_000, least), MAX_WAIT_MS);
    sql.exec(
      `UPDATE bundles SET authorities = ?, sequence = ?, fetched_at = ?, next_at = ?, problem = NULL ${where}`,
      JSON.stringify(authorities),
      sequence,
      now,
      next,
      name,
      url,
    );
  }

  /** A bundle that is older than the one that counts may hold keys that were taken back. */
  async #fetch({ url, sequence }: Row): Promise<Result<ForeignBundle, string>> {
    const [settings] = this.ctx.storage.sql.exec<{ allowed_hosts: string }>("SELECT allowed_hosts FROM settings");
    const allowedHosts = JSON.parse(settings?.allowed_hosts ?? "[]") as string[];
    const bounds = { fetch: async (to: string, init: RequestInit) => fetch(to, init), local: this.#isLocal };
    const text = await fetchBounded(url, allowedHosts, bounds);
    const read = text.ok ? readSpiffeBundle(text.value) : text;
    if (!read.ok || sequence === null) return read;
    const { sequence: newer } = read.value;
    return newer !== null && newer >= sequence
      ? ok(read.value)
      : err(
          `its \`spiffe_sequence\` went back from ${sequence} to ${newer}; to begin anew, take the entry out and in again`,
        );
  }

  #rows(): readonly Row[] {
    return this.ctx.storage.sql.exec<Row>("SELECT * FROM bundles ORDER BY trust_domain").toArray();
  }

  #authorities(): FederatedAuthorities {
    return Object.fromEntries(
      this.#rows().flatMap(({ trust_domain: name, authorities }) =>
        authorities === null ? [] : [[name, JSON.parse(authorities) as string[]] as const],
      ),
    );
  }

  /** Until the next bundle is due. */
  async #sleep(): Promise<void> {
    const next = Math.min(...this.#rows().map(({ next_at: at }) => at));
    if (Number.isFinite(next)) await this.ctx.storage.setAlarm(Math.max(next, Date.now() + 1));
    else await this.ctx.storage.deleteAlarm();
  }
}
