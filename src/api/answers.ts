import { z } from "zod";

// What the plain API answers. Nothing is read by these schemas but by the tests that hold them against real answers; the
// OpenAPI document is made from them.

const epochMs = z.int().min(0);
const generation = z.int().min(0).describe("Number of the configuration; each write that changes it adds one.");

const Cause = z.strictObject({ reason: z.string(), field: z.string(), message: z.string() });

/** Kubernetes' form of every error. */
export const Status = z.strictObject({
  kind: z.literal("Status"),
  apiVersion: z.literal("v1"),
  metadata: z.strictObject({}),
  status: z.literal("Failure"),
  message: z.string().describe("For people."),
  reason: z.string().describe("For programs: one for each kind of failure."),
  details: z
    .strictObject({
      name: z.string().optional(),
      group: z.string().optional(),
      kind: z.string().optional().describe("Plural of the resource, or the kind where it is invalid."),
      causes: z.array(Cause).optional().describe("Each field that is wrong, with its path."),
      retryAfterSeconds: z.int().optional(),
    })
    .optional(),
  code: z.int().describe("The HTTP status again."),
});

const head = {
  apiVersion: z.string(),
  kind: z.string(),
  namespace: z.string().describe("Empty for what stands in none."),
  name: z.string(),
};

export const Applied = z.strictObject({
  generation,
  results: z.array(
    z.strictObject({
      ...head,
      action: z.enum(["created", "configured", "unchanged"]),
      resourceVersion: z.string().optional().describe("Absent where a dry run would create the object."),
      warnings: z.array(z.string()).describe("What was stored but does not do what it seems to."),
    }),
  ),
});

export const Registered = z.strictObject({
  namespace: z.string(),
  name: z.string().describe("Of the WorkloadEntry."),
  action: z.enum(["created", "configured", "unchanged"]),
  expiresAt: z.string().nullable().describe("When the entry is removed, unless it is renewed; null: never."),
  warnings: z.array(z.string()),
});

export const Findings = z.strictObject({
  generation,
  objects: z.int().min(0).describe("How many were looked at: all that the token reaches, without Secrets."),
  findings: z.array(
    z.strictObject({
      code: z.string().describe("As in findings.md; it never changes its meaning."),
      name: z.string().describe("The code in words."),
      severity: z.enum(["error", "warning", "info"]),
      istio: z.array(z.string()).describe("Codes of Istio's own analysis that say the same."),
      object: z.strictObject(head),
      field: z.string().describe("Path within the object; empty for the object as a whole."),
      message: z.string(),
    }),
  ),
});

/** A Status that tells of each document as well. */
export const ApplyRefused = z.strictObject({
  ...Status.shape,
  results: z
    .array(z.strictObject({ ...head, line: z.int().min(1), status: Status.optional() }))
    .describe("All documents in their order; those that were refused have a `status`."),
});

export const RolledBack = z.strictObject({
  generation,
  results: z.array(z.strictObject({ ...head, action: z.enum(["created", "configured", "deleted"]) })),
});

export const MeshStatus = z.strictObject({
  generation,
  resourceVersion: z.string(),
  watches: z.int().min(0).describe("Open ones."),
  version: z.string().describe("Control's."),
  migrations: z.array(z.string()).describe("Of its database, as they were applied."),
  gateways: z.array(
    z.strictObject({
      gateway: z.string(),
      generation: z.int().nullable().describe("Of the newest configuration made for it."),
      have: z.int().nullable().describe("Of what it had when it last looked."),
      seenAt: z.string().nullable().describe("RFC 3339; null: not lately: control remembers it until it sleeps."),
      bindings: z.array(z.string()),
      refused: z
        .strictObject({ code: z.string(), count: z.int() })
        .nullable()
        .describe("What it refused to take since it last took one."),
      format: z.int().describe("Version of the configuration's form that it reads."),
      version: z.string().nullable().describe("Its own; null: older than versions are told."),
      stateVersions: z.array(z.string()).describe("Of the state Workers that it hears news from now."),
      problem: z.string().nullable(),
    }),
  ),
  federation: z.array(
    z.strictObject({
      trustDomain: z.string(),
      url: z.string().describe("Of its bundle."),
      authorities: z
        .array(z.string())
        .describe("Certificates that speak for it, DER in base64; none: nothing good came."),
      sequence: z.int().nullable().describe("Of the bundle; null: it has no number."),
      fetchedAt: z.string().nullable().describe("RFC 3339: when the bundle that counts was last had."),
      problem: z.string().nullable().describe("Of the last try; the last good bundle counts on."),
    }),
  ),
});

const revision = {
  generation,
  at: z.string().describe("RFC 3339."),
  actor: z.string().describe("The token's name."),
  verb: z.string(),
};

export const Revisions = z.strictObject({
  revisions: z
    .array(z.strictObject({ ...revision, changes: z.int().describe("How many objects it changed.") }))
    .describe("Newest first."),
  oldest: z.int().describe("The oldest generation that is kept."),
});

export const Revision = z.strictObject({
  ...revision,
  changes: z.array(
    z.strictObject({
      type: z.enum(["ADDED", "MODIFIED", "DELETED"]),
      group: z.string(),
      kind: z.string(),
      namespace: z.string(),
      name: z.string(),
    }),
  ),
});

export const Audit = z.strictObject({
  entries: z
    .array(
      z.strictObject({
        id: z.int(),
        at: epochMs.describe("Epoch milliseconds."),
        actor: z.string(),
        verb: z.string(),
        targets: z.array(z.string()).describe("What was touched."),
        generation,
        previous: z.string().describe("The `hash` of the row before."),
        hash: z
          .string()
          .describe(
            "SHA-256 of the JSON list `[id, at, actor, verb, targets, generation, previous, account, detail]`, `targets` and `detail` as JSON in it, without the last two where both are null.",
          ),
        account: z.string().nullable().describe("`token/ID` or `session/ID`; null: the mesh itself, or nobody yet."),
        detail: z.record(z.string(), z.string()).nullable().describe("Whatever else there is to tell."),
      }),
    )
    .describe("Newest first; with `after` oldest first."),
  next: z.int().nullable().describe("Where the next page begins; null: there is none."),
});

const auditHead = z.strictObject({ id: z.int(), hash: z.string() });

const auditBreak = z.strictObject({
  at: epochMs.describe("Epoch milliseconds."),
  seen: auditHead.describe("The chain's end that had been seen, and was no more."),
  found: auditHead.nullable().describe("The chain's end in its place."),
  kept: auditHead
    .nullable()
    .describe("The last row found that had been seen before: up to it the chain is the one that was written."),
  accepted: auditHead
    .nullable()
    .describe("The row by which an administrator took it for a restore; null: nobody did, or it is no more."),
});
export const AuditRestored = auditBreak;

export const AuditVerified = z.strictObject({
  intact: z
    .boolean()
    .describe(
      "Nothing is broken in these rows, and no row that had been seen is gone but by restores that were accepted.",
    ),
  checked: z.int().min(0).describe("How many rows hold."),
  last: auditHead.nullable().describe("The last of them."),
  broken: z
    .strictObject({ id: z.int(), problem: z.enum(["missing", "changed", "unchained"]) })
    .nullable()
    .describe("The first row that does not hold."),
  breaks: z.array(auditBreak).describe("Oldest first, at most 100."),
  next: z.int().nullable().describe("The `after` of the next call; null: all rows were looked at."),
});

const change = z
  .union([
    z.strictObject({ op: z.enum(["remove", "remove-cookie"]), name: z.string() }),
    z.strictObject({ op: z.enum(["set", "add"]), name: z.string(), value: z.string() }),
    z.strictObject({ op: z.literal("set-payload"), name: z.string(), place: z.int() }),
  ])
  .describe("One change of a header.");

const retries = z.strictObject({
  attempts: z.int().describe("Calls after the first, at most."),
  explicit: z
    .literal(true)
    .exactOptional()
    .describe("The route itself asks for it: for methods that may do harm twice, too."),
  on: z.array(z.string()).describe("Conditions, as in `retryOn`."),
  statusCodes: z.array(z.int()),
  perTryTimeoutMs: z.int().exactOptional(),
  backoffMs: z.int().describe("Base of the wait before an attempt."),
  avoidPrevious: z.boolean().exactOptional().describe("Absent: unless a hash picks the endpoint."),
  remoteLocalities: z.literal(true).exactOptional(),
});

const delayMs = z.int().describe("A fault holds the request back for so many milliseconds first.");

const decidedOn = {
  route: z.string().nullable().describe("The VirtualService and its rule, or `default`."),
  cluster: z.string().nullable().describe("`outbound|PORT|SUBSET|HOST`."),
};

export const Decided = z.strictObject({
  generation,
  scope: z.string().describe("Where the host was found, or looked for first."),
  host: z.string(),
  slice: z.string().nullable().describe("Id of the configuration that was asked; null: none lists the host."),
  decision: z
    .union([
      z.strictObject({
        effect: z.literal("answer"),
        code: z.string().describe("As in the access log."),
        status: z.int(),
        body: z.string(),
        flag: z.string().describe("Envoy's response flag, or empty."),
        headers: z.array(z.tuple([z.string(), z.string()])),
        policy: z.string().nullable().describe("`NAMESPACE/NAME` of what decided."),
        ...decidedOn,
        delayMs,
      }),
      z.strictObject({
        effect: z.literal("forward"),
        ...decidedOn,
        picksByHash: z
          .boolean()
          .nullable()
          .describe("Whether the request has what its endpoint is picked by; null: the service picks by nothing."),
        path: z.string(),
        query: z.string().describe("Names alone."),
        authority: z.string().nullable().describe("Null: the caller's."),
        request: z.array(change),
        response: z.array(change),
        cors: z.array(change).describe("The part of `response` that an answer of the gateway's own gets as well."),
        refused: z
          .array(z.strictObject({ endpoint: z.string(), code: z.string(), policy: z.string().nullable() }))
          .describe("Endpoints whose own policies refuse."),
        byEndpoint: z.array(z.strictObject({ endpoint: z.string(), changes: z.array(change) })),
        requestPrincipal: z.string().nullable(),
        delayMs,
        heldMs: z
          .int()
          .describe("A rehearsal holds it for so many milliseconds, within the limits of what runs at a time."),
        retries: retries.nullable().describe("What follows a failed attempt; null: its answer stands."),
        timeoutMs: z.int().nullable().describe("For all attempts together; null: any."),
        idleTimeoutMs: z.int().nullable().describe("Without a byte of request or answer; null: any."),
        mirrors: z
          .array(z.strictObject({ cluster: z.string(), refused: z.string().nullable() }))
          .describe(
            "Who gets a copy; `refused` has the code where its own policies, or the lack of endpoints, are against it.",
          ),
      }),
    ])
    .describe("Either the gateway answers, or the request goes on to a service."),
  trace: z
    .array(
      z.strictObject({
        stage: z.enum(["host", "token", "gateway", "route", "destination", "filter", "limit", "mirror"]),
        name: z.string(),
        outcome: z.string(),
      }),
    )
    .describe("What was looked at, in order."),
  endpoints: z
    .array(z.strictObject({ endpoint: z.string(), workload: z.string(), weight: z.int() }))
    .describe("Those that may be called, if all are healthy."),
});
