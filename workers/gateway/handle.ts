import type { Entrance } from "../../src/request/entrance.ts";
import { admit } from "./admit.ts";
import { decideRequest } from "./decide-request.ts";
import { rehearseDelay } from "./delay.ts";
import { enterGateway } from "./enter-gateway.ts";
import { findSlice } from "./find-slice.ts";
import { hearAgent } from "./hear-agent.ts";
import { HttpCall } from "./http-call.ts";
import { identify } from "./identify.ts";
import { keepBody } from "./kept-body.ts";
import { learnLocation, type Mesh } from "./mesh.ts";
import { mirrorRequest } from "./mirror.ts";
import { proceed, type Step } from "./proceed.ts";
import { receiveRequest } from "./receive-request.ts";
import { record } from "./record.ts";
import { sendRequest } from "./send.ts";
import { traceRequest } from "./trace-request.ts";
import { watchHops } from "./watch-hops.ts";

/**
 * The order is the security model: a request reaches `sendRequest` only past every line above it. The answer is passed on and
 * changed by the attempt that got it; `record` runs when the call has ended. What comes as a call of Workers RPC goes the same
 * way (handle-rpc.ts).
 */
const STEPS: readonly Step<HttpCall, Response>[] = [
  receiveRequest,
  identify,
  hearAgent,
  findSlice,
  traceRequest,
  enterGateway,
  decideRequest,
  watchHops,
  keepBody,
  admit,
  rehearseDelay,
  mirrorRequest,
  sendRequest,
];

/** Answers a request, whatever happens. */
export function handle(
  request: Request,
  entrance: Entrance,
  ctx: ExecutionContext,
  mesh: Mesh,
): Response | Promise<Response> {
  const call = new HttpCall(request, entrance, ctx, mesh, record);
  learnLocation(mesh, entrance);
  mesh.configuration.arm(call.lease);
  // The last step answers always.
  return proceed(call, STEPS) as Response | Promise<Response>;
}
