import { generateKeyPairSync, randomBytes } from "node:crypto";

/** What only control may know. Made once, sent as secrets of its Worker, kept nowhere else but the bootstrap secret. */
export interface ControlSecrets {
  readonly BOOTSTRAP_SECRET: string;
  readonly KEY_ENCRYPTION_SECRET: string;
  /** Ed25519, PKCS#8, base64. */
  readonly SNAPSHOT_PRIVATE_KEY: string;
}

/** 256 random bits each, and a fresh signing key whose raw public half (base64url) goes to the gateways. */
export function makeSecrets(): { readonly secrets: ControlSecrets; readonly publicKey: string } {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const { x } = publicKey.export({ format: "jwk" });
  if (x === undefined) throw new Error("an Ed25519 public key without `x`");
  return {
    secrets: {
      BOOTSTRAP_SECRET: randomBytes(32).toString("base64url"),
      KEY_ENCRYPTION_SECRET: randomBytes(32).toString("base64url"),
      SNAPSHOT_PRIVATE_KEY: privateKey.export({ format: "der", type: "pkcs8" }).toString("base64"),
    },
    publicKey: x,
  };
}
