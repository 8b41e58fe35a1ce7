import type * as x509 from "@peculiar/x509";
import type { JWK } from "jose";
import { bytesToBase64 } from "../../../src/snapshot/bytes.ts";
import { hashOf } from "./join-tokens.ts";

/** Seconds between two looks of those who federate with this mesh. */
const REFRESH_HINT_S = 300;

/** A JSON Web Key of either use. */
export type BundleKey = Readonly<Record<string, string | readonly string[]>>;

/** A SPIFFE bundle: what SVIDs of the mesh are checked against (SPIFFE Trust Domain and Bundle §4). */
export interface SpiffeBundle {
  readonly keys: readonly BundleKey[];
  readonly spiffe_sequence: number;
  readonly spiffe_refresh_hint: number;
}

/** Numbers what is published: each other content has a greater number than the one before. */
export class SpiffeBundles {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(
      "CREATE TABLE IF NOT EXISTS spiffe_bundle (id INTEGER PRIMARY KEY, sequence INTEGER NOT NULL, content TEXT NOT NULL)",
    );
  }

  /**
   * @param authorities certificates that sign X.509-SVIDs
   * @param jwtKeys public keys that sign JWT-SVIDs
   */
  async of(authorities: readonly x509.X509Certificate[], jwtKeys: readonly BundleKey[]): Promise<SpiffeBundle> {
    const x509Keys = await Promise.all(authorities.map(x509Key));
    const keys = [...x509Keys, ...jwtKeys];
    const content = await hashOf(JSON.stringify(keys));
    // One statement: of two that come at once with the same content, one raises the number.
    const [row] = this.#sql
      .exec<{ sequence: number }>(
        "INSERT INTO spiffe_bundle (id, sequence, content) VALUES (1, 1, ?) ON CONFLICT (id) DO UPDATE SET sequence = sequence + (content != excluded.content), content = excluded.content RETURNING sequence",
        content,
      )
      .toArray();
    return { keys, spiffe_sequence: row?.sequence ?? 1, spiffe_refresh_hint: REFRESH_HINT_S };
  }
}

/** X509-SVID §6.2: the certificate stands in `x5c`, alone. */
async function x509Key(certificate: x509.X509Certificate): Promise<BundleKey> {
  // A root of the administrator's own may be RSA.
  const { kty, crv, x, y, n, e } = (await crypto.subtle.exportKey("jwk", await certificate.publicKey.export())) as JWK;
  const key = Object.entries({ kty, crv, x, y, n, e }).filter(
    (part): part is [string, string] => part[1] !== undefined,
  );
  return { ...Object.fromEntries(key), use: "x509-svid", x5c: [bytesToBase64(certificate.rawData)] };
}
