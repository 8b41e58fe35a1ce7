import { generateKeyPairSync, type KeyObject, randomBytes } from "node:crypto";

/** What only control may know. Made once, sent as secrets of its Worker, kept nowhere else but the bootstrap secret. */
export interface ControlSecrets {
  readonly BOOTSTRAP_SECRET: string;
  readonly KEY_ENCRYPTION_SECRET: string;
  /** Ed25519, PKCS#8, base64. */
  readonly SNAPSHOT_PRIVATE_KEY: string;
}

/** Keys that `tulle deploy --rotate` changes. */
export const ROTATABLE = ["snapshot-key", "assertion-keys"] as const;
export type Rotatable = (typeof ROTATABLE)[number];

/** A key whose public half others are told of. */
export interface KeyPair {
  /** Raw, base64url. */
  readonly publicKey: string;
  /** As its secret holds it. */
  readonly secret: string;
}

/** Signs configuration: PKCS#8, base64. */
export function makeSnapshotKey(): KeyPair {
  const { privateKey, x } = ed25519();
  return { publicKey: x, secret: privateKey.export({ format: "der", type: "pkcs8" }).toString("base64") };
}

/** Signs a gateway's assertions: a private JWK. */
export function makeAssertionKey(): KeyPair {
  const { privateKey, x } = ed25519();
  return { publicKey: x, secret: JSON.stringify(privateKey.export({ format: "jwk" })) };
}

function ed25519(): { readonly privateKey: KeyObject; readonly x: string } {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const { x } = publicKey.export({ format: "jwk" });
  if (x === undefined) throw new Error("an Ed25519 public key without `x`");
  return { privateKey, x };
}

/** 256 random bits each, and a fresh signing key whose raw public half (base64url) goes to the gateways. */
export function makeSecrets(): { readonly secrets: ControlSecrets; readonly publicKey: string } {
  const { publicKey, secret } = makeSnapshotKey();
  return {
    secrets: {
      BOOTSTRAP_SECRET: randomBytes(32).toString("base64url"),
      KEY_ENCRYPTION_SECRET: randomBytes(32).toString("base64url"),
      SNAPSHOT_PRIVATE_KEY: secret,
    },
    publicKey,
  };
}
