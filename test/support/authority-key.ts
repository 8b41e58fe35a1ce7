import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { unwrapKey } from "../../workers/control/key-wrap.ts";

/** What signs workloads of a mesh, both PEM. */
export interface AuthorityKey {
  readonly certificate: string;
  /** PKCS#8. */
  readonly key: string;
}

/**
 * The intermediate of a mesh's authority, taken out of its storage by its secret: for certificates that it never issues.
 *
 * @param storage folder in which the runtime keeps control's objects
 * @param secret what the key is wrapped by
 */
export async function authorityKey(storage: string, secret: string): Promise<AuthorityKey> {
  const { wrapped, certificate } = stored(storage);
  const pkcs8 = Buffer.from(await unwrapKey(wrapped, secret, "authority-key")).toString("base64");
  const key = `-----BEGIN PRIVATE KEY-----\n${pkcs8.replace(/.{1,64}/g, "$&\n")}-----END PRIVATE KEY-----\n`;
  return { certificate, key };
}

/** The secret of a mesh that `npm start` brought up. */
export function keySecret(state: string): string {
  return readFileSync(join(state, "key-encryption.secret"), "utf8").trim();
}

/** The files are copied, since the runtime has them open. */
function stored(storage: string): { readonly wrapped: string; readonly certificate: string } {
  const copy = mkdtempSync(join(tmpdir(), "tulle-key-"));
  try {
    const files = readdirSync(storage, { recursive: true, encoding: "utf8" });
    for (const file of files.filter((name) => /Authority.*\.sqlite$/.test(name) && !name.includes("metadata"))) {
      for (const suffix of ["", "-wal"])
        if (existsSync(join(storage, file + suffix)))
          cpSync(join(storage, file + suffix), join(copy, `ca.sqlite${suffix}`));
      const database = new DatabaseSync(join(copy, "ca.sqlite"));
      const row = database
        .prepare(
          "SELECT wrapped_key, certificate FROM ca_certificates WHERE role <> 'root' ORDER BY signs_from LIMIT 1",
        )
        .get();
      database.close();
      if (row !== undefined) return { wrapped: String(row["wrapped_key"]), certificate: String(row["certificate"]) };
    }
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
  throw new Error("no authority's key is stored");
}
