import {
  CaBackedUp,
  CaBackup,
  CaImport,
  CaRestore,
  CaRotation,
  CaSignsFrom,
  CaStatus,
  Certificates,
  Revocation,
  Revocations,
  WantedRevocation,
} from "./ca-bodies.ts";
import { type Content, curl, errors, type Operations, type Parameter, referring } from "./operation.ts";

export const CA_SENT = { CaRotation, CaImport, CaBackup, CaRestore, WantedRevocation };
export const CA_ANSWERED = { CaStatus, CaSignsFrom, CaBackedUp, Certificates, Revocation, Revocations };

const { body, answer } = referring<keyof typeof CA_SENT, keyof typeof CA_ANSWERED>();

function query(name: string, description: string, schema: Parameter["schema"] = { type: "string" }): Parameter {
  return { name, in: "query", description, schema };
}

const PEM: Content = { "application/x-pem-file": { schema: { type: "string" } } };

/** Of the mesh's authority, for its administrators. */
export const CA_OPERATIONS: Operations = {
  "/api/v1/ca": {
    get: {
      operationId: "readCa",
      summary: "The authority's certificates, and what rotates next",
      tags: ["Access"],
      responses: { "200": answer("How the authority is.", "CaStatus"), ...errors("Forbidden") },
      "x-tulle-role": "admin",
      "x-codeSamples": [{ lang: "curl", source: curl("/api/v1/ca"), "x-expect": '"state":"signs"' }],
    },
  },
  "/api/v1/ca/rotate": {
    post: {
      operationId: "rotateCa",
      summary: "Make the next root or intermediate now",
      description:
        "It is trusted at once and signs later. Where one waits already, that one may sign sooner, and no other is made.",
      tags: ["Access"],
      requestBody: body("CaRotation"),
      responses: {
        "201": answer("When it signs.", "CaSignsFrom"),
        ...errors("BadRequest", "Forbidden", "Conflict", "RequestEntityTooLarge"),
      },
      "x-tulle-role": "admin",
      "x-codeSamples": [
        {
          lang: "curl",
          source: curl("/api/v1/ca/rotate", `--json '{"what": "intermediate"}'`),
          "x-expect": '{"signsFrom":',
        },
      ],
    },
  },
  "/api/v1/ca/csr": {
    post: {
      operationId: "requestCa",
      summary: "A request for an intermediate, for a root of your own",
      description: "The same request until its certificate was imported. Its key stays in the authority.",
      tags: ["Access"],
      responses: { "200": { description: "PKCS#10, PEM.", content: PEM }, ...errors("Forbidden") },
      "x-tulle-role": "admin",
      "x-codeSamples": [
        { lang: "curl", source: curl("/api/v1/ca/csr", "-X POST"), "x-expect": "-----BEGIN CERTIFICATE REQUEST-----" },
      ],
    },
  },
  "/api/v1/ca/import": {
    post: {
      operationId: "importCa",
      summary: "Take an intermediate that a root of your own signed",
      description: "Everything about the chain is checked before anything is trusted; the answer says what is wrong.",
      tags: ["Access"],
      requestBody: body("CaImport"),
      responses: {
        "201": answer("When it signs.", "CaSignsFrom"),
        ...errors("BadRequest", "Forbidden", "Invalid", "RequestEntityTooLarge"),
      },
      "x-tulle-role": "admin",
      "x-codeSamples": [
        {
          lang: "curl",
          label: "What is refused",
          source: `${curl("/api/v1/ca/import", `--json '{"chain": "none"}'`).replace(" --fail-with-body", "")} -w '\\n%{http_code}\\n'`,
          "x-expect": "give the intermediate first\n422",
        },
      ],
    },
  },
  "/api/v1/ca/backup": {
    post: {
      operationId: "backUpCa",
      summary: "All that the authority knows, under a key of yours",
      description:
        "Its keys, what it issued, what was revoked. Whoever has the backup and the key can speak for the mesh.",
      tags: ["Access"],
      requestBody: body("CaBackup"),
      responses: {
        "200": answer("The backup.", "CaBackedUp"),
        ...errors("BadRequest", "Forbidden", "RequestEntityTooLarge"),
      },
      "x-tulle-role": "admin",
      "x-codeSamples": [
        {
          lang: "curl",
          source: curl("/api/v1/ca/backup", `--json "{\\"key\\": \\"$(openssl rand -hex 32)\\"}"`),
          "x-expect": '{"backup":"v1.',
        },
      ],
    },
  },
  "/api/v1/ca/restore": {
    post: {
      operationId: "restoreCa",
      summary: "Put a backup into a fresh mesh of the same trust domain",
      description:
        "Old certificates verify again. Refused where this authority has issued any. Join tokens of the backup work no more.",
      tags: ["Access"],
      requestBody: body("CaRestore"),
      responses: {
        "200": answer("How the authority is.", "CaStatus"),
        ...errors("BadRequest", "Forbidden", "Conflict", "RequestEntityTooLarge"),
      },
      "x-tulle-role": "admin",
      "x-codeSamples": [
        {
          lang: "curl",
          label: "What is refused",
          source: `${curl("/api/v1/ca/restore", `--json '{"key": "${"k".repeat(32)}", "backup": "v1.x.y"}'`).replace(" --fail-with-body", "")} -w '\\n%{http_code}\\n'`,
          "x-expect": "a backup goes into a fresh mesh\n409",
        },
      ],
    },
  },
  "/api/v1/certificates": {
    get: {
      operationId: "listCertificates",
      summary: "Certificates of workloads that live, the first to end first",
      tags: ["Access"],
      parameters: [
        query("spiffeId", "Only of this identity."),
        query("limit", "At most so many.", { type: "integer", minimum: 1, maximum: 500, default: 100 }),
        query("continue", "Of the page before."),
      ],
      responses: { "200": answer("A page.", "Certificates"), ...errors("BadRequest", "Forbidden") },
      "x-tulle-role": "admin",
      "x-codeSamples": [
        { lang: "curl", source: curl("/api/v1/certificates?limit=10"), "x-expect": { certificates: [{}] } },
      ],
    },
  },
  "/api/v1/revocations": {
    get: {
      operationId: "listRevocations",
      summary: "What counts no more",
      tags: ["Access"],
      responses: { "200": answer("All of them.", "Revocations"), ...errors("Forbidden") },
      "x-tulle-role": "admin",
      "x-codeSamples": [{ lang: "curl", source: curl("/api/v1/revocations"), "x-expect": '{"revocations":[' }],
    },
    post: {
      operationId: "revoke",
      summary: "Revoke one certificate, or an identity",
      description:
        "Gateways know within seconds. A serial is forgotten when its certificate has ended; an identity stays revoked until it is lifted, and gets no certificate.",
      tags: ["Access"],
      requestBody: body("WantedRevocation"),
      responses: {
        "201": answer("What was revoked.", "Revocation"),
        ...errors("BadRequest", "Forbidden", "Invalid", "Conflict", "RequestEntityTooLarge"),
      },
      "x-tulle-role": "admin",
      "x-codeSamples": [
        {
          lang: "curl",
          source: curl(
            "/api/v1/revocations",
            `--json '{"spiffeId": "spiffe://cluster.local/ns/tour/sa/lost", "reason": "left"}'`,
          ),
          "x-expect": { kind: "id", value: "cluster.local/ns/tour/sa/lost" },
        },
      ],
    },
    delete: {
      operationId: "liftRevocation",
      summary: "Let a certificate or an identity count again",
      tags: ["Access"],
      parameters: [query("serial", "Of a certificate, hex."), query("spiffeId", "Of an identity.")],
      responses: {
        "204": { description: "Done; there is nothing to say." },
        ...errors("BadRequest", "Forbidden", "NotFound"),
      },
      "x-tulle-role": "admin",
      "x-codeSamples": [
        {
          lang: "curl",
          source: curl(
            "/api/v1/revocations?spiffeId=spiffe://cluster.local/ns/tour/sa/lost",
            "-X DELETE",
            "-o /dev/null -w '%{http_code}\\n'",
          ),
          "x-expect": "204",
        },
      ],
    },
  },
};
