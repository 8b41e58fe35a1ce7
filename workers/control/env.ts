import type { Authority } from "./authority/authority.ts";
import type { Counts } from "./counts.ts";
import type { Records } from "./records.ts";
import type { Federation } from "./federation.ts";
import type { HubApi } from "./hub-api.ts";
import type { TailsApi } from "./open-tail.ts";
import type { Telemetry } from "./telemetry.ts";

/** Bindings, variables and secrets of the control Worker. */
export interface Env {
  readonly DB: D1Database;
  readonly RECORDS: DurableObjectNamespace<Records>;
  readonly HUB: { getByName(name: string): HubApi };
  readonly AUTHORITY: DurableObjectNamespace<Authority>;
  readonly FEDERATION: DurableObjectNamespace<Federation>;
  readonly TELEMETRY: DurableObjectNamespace<Telemetry>;
  readonly COUNTS: DurableObjectNamespace<Counts>;
  readonly TAILS: { getByName(name: string): TailsApi };
  readonly TRUST_DOMAIN: string;
  /** Set by the local mesh alone: plain http to loopback and loopback endpoints are allowed. */
  readonly TULLE_LOCAL?: string;
  /** Makes the first admin token. */
  readonly BOOTSTRAP_SECRET: string;
  /** Wraps the authority's key, and seals Secrets. */
  readonly KEY_ENCRYPTION_SECRET: string;
  /** Signs roots: Ed25519, PKCS#8, base64. */
  readonly SNAPSHOT_PRIVATE_KEY: string;
  /** JSON: gateway to the raw public keys (base64url) by which its assertions verify, current and next. */
  readonly ASSERTION_KEYS: string;
}
