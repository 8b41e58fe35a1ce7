import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes } from "node:crypto";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** What `tulle deploy` would store as secrets; the local mesh keeps it in its state folder, for its owner alone. */
export interface Secrets {
  readonly bootstrap: string;
  readonly keyEncryption: string;
  /** Ed25519, PKCS#8, base64. */
  readonly snapshotPrivateKey: string;
  /** Raw, base64url. */
  readonly snapshotPublicKey: string;
}

const OWNER_ONLY = 0o600;

export function writeSecret(path: string, text: string): void {
  writeFileSync(path, text, { mode: OWNER_ONLY });
  // The mode above counts for new files alone.
  chmodSync(path, OWNER_ONLY);
}

/** @param state the folder; what is missing is made */
export function loadSecrets(state: string): Secrets {
  const kept = (name: string, make: () => string): string => {
    const path = join(state, name);
    if (!existsSync(path)) writeSecret(path, `${make()}\n`);
    return readFileSync(path, "utf8").trim();
  };
  const random = (): string => randomBytes(32).toString("base64url");
  const snapshotPrivateKey = kept("snapshot.key", () =>
    generateKeyPairSync("ed25519").privateKey.export({ format: "der", type: "pkcs8" }).toString("base64"),
  );
  const key = createPrivateKey({ key: Buffer.from(snapshotPrivateKey, "base64"), format: "der", type: "pkcs8" });
  const { x } = createPublicKey(key).export({ format: "jwk" });
  if (x === undefined) throw new Error("snapshot.key is no Ed25519 key; delete it to make a new one");
  return {
    bootstrap: kept("bootstrap.secret", random),
    keyEncryption: kept("key-encryption.secret", random),
    snapshotPrivateKey,
    snapshotPublicKey: x,
  };
}
