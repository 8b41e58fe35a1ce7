import type { Entrance } from "../../src/request/entrance.ts";
import { admit } from "./admit.ts";
import { broken } from "./answer-with.ts";
import { Call } from "./call.ts";
import { decideRequest } from "./decide-request.ts";
import { enterGateway } from "./enter-gateway.ts";
import { findSlice } from "./find-slice.ts";
import { identify } from "./identify.ts";
import { keepBody } from "./kept-body.ts";
import { learnLocation, type Mesh } from "./mesh.ts";
import { mirrorRequest } from "./mirror.ts";
import { receiveRequest } from "./receive-request.ts";
import { record } from "./record.ts";
import { sendRequest } from "./send.ts";

/**
 * One step of a call: null where the next may come, else the client's answer. A step answers at once unless it must wait for
 * something that is not here, so that the usual request runs in one go up to the call of its service.
 */
type Step = (call: Call) => Response | null | Promise<Response | null>;

/**
 * The order is the security model: a request reaches `sendRequest` only past every line above it. The answer is passed on and
 * changed by the attempt that got it; `record` runs when the call has ended.
 */
const STEPS: readonly Step[] = [
  receiveRequest,
  identify,
  findSlice,
  enterGateway,
  decideRequest,
  keepBody,
  admit,
  mirrorRequest,
  sendRequest,
];

const LAST = STEPS.length - 1;

/** Answers a request, whatever happens. */
export function handle(
  request: Request,
  entrance: Entrance,
  ctx: ExecutionContext,
  mesh: Mesh,
): Response | Promise<Response> {
  const call = new Call(request, entrance, ctx, mesh, record);
  learnLocation(mesh, entrance);
  mesh.configuration.arm(call.lease);
  return proceed(call, 0);
}

function proceed(call: Call, from: number): Response | Promise<Response> {
  try {
    for (let at = from; at < STEPS.length; at += 1) {
      const answer = STEPS[at]?.(call) ?? null;
      // The last step's promise is the answer: it never rejects.
      if (answer instanceof Promise) return at === LAST ? (answer as Promise<Response>) : resume(call, at, answer);
      if (answer !== null) return answer;
    }
    throw new Error("no step answered");
  } catch (error) {
    return broken(call, error);
  }
}

async function resume(call: Call, at: number, pending: Promise<Response | null>): Promise<Response> {
  try {
    return (await pending) ?? (await proceed(call, at + 1));
  } catch (error) {
    return broken(call, error);
  }
}
