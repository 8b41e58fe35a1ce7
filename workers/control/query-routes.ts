import { type Context, Hono } from "hono";
import { failure } from "../../src/kube/status.ts";
import { asksFor } from "../../src/query/names.ts";
import { type QueryRequest, readInstantQuery, readRangeQuery } from "../../src/query/parameters.ts";
import { parseQuery } from "../../src/query/parse.ts";
import type { QueryError } from "../../src/query/syntax.ts";
import { isDnsLabel } from "../../src/resources/names.ts";
import type { Result } from "../../src/result.ts";
import { GAUGE_NAMES } from "../../src/telemetry/gauges.ts";
import { inNamespace } from "../../src/telemetry/graph.ts";
import type { Gauge } from "../../src/telemetry/rollup-history.ts";
import type { SeriesViewer } from "../../src/telemetry/series-visibility.ts";
import { answer, type Api, meshConfig, needsPath } from "./access.ts";
import type { Env } from "./env.ts";
import { gaugesOf } from "./scrape.ts";

const DEFAULT_WINDOW_SECONDS = 300;
const MIN_WINDOW_SECONDS = 15;
const MAX_WINDOW_SECONDS = 86_400;

/** Metrics as of a Prometheus, and the graph that is made of them. */
export function queryRoutes(): Hono<Api> {
  const app = new Hono<Api>();
  for (const path of ["/query", "/query_range", "/graph"]) app.use(path, needsPath);
  app.get("/query", async (c) => answerQuery(c, readInstantQuery(c.req.query(), Date.now())));
  app.get("/query_range", async (c) => answerQuery(c, readRangeQuery(c.req.query())));
  app.get("/graph", async (c) => {
    const { window = String(DEFAULT_WINDOW_SECONDS), namespace } = c.req.query();
    const seconds = /^\d{1,6}$/.test(window) ? Number(window) : Number.NaN;
    if (!(seconds >= MIN_WINDOW_SECONDS && seconds <= MAX_WINDOW_SECONDS))
      return answer(c, failure("BadRequest", "`window` is a whole number of seconds, 15 to 86400"));
    if (namespace !== undefined && !isDnsLabel(namespace))
      return answer(c, failure("BadRequest", "`namespace` is no name of a namespace"));
    const graph = await telemetry(c.env).graph(seconds, await viewerOf(c));
    if (!graph.ok) return answer(c, failure("Invalid", graph.error));
    return c.json(namespace === undefined ? graph.value : inNamespace(graph.value, namespace));
  });
  return app;
}

async function answerQuery(c: Context<Api>, request: Result<QueryRequest, string>): Promise<Response> {
  if (!request.ok) return c.json({ status: "error", errorType: "bad_data", error: request.error }, 400);
  const { query, times, warnings } = request.value;
  const [viewer, gauges] = await Promise.all([viewerOf(c), shownNow(c.env, query)]);
  const data = await telemetry(c.env).query(query, times, viewer, gauges);
  if (!data.ok) {
    const { code, message } = data.error;
    return c.json({ status: "error", errorType: errorTypeOf(code), error: message }, 422);
  }
  const more = warnings.length === 0 ? "" : `,"warnings":${JSON.stringify(warnings)}`;
  const text = `{"status":"success","data":${data.value}${more}}`;
  return c.body(text, 200, { "content-type": "application/json", "cache-control": "no-store" });
}

function errorTypeOf(code: QueryError["code"]): "bad_data" | "execution" {
  switch (code) {
    case "query_invalid":
    case "query_unsupported":
      return "bad_data";
    case "query_too_large":
    case "query_failed":
      return "execution";
  }
}

function telemetry(env: Env) {
  return env.TELEMETRY.getByName("telemetry");
}

async function viewerOf(c: Context<Api>): Promise<SeriesViewer> {
  const { namespace } = c.var.account;
  if (namespace === null) return { namespace, trustDomains: [] };
  const { trustDomainAliases = [] } = await meshConfig(c);
  return { namespace, trustDomains: [c.env.TRUST_DOMAIN, ...trustDomainAliases] };
}

/** What `/metrics` shows that is known for now alone. Who asks for none of it asks no other part of control. */
async function shownNow(env: Env, query: string): Promise<readonly Gauge[]> {
  const parsed = parseQuery(query);
  if (!parsed.ok || !asksFor(parsed.value, GAUGE_NAMES)) return [];
  return Object.entries(await gaugesOf(env)).flatMap(([name, samples]) =>
    samples.map(({ labels, value }) => ({ name, labels: Object.entries(labels), value })),
  );
}
