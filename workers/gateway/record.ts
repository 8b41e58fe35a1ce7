import { isLogged } from "../../src/telemetry/sampling.ts";
import { beginTrace } from "../../src/telemetry/trace-context.ts";
import { type Call, callerOf } from "./call.ts";
import type { End } from "./lease.ts";
import type { Mesh } from "./mesh.ts";
import { randomHex } from "./random.ts";

/** Step 8, run once by the call's lease: gives back what the call held, then judges, counts and logs it. */
export function record(call: Call, end: End, mesh: Mesh): void {
  call.release?.();
  if (call.sent && call.endpoint !== null) mesh.active.remove(call.endpoint);
  const now = Date.now();
  judge(call, end, mesh, now);
  tell(call, end, mesh, now);
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

/** Counts and logs, from the journal alone. */
function tell({ journal }: Call, end: End, mesh: Mesh, now: number): void {
  if (end !== "ok") {
    journal.flag = end;
    journal.details = DETAILS[end];
  }
  mesh.series.add(journal, now - journal.startedAt);
  if (!isLogged(journal, mesh.logOneIn, Math.random())) return;
  if (journal.traceId === "") {
    // Refused before its trace was read: the line's ids are its own.
    const trace = beginTrace(randomHex(48));
    journal.traceId = trace.traceId;
    journal.spanId = trace.spanId;
  }
  // As text: an object costs the runtime twice as much to print.
  console.log(mesh.log.line(journal, mesh.location, now));
}

const DETAILS = {
  DC: "downstream_remote_disconnect",
  UC: "upstream_reset_after_headers",
  UT: "response_timeout",
} satisfies Record<Exclude<End, "ok">, string>;
