import type { Outcome } from "../../src/resilience/outlier.ts";
import type { Journal } from "../../src/telemetry/journal.ts";
import type { KeptCall, KeptCopy } from "../../src/telemetry/spans.ts";
import type { TracePlan } from "../../src/telemetry/trace-plan.ts";
import type { Call } from "./call.ts";
import type { End } from "./lease.ts";
import { beginOwnTrace } from "./trace-ids.ts";

/** Part of step 8: leaves a call to be reported, where it is sampled, failed, or was slow. */
export function keepCall(call: Call, plan: TracePlan, end: End, endedAt: number): void {
  if (plan.collector === null) return;
  const { journal, mesh } = call;
  // A call of Workers RPC brings no trace: what is known of it is here now.
  if (journal.protocol !== "http") journal.sampled = Math.random() < plan.share;
  const why = whyKept(journal, plan, end, endedAt);
  if (why === null) return;
  if (why !== "sampled" && !mesh.spans.takesUnsampled(endedAt)) return;
  if (journal.traceId === "") beginOwnTrace(journal);
  mesh.spans.add({ kind: "call", journal, plan, endedAt, why }, call.lease);
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
