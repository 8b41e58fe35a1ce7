import type { Workload } from "../../src/snapshot/model.ts";
import { accessRecord } from "../../src/telemetry/access-log.ts";
import { type MetricLabels, seriesKey } from "../../src/telemetry/metrics.ts";
import { traceContext } from "../../src/telemetry/trace-context.ts";
import { type Call, callerOf } from "./call.ts";
import type { End } from "./lease.ts";
import { randomBytes } from "./random.ts";
import type { Mesh } from "./mesh.ts";

/** Istio's word for what it does not know. */
const UNKNOWN = "unknown";

/** Step 8, run once by the call's lease: gives back what the call held, then judges, counts and logs it. */
export function record(call: Call, end: End, mesh: Mesh): void {
  call.release?.();
  if (call.attempts > 0 && call.endpoint !== null) mesh.active.remove(call.endpoint);
  const now = Date.now();
  const flag = end === "ok" ? call.flag : end;
  judge(call, end, mesh, now);
  count(call, flag, mesh, now - call.startedAt);
  log(call, end, flag, mesh, now);
}

/** A client that went away says nothing of the service; a body that broke off or came too late does. */
function judge(call: Call, end: End, mesh: Mesh, now: number): void {
  const { cluster, endpoint } = call;
  if (end === "DC" || cluster === null || endpoint === null) return;
  const { outlier, endpoints, id } = cluster.model;
  const outcome = end === "ok" ? call.outcome : "gateway_error";
  if (outcome === null || outlier === undefined) return;
  const key = { caller: callerOf(call), cluster: id, endpoint: endpoint.id };
  mesh.configuration.outcomes.record(key, outlier, endpoints.length, outcome, now);
}

/** In one gateway both of Istio's reporters are one hop. */
function count(call: Call, flag: string, mesh: Mesh, durationMs: number): void {
  const { metrics } = mesh.configuration;
  for (const key of seriesOf(call, flag)) metrics.add(key, durationMs);
}

/** Series by what their labels are made of: the same few come again and again, and each is a long text. */
const seriesKeys = new Map<string, readonly string[]>();
const MAX_SERIES_KEYS = 5_000;

function seriesOf(call: Call, flag: string): readonly string[] {
  const { generation, cluster, endpoint, status, source, peer, entrance } = call;
  const props = entrance.kind === "mesh" ? entrance.props : null;
  const caller = `${source?.principal} ${peer.principal} ${peer.by} ${props?.workload} ${props?.app} ${props?.version}`;
  const made = `${generation} ${cluster?.model.id} ${endpoint?.id} ${status} ${flag} ${caller}`;
  let keys = seriesKeys.get(made);
  if (!keys) {
    if (seriesKeys.size >= MAX_SERIES_KEYS) seriesKeys.clear();
    keys = (["source", "destination"] as const).map((reporter) => seriesKey(labels(call, flag, reporter)));
    seriesKeys.set(made, keys);
  }
  return keys;
}

function labels(call: Call, flag: string, reporter: "source" | "destination"): MetricLabels {
  const service = call.cluster?.model.service;
  const source = sourceOf(call);
  const destination = call.endpoint?.workload;
  return {
    reporter,
    source_workload: source.name,
    source_workload_namespace: source.namespace,
    source_principal: spiffe(source.principal),
    source_app: source.app,
    source_version: source.version,
    source_canonical_service: source.app,
    source_canonical_revision: source.version,
    source_cluster: UNKNOWN,
    destination_workload: destination?.name ?? UNKNOWN,
    destination_workload_namespace: destination?.namespace ?? UNKNOWN,
    destination_principal: spiffe(destination?.principal ?? null),
    destination_app: destination?.app ?? UNKNOWN,
    destination_version: destination?.version ?? UNKNOWN,
    destination_service: service?.host ?? UNKNOWN,
    destination_service_name: service?.name ?? UNKNOWN,
    destination_service_namespace: service?.namespace ?? UNKNOWN,
    destination_canonical_service: destination?.app ?? UNKNOWN,
    destination_canonical_revision: destination?.version ?? UNKNOWN,
    destination_cluster: UNKNOWN,
    request_protocol: "http",
    response_code: String(call.status),
    response_flags: flag,
    connection_security_policy:
      reporter === "source" ? UNKNOWN : call.peer.by === "none" && call.source === null ? "none" : "mutual_tls",
    grpc_response_status: "",
  };
}

function spiffe(principal: string | null): string {
  return principal === null ? UNKNOWN : `spiffe://${principal}`;
}

/** The Gateway for what came through one, else the workload that the deployer named, else what the certificate proves. */
function sourceOf({ source, entrance, peer }: Call): Workload {
  if (source !== null) return source;
  const props = entrance.kind === "mesh" ? entrance.props : null;
  return {
    name: props?.workload ?? UNKNOWN,
    namespace: peer.namespace ?? UNKNOWN,
    principal: peer.principal,
    app: props?.app ?? UNKNOWN,
    version: props?.version ?? UNKNOWN,
  };
}

function log(call: Call, end: End, flag: string, mesh: Mesh, now: number): void {
  const { received, cluster, endpoint, request } = call;
  const trace = call.trace ?? traceContext(null, null, false, randomBytes(24));
  const line = accessRecord({
    startedAt: call.startedAt,
    request_id: call.requestId,
    trace_id: trace.traceId,
    span_id: trace.spanId,
    gateway: mesh.env.GATEWAY_NAME,
    location: mesh.location,
    generation: call.generation,
    scope: call.scope,
    method: request.method,
    scheme: received?.scheme ?? "http",
    authority: received?.authority ?? request.headers.get("host") ?? "",
    path: call.path,
    query: received?.target.query ?? "",
    status: call.status,
    response_flags: flag,
    details: end === "ok" ? call.details : DETAILS[end],
    policy: call.policy,
    source_principal: call.peer.principal,
    source_workload: sourceOf(call).name,
    request_principal: call.requestPrincipal,
    peer_refused: call.peerRefused,
    route: call.route?.model.name ?? null,
    cluster: cluster?.model.id ?? null,
    endpoint: endpoint?.id ?? null,
    destination_service: cluster?.model.service.host ?? null,
    destination_principal: endpoint?.workload.principal ?? null,
    duration_ms: now - call.startedAt,
    upstream_ms: call.upstreamMs,
    bytes_sent: call.bytes,
    attempts: call.attempts,
    user_agent: request.headers.get("user-agent"),
    client_ip: received?.clientIp ?? null,
  });
  // As text: an object costs the runtime twice as much to print.
  console.log(JSON.stringify(line));
}

const DETAILS = {
  DC: "downstream_remote_disconnect",
  UC: "upstream_reset_after_headers",
  UT: "response_timeout",
} satisfies Record<Exclude<End, "ok">, string>;
