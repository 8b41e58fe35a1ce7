import type { LinkedAuthorizer } from "../../src/policy/external-authorization.ts";
import type { CheckFact } from "../../src/request/check-fact.ts";
import type { LinkedCluster } from "../../src/snapshot/link.ts";
import type { Endpoint } from "../../src/snapshot/model.ts";
import { writeB3 } from "../../src/telemetry/b3.ts";
import type { AskedAuthorizer } from "../../src/telemetry/ended-attempt.ts";
import { ASKED, attemptSpanId, formatTraceparent } from "../../src/telemetry/trace-context.ts";
import type { TracePlan } from "../../src/telemetry/trace-plan.ts";
import type { Call } from "./call.ts";

/** One question to an external authorizer, as a span of the call whose request it is about. */
export class CheckTrace {
  readonly #call: Call;
  readonly #plan: TracePlan;
  readonly #sentAt = Date.now();

  constructor(call: Call, plan: TracePlan) {
    this.#call = call;
    this.#plan = plan;
  }

  /** Its span is the parent of what the authorizer does. @param headers of the question */
  begin(headers: Record<string, string>): void {
    const { traceId, spanId: parentId, sampled, asked } = this.#call.journal;
    const { b3, told } = this.#plan;
    if (traceId === "" || told?.cut === true) return;
    const spanId = attemptSpanId(parentId, ASKED + (asked?.length ?? 0));
    headers["traceparent"] = formatTraceparent(traceId, spanId, sampled);
    if (b3 !== null) writeB3(headers, b3, { traceId, spanId, parentId, sampled });
  }

  /** @param status of its answer; null: there was none */
  end(
    { name, model }: LinkedAuthorizer,
    endpoint: Endpoint,
    { model: cluster }: LinkedCluster,
    status: number | null,
    fact: CheckFact,
  ): void {
    const { journal } = this.#call;
    const one: AskedAuthorizer = {
      provider: name,
      endpoint,
      cluster,
      pathPrefix: model.pathPrefix ?? "",
      sentAt: this.#sentAt,
      endedAt: Date.now(),
      status,
      verdict: fact.verdict,
      failure: fact.verdict === "failed" ? fact.reason : null,
    };
    journal.asked = [...(journal.asked ?? []), one];
  }
}
