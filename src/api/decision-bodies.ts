import { z } from "zod";
import type { HypotheticalFacts } from "../decide/hypothetical-facts.ts";
import type { WrittenFacts } from "../decide/written.ts";

// What `POST /api/v1/decide` reads: a request that nobody sent, or a record of one that somebody did.

const SCOPE =
  /^(mesh\/(\*|[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\/[a-z0-9.-]{1,253})?)|gw\/(\*|[a-z0-9.-]+\/[a-z0-9.-]+\/\d{1,5}))$/;

const scope = z
  .string()
  .regex(SCOPE, "must be `mesh/*`, `mesh/NAMESPACE`, `mesh/NAMESPACE/ACCOUNT`, `gw/*` or `gw/NAMESPACE/NAME/PORT`")
  .optional()
  .describe(
    "Where the host is looked up: `mesh/*`, `mesh/NAMESPACE`, `mesh/NAMESPACE/ACCOUNT`, `gw/NAMESPACE/NAME/PORT` (a Gateway's listener) or `gw/*`. Absent: the mesh, as the peer sees it.",
  );

/** Bytes that a request line can hold; others come escaped. */
const text = (pattern: RegExp, message: string) => z.string().max(16_384).regex(pattern, message);
const protocol = z.enum(["http", "workers-rpc"]);
const scheme = z.enum(["http", "https"]);
const port = z.int().min(1).max(65_535);
const headerValue = text(/^[\t\u0020-\u007e\u0080-\u00ff]*$/, "must be a header's value, without line breaks");
const headerName = z
  .string()
  .max(256)
  .regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, "must be a header's name");
const refusal = z.enum(["jwt_invalid", "jwt_audience", "jwks_unavailable"]);

const Token = z.strictObject({
  issuer: z.string().min(1).max(2_048).describe("It is looked for where rules name this issuer."),
  subject: z.string().max(2_048).default(""),
  audiences: z.array(z.string().max(2_048)).max(100).default([]),
  presenter: z.string().max(2_048).nullable().default(null).describe("The claim `azp`."),
  claims: z.record(z.string(), z.unknown()).default({}).describe("Further ones."),
  refused: refusal.optional().describe("It does not verify, for this reason. Absent: it does."),
});

const labels = z.record(z.string().max(317), z.string().max(63));

const Key = z.strictObject({
  namespace: z.string().min(1).max(63).describe("Whose it is."),
  name: z.string().min(1).max(63),
  id: z.string().max(64).default(""),
  plan: z.string().max(63).nullable().default(null),
  labels: labels.default({}),
  refused: z
    .enum(["unknown", "expired", "revoked", "unavailable"])
    .optional()
    .describe("It is none, for this reason. Absent: it is good."),
});

const Check = z.strictObject({
  provider: z.string().min(1).max(253).describe("Its name among `extensionProviders`."),
  status: z.int().min(100).max(599).optional().describe("Of its answer. Absent: it cannot be asked."),
  headers: z
    .record(headerName, z.union([headerValue, z.array(headerValue).max(100)]))
    .default({})
    .describe("Of its answer."),
});

const ClientTlsFact = z.strictObject({
  version: z.string().max(20).nullable().describe("`TLSv1.3`"),
  cipher: z.string().max(100).nullable().describe("OpenSSL's name."),
  certificate: z
    .strictObject({
      verified: z.boolean().describe("Whether the platform says so."),
      hash: z.string().max(64).describe("SHA-256 of the certificate, hex."),
      spki: z.string().max(44).describe("SHA-256 of its public key, base64."),
      names: z.array(z.string().max(2_060)).max(100).describe("Its subjectAltNames."),
    })
    .nullable(),
});

const Hypothetical = z.strictObject({
  protocol: protocol
    .optional()
    .describe("`workers-rpc`: a call of Workers RPC, `POST` to `/ENTRYPOINT/METHOD`. Absent: `http`."),
  method: text(/^[A-Za-z]+$/, "must be a method")
    .default("GET")
    .describe("As sent."),
  scheme: scheme.optional().describe("Absent: https at a listener of port 443, else http."),
  host: text(/^[^\s/?#@\\]+$/, "must be a host, with its port where it has one").describe(
    "What is called, with a port or without.",
  ),
  authority: text(/^[^\s]+$/, "must be a host")
    .optional()
    .describe("The Host header, where it is another one."),
  port: port.optional().describe("Of the service that is dialled, or of the listener. Absent: that of `host`."),
  path: text(/^\/[\u0021-\u007e]*$/, "must begin with `/`, with blanks and other bytes than ASCII's escaped")
    .refine((path) => !/[?#]/.test(path), "must not hold `?` or `#`; what follows `?` is `query`")
    .default("/")
    .describe("As sent, without the query."),
  query: text(/^[\u0021-\u007e]*$/, "must have blanks and other bytes than ASCII's escaped")
    .refine((query) => !/^\?|#/.test(query), "must not begin with `?` or hold `#`")
    .default("")
    .describe("As sent, without `?`."),
  headers: z
    .record(headerName, z.union([headerValue, z.array(headerValue).max(100)]))
    .default({})
    .describe("As sent; a list is several lines of one name."),
  peer: z
    .strictObject({ principal: z.string().max(2_060).describe("A SPIFFE ID, with `spiffe://` or without.") })
    .nullable()
    .default(null)
    .describe("Who calls, proven by a binding or a certificate; null: nobody."),
  clientIp: text(/^[0-9A-Fa-f.:]{2,45}$/, "must be an address")
    .nullable()
    .default(null)
    .describe("The client's address; null in the mesh."),
  tls: ClientTlsFact.optional().describe(
    "Of the client, where a Gateway asks for it. Absent: TLS 1.3 where the scheme is https, with the peer's certificate.",
  ),
  tokens: z
    .array(Token)
    .max(20)
    .default([])
    .describe(
      "Tokens that are taken as verified. Each stands where rules look for one of its issuer; the request needs to hold none.",
    ),
  apiKey: Key.optional().describe(
    "An API key, which stands wherever one is looked for; the request needs to hold none. Absent: what its headers hold.",
  ),
  checks: z.array(Check).max(20).default([]).describe("What external authorizers answer that are asked."),
  startedAt: z.int().min(0).max(253_402_300_799_999).default(0).describe("When it comes, epoch milliseconds."),
  seed: z.int().min(-2_147_483_648).max(4_294_967_295).default(0).describe("What all draws are worked out of."),
});

const takenLimit = z.strictObject({
  name: z.string(),
  verdict: z.enum(["taken", "over", "failed", "missing"]),
  quota: z.number(),
  windowMs: z.number(),
  left: z.number(),
  resetMs: z.number(),
  retryAfterMs: z.number(),
});

const fact = z.discriminatedUnion("ok", [
  z.strictObject({
    ok: z.literal(true),
    principal: z.string(),
    issuer: z.string(),
    subject: z.string(),
    audiences: z.array(z.string()),
    presenter: z.string().nullable(),
    claims: z.record(z.string(), z.unknown()),
    spaceDelimited: z.array(z.string()),
    rule: z.int().min(0),
  }),
  z.strictObject({ ok: z.literal(false), code: refusal, detail: z.string() }),
]);

const keyFact = z.discriminatedUnion("state", [
  z.strictObject({
    state: z.literal("known"),
    key: z.strictObject({
      id: z.string(),
      name: z.string(),
      namespace: z.string(),
      plan: z.string().nullable(),
      labels,
      expiresAt: z.number().nullable(),
    }),
  }),
  z.strictObject({ state: z.literal("revoked"), namespace: z.string() }),
  z.strictObject({ state: z.enum(["unknown", "malformed", "unavailable"]) }),
]);

const headerLines = z.array(z.tuple([z.string(), z.string()]));

const check = z.discriminatedUnion("verdict", [
  z.strictObject({
    verdict: z.literal("allowed"),
    toService: z.record(z.string(), z.string()),
    removed: z.array(z.string()).exactOptional(),
    toClient: headerLines,
  }),
  z.strictObject({
    verdict: z.literal("denied"),
    status: z.int().min(200).max(599),
    headers: headerLines,
    body: z.string(),
  }),
  z.strictObject({
    verdict: z.literal("failed"),
    reason: z.enum(["timeout", "unreachable", "no_endpoint", "overflow", "answer"]),
  }),
]);

const Recorded = z.strictObject({
  protocol: protocol.default("http"),
  method: z.string(),
  scheme,
  host: z.string(),
  authority: z.string(),
  port,
  path: z.string(),
  forwardPath: z.string(),
  query: z.string(),
  headers: z.record(z.string(), z.string()),
  entrance: z.enum(["public", "mesh"]),
  sourceIp: z.string().nullable().optional(),
  clientIp: z.string().nullable(),
  peer: z.strictObject({
    principal: z.string().nullable(),
    namespace: z.string().nullable(),
    trustDomain: z.string().nullable(),
    by: z.enum(["certificate", "binding", "gateway", "none"]),
  }),
  tls: ClientTlsFact.nullable().default(null),
  startedAt: z.int().min(0).max(253_402_300_799_999).default(0),
  seed: z.int(),
  tokens: z.record(z.string(), fact.nullable()),
  apiKeys: z.record(z.string(), keyFact.nullable()).exactOptional(),
  checks: z.record(z.string(), check).exactOptional(),
  limits: z.strictObject({ limits: z.array(takenLimit) }).exactOptional(),
  conclusions: z.record(z.string(), z.boolean()),
}) satisfies z.ZodType<WrittenFacts>;

export const HypotheticalDecision = z.strictObject({ scope, facts: Hypothetical }) satisfies z.ZodType<{
  facts: HypotheticalFacts;
}>;
/** The same as other bodies take it up. */
export const AskedRequest = z.strictObject({ scope, facts: Hypothetical });
export const RecordedDecision = z.strictObject({ scope, facts: Recorded });

/** For the document; which of the two a body is, its `conclusions` tell. */
export const WantedDecision = z.strictObject({
  scope,
  facts: z
    .union([Hypothetical, Recorded])
    .describe(
      "A request that nobody sent, or the record of one: that has `conclusions`, which stand for what it leaves out.",
    ),
});
