import type { OwedAsk } from "../../src/limits/answer-cost.ts";
import type { LinkedSlice } from "../../src/snapshot/link.ts";
import type { Slice } from "../../src/snapshot/model.ts";
import { withFlag } from "../../src/telemetry/flags.ts";
import { shadowCounts } from "../../src/telemetry/shadow-log.ts";
import { LOCAL_MARK, type LogWriter } from "../../src/telemetry/log-format.ts";
import { isLogged } from "../../src/telemetry/sampling.ts";
import { type Sink, type TelemetryIndex, wants } from "../../src/telemetry/told.ts";
import type { Call } from "./call.ts";
import { keepCall } from "./keep-call.ts";
import type { End } from "./lease.ts";
import { withTrace } from "./trace-ids.ts";

/** Step 8, run once by the call's lease: gives back what the call held, then judges, counts and logs it. */
export function record(call: Call, end: End): void {
  const now = Date.now();
  const { ticket, attempt, budget, keptBytes, mesh } = call;
  if (ticket !== null) call.view.pool.leave(ticket, call.forward.cluster.model.pool, now);
  budget?.end();
  if (call.retrying) budget?.give();
  attempt?.settle(end, now);
  if (keptBytes > 0) mesh.memory.give(keptBytes);
  if (call.owes !== null) pay(call, call.owes);
  tell(call, end, now);
  // Whoever keeps the journal longer keeps no headers with it.
  call.journal.headers = null;
  call.journal.answer = null;
}

/** Charges its limits what the answer cost, off the request's path. */
function pay({ journal, mesh, lease }: Call, owes: readonly OwedAsk[]): void {
  const { status: code, bytes: size, answer } = journal;
  const paid = mesh.limits.charge(owes, { code, size, header: (name) => answer?.get(name) ?? null });
  if (paid !== null) lease.waitUntil(paid);
}

/** Counts and logs, from the journal alone. */
function tell(call: Call, end: End, now: number): void {
  const { journal, mesh } = call;
  if (end !== "ok") {
    journal.flag = end;
    journal.details = DETAILS[end];
  }
  if (journal.delayed) journal.flag = withFlag(journal.flag, "DI");
  if (journal.notRetried !== null) journal.flag = withFlag(journal.flag, journal.notRetried);
  if (call.plan !== null) keepCall(call, call.plan, end, now);
  mesh.recorder?.offer(call, now);
  const { telemetry } = mesh.configuration;
  mesh.series.add(journal, now, telemetry, sliceOf(call));
  if (journal.notes !== null)
    for (const key of shadowCounts(journal.notes, journal.cluster)) mesh.configuration.count(key);
  journal.endedAt = now;
  mesh.configuration.tails.keep(journal);
  if (!isLogged(journal, mesh.logOneIn, Math.random())) return;
  if (telemetry === null) print(jsonLine(call, now));
  else writeAsTold(call, telemetry, now);
}

/** Undefined: the call ended before its host was found. */
function sliceOf({ slice }: { readonly slice: LinkedSlice | undefined }): Slice | undefined {
  return slice?.model;
}

/** A line for each provider that wants one. */
function writeAsTold(call: Call, telemetry: TelemetryIndex, now: number): void {
  const { mesh } = call;
  const journal = withTrace(call.journal);
  const mark = mesh.deployment.local ? LOCAL_MARK : "";
  for (const sink of telemetry.of(journal, sliceOf(call)).sinks) {
    if (!wants(sink, journal, now)) continue;
    if (sink.to !== null && sink.write !== null) keepLine(call, sink.provider, sink.to, sink.write, now);
    else print(sink.write === null ? jsonLine(call, now) : mark + sink.write(journal, mesh.env.GATEWAY_NAME, now));
  }
}

/** Leaves a line to be sent: it is written now, while the headers that it may name are here. */
function keepLine(
  { journal, mesh, lease }: Call,
  provider: string,
  { collector, name }: NonNullable<Sink["to"]>,
  write: LogWriter,
  now: number,
): void {
  mesh.lines.add(provider, collector, { name, record: write(journal, mesh.env.GATEWAY_NAME, now) }, lease);
}

/** Made once: an open tail may want it, too. */
function jsonLine({ journal, mesh }: Call, now: number): string {
  journal.line ??= mesh.log.line(withTrace(journal), mesh.location, now);
  return journal.line;
}

/** As text: an object costs the runtime twice as much to print. */
function print(line: string): void {
  console.log(line);
}

const DETAILS = {
  DC: "downstream_remote_disconnect",
  UC: "upstream_reset_after_headers",
  UT: "response_timeout",
} satisfies Record<Exclude<End, "ok">, string>;
