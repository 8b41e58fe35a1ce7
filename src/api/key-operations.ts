import { z } from "zod";
import { labels, namespaceName } from "../resources/names.ts";
import { CODE_ONLY, curl, errors, field, NOTHING, type Operations, pathParameter, referring } from "./operation.ts";

const NAME = /^[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?$/;
const PLAN = /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const MAX_LABELS = 16;
const MAX_LABELS_CHARACTERS = 2_000;
const YEAR_SECONDS = 366 * 86_400;

export const WantedKey = z.strictObject({
  name: z
    .string()
    .regex(NAME, "must be of lower-case letters, digits, `-` and `.`, at most 63")
    .describe("Whose key it is, for people and policies: a client may have several of one name."),
  namespace: namespaceName.describe("Whose services take it."),
  plan: z
    .string()
    .regex(PLAN, "must be of letters, digits, `-`, `_` and `.`, at most 63")
    .optional()
    .describe("By which limits tell clients apart. Absent: none."),
  labels: labels
    .refine((all) => Object.keys(all).length <= MAX_LABELS, `must be at most ${MAX_LABELS}`)
    .refine((all) => JSON.stringify(all).length <= MAX_LABELS_CHARACTERS, "are too long together")
    .optional()
    .describe("Facts that policies look at, as a label of Kubernetes is written."),
  ttlSeconds: z
    .int()
    .min(60)
    .max(10 * YEAR_SECONDS)
    .optional()
    .describe("How long it holds. Absent: until it is revoked."),
});

const listed = {
  id: z.string().describe("By which it is revoked, and which policies and limits see."),
  name: z.string(),
  namespace: z.string(),
  plan: z.string().nullable(),
  labels: z.record(z.string(), z.string()),
  expiresAt: z.number().nullable().describe("Epoch milliseconds; null: it does not end by itself."),
  createdAt: z.number().describe("Epoch milliseconds."),
};

export const KeyMade = z.strictObject({ ...listed, key: z.string().describe("Shown this once.") });
export const Keys = z.strictObject({
  keys: z.array(z.strictObject({ ...listed, revokedAt: z.number().nullable().describe("Null: it was not revoked.") })),
  continue: z.string().nullable().describe("For the next page; null: this is the last."),
});

export const KEY_SENT = { WantedKey };
export const KEY_ANSWERED = { KeyMade, Keys };

const { answer, body } = referring<keyof typeof KEY_SENT, keyof typeof KEY_ANSWERED>();

/** API keys of services' clients. */
export const KEY_OPERATIONS: Operations = {
  "/api/v1/keys": {
    post: {
      operationId: "createKey",
      summary: "A new API key for a client of a namespace's services",
      description:
        "What an APIKeyPolicy of that namespace takes, until it ends, is revoked, or the Namespace is deleted; without that Namespace there is none to be had. Its hash is kept, the key itself nowhere. It needs the right to write in the namespace, and is a row of the audit.",
      tags: ["Access"],
      requestBody: body("WantedKey"),
      responses: {
        "201": answer("The key, shown this once.", "KeyMade"),
        ...errors("BadRequest", "Forbidden", "NotFound", "RequestEntityTooLarge"),
      },
      "x-tulle-role": "editor",
      "x-codeSamples": [
        {
          lang: "curl",
          source: curl(
            "/api/v1/keys",
            `--json '{"name": "acme", "namespace": "tour", "plan": "gold", "ttlSeconds": 86400}'`,
          ),
          "x-expect": { name: "acme", namespace: "tour", plan: "gold" },
        },
      ],
    },
    get: {
      operationId: "listKeys",
      summary: "API keys that were made, without the keys themselves",
      description: "Revoked and expired ones too. A token of one namespace sees those of that namespace.",
      tags: ["Access"],
      parameters: [
        { name: "namespace", in: "query", description: "Only of this one.", schema: { type: "string" } },
        {
          name: "limit",
          in: "query",
          description: "At most so many.",
          schema: { type: "integer", minimum: 1, maximum: 500, default: 100 },
        },
        { name: "continue", in: "query", description: "Of the page before.", schema: { type: "string" } },
      ],
      responses: {
        "200": answer("What it may see, by namespace, the oldest first.", "Keys"),
        ...errors("BadRequest", "Forbidden"),
      },
      "x-tulle-role": "viewer",
      "x-codeSamples": [
        {
          lang: "curl",
          source: curl("/api/v1/keys?namespace=tour"),
          "x-expect": { keys: [{ name: "acme", namespace: "tour", plan: "gold", revokedAt: null }] },
        },
      ],
    },
  },
  "/api/v1/keys/{id}": {
    delete: {
      operationId: "revokeKey",
      summary: "Revoke an API key",
      description: "Gateways take it for 60 seconds more at most.",
      tags: ["Access"],
      parameters: [pathParameter("id", "As the list has it.")],
      responses: { "204": NOTHING, ...errors("Forbidden", "NotFound") },
      "x-tulle-role": "editor",
      "x-codeSamples": [
        {
          lang: "curl",
          source: [
            `id=$(${curl("/api/v1/keys", `--json '{"name": "short", "namespace": "tour"}'`)} | ${field("id")})`,
            curl("/api/v1/keys/$id", "-X DELETE", CODE_ONLY),
          ].join("\n"),
          "x-expect": "204",
        },
      ],
    },
  },
};
