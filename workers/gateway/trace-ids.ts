import type { Journal } from "../../src/telemetry/journal.ts";
import { beginTrace } from "../../src/telemetry/trace-context.ts";
import { randomHex } from "./random.ts";

/** Of what was refused before its trace was read, and of Workers RPC, which carries none. */
export function beginOwnTrace(journal: Journal): void {
  const trace = beginTrace(randomHex(48));
  journal.traceId = trace.traceId;
  journal.spanId = trace.spanId;
}

/** Each line has the ids of a trace. */
export function withTrace(journal: Journal): Journal {
  if (journal.traceId === "") beginOwnTrace(journal);
  return journal;
}
