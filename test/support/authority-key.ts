import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { unwrapKey } from "../../workers/control/key-wrap.ts";

/**
 * The key of a mesh's authority as PKCS#8 PEM, taken out of its storage by its secret: for certificates that it never issues.
 *
 * @param storage folder in which the runtime keeps control's objects
 * @param secret what the key is wrapped by
 */
export async function authorityKey(storage: string, secret: string): Promise<string> {
  const pkcs8 = Buffer.from(await unwrapKey(wrappedKey(storage), secret, "authority-key")).toString("base64");
  return `-----BEGIN PRIVATE KEY-----\n${pkcs8.replace(/.{1,64}/g, "$&\n")}-----END PRIVATE KEY-----\n`;
}

/** The secret of a mesh that `npm start` brought up. */
export function keySecret(state: string): string {
  return readFileSync(join(state, "key-encryption.secret"), "utf8").trim();
}

/** The files are copied, since the runtime has them open. */
function wrappedKey(storage: string): string {
  const copy = mkdtempSync(join(tmpdir(), "tulle-key-"));
  try {
    const files = readdirSync(storage, { recursive: true, encoding: "utf8" });
    for (const file of files.filter((name) => /Authority.*\.sqlite$/.test(name) && !name.includes("metadata"))) {
      for (const suffix of ["", "-wal"])
        if (existsSync(join(storage, file + suffix)))
          cpSync(join(storage, file + suffix), join(copy, `ca.sqlite${suffix}`));
      const database = new DatabaseSync(join(copy, "ca.sqlite"));
      const row = database.prepare("SELECT wrapped_key FROM ca").get();
      database.close();
      if (typeof row?.["wrapped_key"] === "string") return row["wrapped_key"];
    }
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
  throw new Error("no authority's key is stored");
}
