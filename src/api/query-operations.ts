import { z } from "zod";
import { type Content, curl, errors, type Operation, type Parameter, type Response } from "./operation.ts";

const metric = z.record(z.string(), z.string()).describe("Labels; the metric's name as `__name__`.");
const sample = z.tuple([z.number(), z.string()]).describe("Seconds since 1970, and the value as text.");

export const QueryAnswer = z.strictObject({
  status: z.literal("success"),
  data: z.discriminatedUnion("resultType", [
    z.strictObject({ resultType: z.literal("scalar"), result: sample }),
    z.strictObject({
      resultType: z.literal("vector"),
      result: z.array(z.strictObject({ metric, value: sample })),
    }),
    z.strictObject({
      resultType: z.literal("matrix"),
      result: z.array(z.strictObject({ metric, values: z.array(sample) })),
    }),
  ]),
  warnings: z.array(z.string()).optional().describe("Parameters that have no effect here."),
});

export const QueryRefused = z.strictObject({
  status: z.literal("error"),
  errorType: z
    .enum(["bad_data", "execution"])
    .describe("`execution`: it was understood, and costs too much or has no answer."),
  error: z.string().describe("Begins with line and column of what is wrong or not supported."),
});

const part = z.number().min(0).max(1);
const milliseconds = z.number().nullable().describe("Null: there is nothing to say.");

const traffic = {
  requests: z.number(),
  rps: z.number().describe("Requests a second."),
  errorRate: part.describe("Part that was answered with 5xx."),
  refusedRate: part.describe("Part that was answered with 4xx."),
  p50: milliseconds,
  p95: milliseconds,
  p99: milliseconds,
  mtls: part.describe("Part by callers whose identity is proven, or through a Gateway."),
  flags: z.record(z.string(), z.number()).describe("Requests by response flag."),
};

export const Graph = z.strictObject({
  window: z.int().describe("Seconds asked for."),
  covered: z
    .number()
    .describe("Seconds that it really covers: the history is kept in steps, and began when the mesh did."),
  nodes: z.array(
    z.strictObject({
      id: z.string(),
      kind: z
        .enum(["workload", "service", "gateway", "unknown"])
        .describe("`service`: the call ended before a workload was chosen. `unknown`: a caller without identity."),
      namespace: z.string(),
      name: z.string().describe("Of a workload of another mesh with `@` and its trust domain."),
      app: z.string(),
      version: z.string(),
      principal: z.string().nullable().describe("SPIFFE ID; null: none is proven or known."),
      inbound: z.strictObject(traffic).nullable().describe("All calls that reach it; null: none does."),
    }),
  ),
  edges: z
    .array(
      z.strictObject({
        from: z.string().describe("`id` of a node."),
        to: z.string(),
        protocol: z.string(),
        ...traffic,
      }),
    )
    .describe("The busiest first."),
});

export const QUERY_ANSWERED = { QueryAnswer, QueryRefused, Graph };

function json(name: keyof typeof QUERY_ANSWERED): Content {
  return { "application/json": { schema: { $ref: `#/components/schemas/${name}` } } };
}

function answer(description: string, name: keyof typeof QUERY_ANSWERED): Response {
  return { description, content: json(name) };
}

const REFUSED: Readonly<Record<string, Response>> = {
  "400": answer("A parameter is missing, or cannot be read.", "QueryRefused"),
  "422": answer("The expression has a fault, is not supported, or costs too much.", "QueryRefused"),
};

function query(name: string, description: string, schema: Parameter["schema"] = { type: "string" }): Parameter {
  return { name, in: "query", description, schema };
}

const EXPRESSION: Parameter = {
  ...query(
    "query",
    "Selectors with `=`, `!=`, `=~`, `!~` and ranges; rate, irate, increase, histogram_quantile, clamp_min, round, label_join, vector; sum, avg, min, max, count, topk with by and without; arithmetic, comparisons with bool, or with on and ignoring.",
  ),
  required: true,
};

function time(name: string, description: string): Parameter {
  return query(name, `${description} Seconds since 1970, or RFC 3339.`);
}

const NAMESPACE_ONLY =
  "A token of one namespace is told of calls to its workloads and services, and of calls from it; of routes those to its services. What came through a Gateway counts as a call of the Gateway's namespace, such as istio-system. Namespaces of the name `other` or `unknown` are told nothing: labels say so of what was folded, and of what nobody knows.";

/** Metrics without a Prometheus: for the dashboard, and for whatever asks one. */
export const QUERY_OPERATIONS: Readonly<Record<string, Readonly<Record<string, Operation>>>> = {
  "/api/v1/query": {
    get: {
      operationId: "query",
      security: [{ token: [] }, { password: [] }],
      summary: "Ask for metrics at one moment, as of a Prometheus",
      description: `A part of PromQL over the last 24 hours; whatever else is 422, by its name. The form is that of Prometheus' API, also of refusals. ${NAMESPACE_ONLY}`,
      tags: ["Mesh"],
      parameters: [EXPRESSION, time("time", "Absent: now.")],
      responses: { "200": answer("The value.", "QueryAnswer"), ...errors("Forbidden"), ...REFUSED },
      "x-tulle-role": "viewer",
      "x-codeSamples": [
        {
          lang: "curl",
          source: curl("/api/v1/query", "-G --data-urlencode 'query=sum(rate(istio_requests_total[5m])) or vector(0)'"),
          "x-expect": '{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[',
        },
        {
          lang: "curl",
          label: "What is refused",
          source: `${curl("/api/v1/query", "-G --data-urlencode 'query=absent(istio_build)'").replace(" --fail-with-body", "")} -w '\\n%{http_code}\\n'`,
          "x-expect": "1:1: `absent` is not supported\n422",
        },
      ],
    },
  },
  "/api/v1/query_range": {
    get: {
      operationId: "queryRange",
      security: [{ token: [] }, { password: [] }],
      summary: "Ask for metrics at each step of a time, as of a Prometheus",
      description: `At most 11,000 steps. There is a sample each 15 seconds within the last hour, and each minute before it. ${NAMESPACE_ONLY}`,
      tags: ["Mesh"],
      parameters: [
        EXPRESSION,
        { ...time("start", "The first step."), required: true },
        { ...time("end", "Where it ends."), required: true },
        { ...query("step", "A duration such as `15s`, or a number of seconds."), required: true },
      ],
      responses: { "200": answer("A value for each step.", "QueryAnswer"), ...errors("Forbidden"), ...REFUSED },
      "x-tulle-role": "viewer",
      "x-codeSamples": [
        {
          lang: "curl",
          source: curl("/api/v1/query_range", "-G --data-urlencode 'query=vector(1)' -d start=0 -d end=60 -d step=1m"),
          "x-expect": '"values":[[0,"1"],[60,"1"]]',
        },
      ],
    },
  },
  "/api/v1/graph": {
    get: {
      operationId: "graph",
      summary: "Who calls whom, how often, how well and how fast",
      description: NAMESPACE_ONLY,
      tags: ["Mesh"],
      parameters: [
        query("window", "Seconds back from now.", { type: "integer", minimum: 15, maximum: 86_400, default: 300 }),
        query("namespace", "Only edges that begin or end there."),
      ],
      responses: { "200": answer("The graph.", "Graph"), ...errors("BadRequest", "Forbidden", "Invalid") },
      "x-tulle-role": "viewer",
      "x-codeSamples": [{ lang: "curl", source: curl("/api/v1/graph?window=60"), "x-expect": { window: 60 } }],
    },
  },
};
