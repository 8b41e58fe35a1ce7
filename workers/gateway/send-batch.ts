import { pickEndpoint } from "../../src/decide/attempts.ts";
import type { Whereabouts } from "../../src/request/entrance.ts";
import { type LinkedCluster, linkAlone } from "../../src/snapshot/link.ts";
import type { Collector } from "../../src/snapshot/tracing-model.ts";
import { readOtlpAnswer } from "../../src/telemetry/otlp.ts";
import { type Backend, backendFor } from "./backend.ts";
import type { Callers } from "./callers.ts";
import type { Env } from "./env.ts";
import type { Sent } from "./batch-exporter.ts";

/** Of an answer so much is read: what a collector says of rejected spans is short. */
const MAX_ANSWER_BYTES = 65_536;

/** A collector lives as long as its root. */
const linked = new WeakMap<Collector, LinkedCluster>();

function clusterOf(collector: Collector): LinkedCluster {
  let cluster = linked.get(collector);
  if (cluster === undefined) linked.set(collector, (cluster = linkAlone(collector.cluster)));
  return cluster;
}

/** What of the isolate is asked for the way. */
interface Isolate {
  readonly env: Env;
  readonly callers: Callers;
  readonly whereabouts: Whereabouts | null;
}

/** Sends a batch to an endpoint of the collector's service, which is judged by it as by any call. Never rejects. */
export async function sendBatch(isolate: Isolate, collector: Collector, body: string): Promise<Sent> {
  const view = isolate.callers.view("-", clusterOf(collector));
  const seed = Math.floor(Math.random() * 4_294_967_296) | 0;
  const endpoint = pickEndpoint(view.cluster, view.at(Date.now(), isolate.whereabouts, view.turns.first()), seed);
  const backend = endpoint && backendFor(endpoint.address, null, undefined, isolate.env);
  if (endpoint === null || backend === null) return { kind: "failed", reason: "no_endpoint" };
  const abort = new AbortController();
  const late = Promise.withResolvers<"late">();
  const timer = setTimeout(() => {
    abort.abort();
    late.resolve("late");
  }, collector.timeoutMs);
  try {
    const sent = await Promise.race([post(collector, backend, body, abort.signal), late.promise]);
    const outcome = sent === "late" ? "timeout" : sent.status;
    view.judge(endpoint, outcome, Date.now());
    return sent === "late" ? { kind: "failed", reason: "timeout" } : sent.sent;
  } catch {
    view.judge(endpoint, abort.signal.aborted ? "timeout" : "reset", Date.now());
    return { kind: "failed", reason: abort.signal.aborted ? "timeout" : "unreachable" };
  } finally {
    clearTimeout(timer);
  }
}

async function post(
  collector: Collector,
  backend: Backend,
  body: string,
  signal: AbortSignal,
): Promise<{ readonly status: number; readonly sent: Sent }> {
  const { host } = collector.cluster.service;
  const headers = new Headers({ "content-type": "application/json" });
  for (const [name, value] of collector.headers ?? []) headers.set(name, value);
  // To a private address the runtime sends none by itself.
  headers.set("host", backend.ownHost ?? `${host}:${collector.cluster.port}`);
  const init: RequestInit = { method: "POST", headers, body, redirect: "manual", signal };
  if (backend.cached) init.cache = "no-store";
  const origin = backend.origin ?? `http://${host}:${collector.cluster.port}`;
  const response = await backend.fetch(`${origin}${collector.path}`, init);
  const { status } = response;
  if (status !== 200) {
    await response.body?.cancel().catch(() => undefined);
    // 202 and 204 take them as well, though OTLP knows 200 alone.
    const isTaken = status === 202 || status === 204;
    return { status, sent: isTaken ? { kind: "taken", rejected: 0 } : { kind: "failed", reason: "status" } };
  }
  const text = await boundedText(response.body);
  const answer = text === null ? ({ kind: "wrong" } as const) : readOtlpAnswer(text);
  return { status, sent: answer.kind === "taken" ? answer : { kind: "failed", reason: "answer" } };
}

/** @returns null for what is longer than any answer of a collector */
async function boundedText(body: ReadableStream<Uint8Array> | null): Promise<string | null> {
  if (body === null) return "";
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    text += decoder.decode(value, { stream: true });
    if (text.length <= MAX_ANSWER_BYTES) continue;
    reader.cancel().catch(() => undefined);
    return null;
  }
}
