import type { Outcome } from "../../src/resilience/outlier.ts";
import type { Journal } from "../../src/telemetry/journal.ts";
import { spanSettings } from "../../src/telemetry/span-settings.ts";
import type { KeptCall, KeptCopy } from "../../src/telemetry/spans.ts";
import type { TracePlan } from "../../src/telemetry/trace-plan.ts";
import type { Call } from "./call.ts";
import type { End } from "./lease.ts";
import { beginOwnTrace } from "./trace-ids.ts";

/** Part of step 8: leaves a call to be reported, where it is sampled, failed, or was slow. */
export function keepCall(call: Call, own: TracePlan, end: End, endedAt: number): void {
  const { journal, mesh } = call;
  const { plan, told } = spansFor(call, own, endedAt);
  if (plan.collector === null) return;
  // A call of Workers RPC brings no trace: what is known of it is here now.
  if (journal.protocol !== "http") journal.sampled = Math.random() < plan.share;
  const why = whyKept(journal, plan, end, endedAt);
  if (why === null) return;
  if (why !== "sampled" && !mesh.spans.takesUnsampled(endedAt)) return;
  if (journal.traceId === "") beginOwnTrace(journal);
  mesh.spans.add({ kind: "call", journal, plan, endedAt, why, ...(told && { told }) }, call.lease);
}

/** Spans of both sides go to one provider: the caller's, else the service's. */
function spansFor(
  call: Call,
  own: TracePlan,
  endedAt: number,
): { readonly plan: TracePlan; readonly told: KeptCall["told"] | null } {
  const { journal, mesh } = call;
  const { telemetry } = mesh.configuration;
  if (telemetry === null) return { plan: own, told: null };
  const { client, server } = telemetry.of(journal, call.slice.model);
  const plan = journal.protocol === "http" ? own : (client.plan ?? own);
  // A Gateway's own span is told of as its calls are.
  const serving = journal.gateway === null && server !== null ? server.plan : plan;
  const settingsOf = (one: TracePlan | null) =>
    one === null || one.collector === null ? null : spanSettings(one, journal, mesh.env.GATEWAY_NAME, endedAt);
  return {
    plan: plan.collector === null && serving !== null ? serving : plan,
    told: { server: settingsOf(serving), client: settingsOf(plan) },
  };
}

const SERVER_ERROR = 500;

function whyKept(journal: Journal, plan: TracePlan, end: End, endedAt: number): KeptCall["why"] | null {
  if (journal.sampled) return "sampled";
  if (plan.keepsErrors && (journal.status >= SERVER_ERROR || end === "UC" || end === "UT")) return "error";
  const { startedAt, sentAt, upstreamMs } = journal;
  // A long body is no slow answer.
  const answeredAt = upstreamMs === null ? endedAt : sentAt + upstreamMs;
  return answeredAt - startedAt > plan.slowMs ? "slow" : null;
}

/** Leaves a copy of a sampled call to be reported. */
export function keepCopy(
  { journal, mesh, lease }: Call,
  plan: TracePlan,
  copy: Pick<KeptCopy, "endpoint" | "cluster" | "at" | "sentAt" | "endedAt">,
  outcome: Outcome,
): void {
  const end = typeof outcome === "number" ? { status: outcome, failure: null } : { status: null, failure: outcome };
  mesh.spans.add({ kind: "copy", journal, plan, ...copy, ...end }, lease);
}
