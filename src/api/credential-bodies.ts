import { z } from "zod";
import { PERMISSIONS } from "../resources/permissions.ts";

// What the plain API answers of tokens, sessions, and identities of workloads.

const epochMs = z.int().min(0);

const permissions = z.array(z.enum(PERMISSIONS)).describe("Those of its role, and those that it was given beside.");

const tokenHead = {
  id: z.string(),
  name: z.string(),
  role: z.enum(["viewer", "editor", "admin"]),
  namespace: z.string().nullable().describe("The only one that it reaches; null: all."),
  permissions,
  expiresAt: epochMs.nullable().describe("Epoch milliseconds; null: never."),
};
const secret = z.string().describe("The only time that it is shown.");

export const TokenMade = z.strictObject({ ...tokenHead, token: secret });
export const Bootstrapped = z.strictObject({ id: z.string(), token: secret });
export const Tokens = z.strictObject({
  tokens: z.array(
    z.strictObject({ ...tokenHead, revokedAt: epochMs.nullable().describe("Epoch milliseconds; null: it is not.") }),
  ),
});

export const SessionMade = z.strictObject({
  id: z.string(),
  token: secret,
  name: z.string().describe("Issuer and subject, with `#` between them."),
  role: z.enum(["viewer", "editor", "admin"]),
  namespace: z.string().nullable().describe("The only one that it reaches; null: all."),
  permissions,
  expiresAt: epochMs.describe("Epoch milliseconds."),
});
export const Sessions = z.strictObject({
  sessions: z.array(
    z.strictObject({
      id: z.string(),
      issuer: z.string(),
      audience: z.string(),
      subject: z.string(),
      role: z.enum(["viewer", "editor", "admin"]).nullable().describe("By the rules of now; null: none gives any."),
      namespace: z
        .string()
        .nullable()
        .describe("The only one that it reaches; null: all, or none where there is no role."),
      permissions,
      createdAt: epochMs.describe("Epoch milliseconds."),
      expiresAt: epochMs.describe("Epoch milliseconds."),
    }),
  ),
});
export const SessionsEnded = z.strictObject({ ended: z.int().min(0) });

const spiffeId = z
  .string()
  .describe(
    "`spiffe://trust-domain/ns/NAMESPACE/sa/SERVICE_ACCOUNT`; a gateway's is `spiffe://trust-domain/gateway/NAME`.",
  );

export const JoinTokenMade = z.strictObject({
  token: secret,
  spiffeId,
  expiresAt: epochMs.describe("Epoch milliseconds."),
});

export const Enrolled = z.strictObject({
  certificate: z.string().describe("PEM."),
  bundle: z.string().describe("The mesh's own certificate, PEM."),
  spiffeId,
  expiresAt: epochMs.describe("Epoch milliseconds."),
});

export const AssertionKeys = z.strictObject({
  keys: z.array(
    z.strictObject({
      kty: z.literal("OKP"),
      crv: z.literal("Ed25519"),
      x: z.string().describe("The public key, base64url."),
      alg: z.literal("EdDSA"),
      use: z.literal("sig"),
      kid: z.string().describe("RFC 7638 thumbprint."),
      iss: z.string().describe("Whose key it is: `spiffe://trust-domain/gateway/NAME`."),
    }),
  ),
});

export const RevokedList = z.strictObject({
  version: z.int().describe("Grows with each change."),
  serials: z.array(z.string()).describe("Of certificates: hex, lower case, without leading zeros."),
  ids: z.array(z.string()).describe("Of identities: SHA-256 of the SPIFFE ID without `spiffe://`, base64url."),
  maxAgeSeconds: z
    .int()
    .nullable()
    .describe("`revocation.maxAge` of the MeshConfig: past it nobody counts on this word; null: it is not set."),
});

export const NonceMade = z.strictObject({
  nonce: z.string().describe("For one proof."),
  expiresAt: epochMs.describe("Epoch milliseconds."),
});

export const JwtSvid = z.strictObject({
  token: z.string().describe("A JWT-SVID: `sub` is the SPIFFE ID, `aud` the one audience."),
  spiffeId,
  expiresAt: epochMs.describe("Epoch milliseconds."),
});

export const SpiffeBundle = z.strictObject({
  keys: z
    .array(z.looseObject({ kty: z.string(), use: z.enum(["x509-svid", "jwt-svid"]) }))
    .describe("JSON Web Keys: of authorities with their certificate in `x5c`, of JWT-SVIDs with their `kid`."),
  spiffe_sequence: z.int().describe("Grows with each change of the keys."),
  spiffe_refresh_hint: z.int().describe("Seconds after which to look again."),
});
