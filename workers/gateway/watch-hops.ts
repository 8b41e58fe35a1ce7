import { answerOf } from "../../src/decide/answers.ts";
import { eventLine } from "../../src/telemetry/event-line.ts";
import { manyHops } from "../../src/telemetry/hops.ts";
import type { HttpCall } from "./http-call.ts";
import { isOfMesh } from "./trace-request.ts";

/** A call that passed many gateways is warned of; one that comes back to the same services again and again ends here. */
export function watchHops(call: HttpCall): Response | null {
  const state = call.received.headers["tracestate"];
  if (state === undefined || !isOfMesh(call)) return null;
  const hops = manyHops(state);
  if (hops === null) return null;
  const { route, cluster } = call.forward;
  const service = cluster.model.service.host;
  const name = route.model.name;
  if (call.mesh.hopWarnings.isDue(`${service} ${name}`, Date.now()))
    console.warn(
      eventLine({
        event: "many_hops",
        service,
        route: name,
        hops: hops.count,
        loop: hops.isLoop,
        trace_id: call.journal.traceId,
      }),
    );
  return hops.isLoop ? call.answer(answerOf("request_loop", null, route, cluster)) : null;
}
