import { z } from "zod";
import { isDnsLabel, isDnsSubdomain } from "../resources/names.ts";
import { PERMISSIONS } from "../resources/permissions.ts";

// What is sent to the plain API: routes read bodies by these schemas, and the OpenAPI document is made from them.

const MAX_JOIN_SECONDS = 600;
const SVID_SECONDS = 3_600;
const MAX_SVID_SECONDS = 86_400;
const MAX_TOKEN_SECONDS = 366 * 86_400;

/** Refinements leave no trace in a JSON schema, so the words say it. */
const label = z.string().refine(isDnsLabel);

export const WantedToken = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?$/)
    .describe("Who it is for; stands in the audit and in refusals."),
  role: z.enum(["viewer", "editor", "admin"]).describe("What it may do."),
  namespace: label.optional().describe("The only namespace that it reaches, a DNS label. Absent: all."),
  permissions: z
    .array(z.enum(PERMISSIONS))
    .max(PERMISSIONS.length)
    .optional()
    .describe(
      "What of requests it may see beside its role: live ones, and why they were decided so. `admin` has both.",
    ),
  ttlSeconds: z
    .int()
    .min(60)
    .max(MAX_TOKEN_SECONDS)
    .optional()
    .describe("How long it holds. Absent: it never ends by itself."),
});

const joinSeconds = z.int().min(1).max(MAX_JOIN_SECONDS).default(MAX_JOIN_SECONDS).describe("How long it can be used.");

export const WantedSession = z.strictObject({
  namespace: label.optional().describe("The only namespace that it reaches, a DNS label. Absent: what the rules give."),
});
export const SESSION_FORM = '{"namespace"?: "shop"}';

export const WantedJoinToken = z.union([
  z.strictObject({
    namespace: label.describe("Of the workload, a DNS label."),
    serviceAccount: z.string().refine(isDnsSubdomain).describe("Of the workload: DNS labels, with dots between them."),
    ttlSeconds: joinSeconds,
  }),
  z.strictObject({
    gateway: z
      .string()
      .regex(/^[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?$/)
      .describe("Name of a gateway, which shows its certificate to the agents that it calls."),
    ttlSeconds: joinSeconds,
  }),
]);
export const JOIN_TOKEN_FORM = `{"namespace": "default", "serviceAccount": "web", "ttlSeconds"?: 1 to ${MAX_JOIN_SECONDS}}, or "gateway" in place of the workload's two names`;

export const WantedCertificate = z.strictObject({
  csr: z
    .string()
    .max(16_384)
    .describe("PKCS#10 in PEM: P-256, P-384, Ed25519, or RSA of 2,048 to 4,096 bits. Only its public key counts."),
  ttlSeconds: z
    .int()
    .min(1)
    .max(MAX_SVID_SECONDS)
    .default(SVID_SECONDS)
    .describe("How long the certificate holds; not longer than the mesh's own."),
});
export const CERTIFICATE_FORM = `{"csr": "-----BEGIN CERTIFICATE REQUEST-----…", "ttlSeconds"?: 1 to ${MAX_SVID_SECONDS}}`;

const heldCertificate = z.string().max(32_768).describe("The certificate that is held, PEM; it must be good now.");
export const WantedRenewal = z.strictObject({
  certificate: heldCertificate,
  csr: WantedCertificate.shape.csr,
  ttlSeconds: WantedCertificate.shape.ttlSeconds,
});
export const RENEWAL_FORM = `{"certificate": "-----BEGIN CERTIFICATE-----…", "csr": "-----BEGIN CERTIFICATE REQUEST-----…", "ttlSeconds"?: 1 to ${MAX_SVID_SECONDS}}`;

const MAX_JWT_SVID_SECONDS = 300;

export const WantedJwtSvid = z.strictObject({
  certificate: heldCertificate,
  audience: z
    .string()
    .regex(/^(?!tulle:)[\x21-\x7e]{1,512}$/)
    .describe("Whom the token is for: one service, as `spiffe://cluster.local/ns/shop/sa/orders`."),
  ttlSeconds: z
    .int()
    .min(1)
    .max(MAX_JWT_SVID_SECONDS)
    .default(MAX_JWT_SVID_SECONDS)
    .describe("How long the token holds."),
});
export const JWT_SVID_FORM = `{"certificate": "-----BEGIN CERTIFICATE-----…", "audience": "spiffe://…", "ttlSeconds"?: 1 to ${MAX_JWT_SVID_SECONDS}}`;

export const Rollback = z.strictObject({
  generation: z.int().min(1).describe("The one to go back to, as `GET /api/v1/revisions` lists it."),
});

export const Listening = z.strictObject({
  addresses: z.array(z.string().min(1).max(253)).max(16).describe("Where it listens: addresses or names."),
  boundPorts: z
    .record(z.string().regex(/^\d{1,5}$/), z.int().min(1).max(65_535))
    .describe("Port of the Gateway to the port that could be bound, where they differ."),
  failed: z
    .array(z.strictObject({ port: z.int(), reason: z.string().max(500) }))
    .max(100)
    .describe("Ports that could not be opened."),
});

const MIN_LEASE_SECONDS = 10;
const MAX_LEASE_SECONDS = 86_400;

const workloadAddress = z.string().min(1).max(253).describe("As that of a WorkloadEntry.");

export const RegisteredWorkload = z.strictObject({
  address: workloadAddress,
  locality: z.string().max(253).optional().describe("`region/zone/subzone`. Absent: the template's."),
  labels: z.record(z.string(), z.string()).optional().describe("Beside those of the group."),
  ttlSeconds: z
    .int()
    .min(MIN_LEASE_SECONDS)
    .max(MAX_LEASE_SECONDS)
    .optional()
    .describe("The entry is removed unless the workload registers again in this time. Absent: it stays."),
});
export const REGISTERED_WORKLOAD_FORM = `{"address": "10.0.0.7", "locality"?: "eu/a", "labels"?: {}, "ttlSeconds"?: ${MIN_LEASE_SECONDS} to ${MAX_LEASE_SECONDS}}`;

export const WorkloadAddress = z.strictObject({ address: workloadAddress });
