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

/** What a gateway signs assertions with. */
export interface AssertionKey {
  /** Private JWK, Ed25519: the gateway's secret. */
  readonly jwk: string;
  /** Raw, base64url: what control publishes. */
  readonly publicKey: string;
}

const OWNER_ONLY = 0o600;

export function writeSecret(path: string, text: string): void {
  writeFileSync(path, text, { mode: OWNER_ONLY });
  // The mode above counts for new files alone.
  chmodSync(path, OWNER_ONLY);
}

/** The text of a file for its owner alone, made where it is missing. */
function keptIn(state: string, name: string, make: () => string): string {
  const path = join(state, name);
  if (!existsSync(path)) writeSecret(path, `${make()}\n`);
  return readFileSync(path, "utf8").trim();
}

/** @param state the folder; a key that is missing is made */
export function loadAssertionKey(state: string, gateway: string): AssertionKey {
  const name = `assertion-${gateway}.jwk`;
  const jwk = keptIn(state, name, () =>
    JSON.stringify(generateKeyPairSync("ed25519").privateKey.export({ format: "jwk" })),
  );
  const { x } = JSON.parse(jwk) as { readonly x?: string };
  if (x === undefined) throw new Error(`${name} is no Ed25519 key; delete it to make a new one`);
  return { jwk, publicKey: x };
}

/** @param state the folder; what is missing is made */
export function loadSecrets(state: string): Secrets {
  const kept = (name: string, make: () => string): string => keptIn(state, name, make);
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
