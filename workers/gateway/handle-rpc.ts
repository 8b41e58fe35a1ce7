import { type Answer, answerOf } from "../../src/decide/answers.ts";
import { counterKey } from "../../src/telemetry/counters.ts";
import { isEntrypointName } from "../../src/request/rpc-names.ts";
import type { CallerProps } from "../../src/snapshot/rpc.ts";
import { admit, LEASE_MS } from "./admit.ts";
import type { Call } from "./call.ts";
import { decideRpc } from "./decide-rpc.ts";
import { rehearseDelay } from "./delay.ts";
import { findSlice } from "./find-slice.ts";
import { identify } from "./identify.ts";
import type { Context, End } from "./lease.ts";
import type { Mesh } from "./mesh.ts";
import type { MeshError } from "./mesh-error.ts";
import { proceed, type Step } from "./proceed.ts";
import { record } from "./record.ts";
import { RpcCall } from "./rpc-call.ts";
import { sendRpc } from "./send-rpc.ts";

/** The steps of a request (handle.ts), as far as a call of Workers RPC has what they look at. `sendRpc` comes past every line. */
const STEPS: readonly Step<RpcCall, MeshError>[] = [
  receiveRpc,
  identify,
  findSlice,
  decideRpc,
  admit,
  rehearseDelay,
  countMirrors,
];

/**
 * Carries a call of Workers RPC.
 *
 * @param args null where a property is read
 * @returns what the service returns
 * @throws what the service throws, or a `MeshError`
 */
export function handleRpc(
  props: CallerProps,
  name: string,
  args: readonly unknown[] | null,
  ctx: Context,
  mesh: Mesh,
): Promise<unknown> {
  const call = new RpcCall(props, name, args, ctx, mesh, recordRpc);
  mesh.openCalls.look(call.journal.startedAt);
  mesh.openCalls.expect(call.lease, call.journal.startedAt + LEASE_MS);
  mesh.configuration.arm(call.lease);
  const refusal = proceed<MeshError, RpcCall>(call, STEPS);
  return refusal instanceof Promise ? refusal.then((late) => send(call, late)) : send(call, refusal);
}

/** Ends a call that is none that can be carried, before anything is decided. @returns what its caller gets */
export function refuseRpc(props: CallerProps, name: string, answer: Answer, ctx: Context, mesh: Mesh): MeshError {
  const call = new RpcCall(props, name, null, ctx, mesh, record);
  call.journal.authority = authorityOf(props);
  // Its line names who tried, where anybody can be known yet: of a binding's props that is told at once.
  if (mesh.configuration.trust !== null) void identify(call);
  return call.answer(answer);
}

function authorityOf({ service = "", port = 80 }: CallerProps): string {
  return port === 80 ? service : `${service}:${port}`;
}

/** Step 8. */
function recordRpc(call: Call, end: End): void {
  call.mesh.openCalls.ended(call.lease);
  record(call, end);
}

function send(call: RpcCall, refusal: MeshError | null): Promise<unknown> {
  if (refusal !== null) return Promise.reject(refusal);
  try {
    return sendRpc(call);
  } catch (error) {
    return Promise.reject(call.broken(error));
  }
}

/** Step 1: all that there is of it is its name, and what its binding's props say. */
function receiveRpc(call: RpcCall): MeshError | null {
  const { service, entrypoint } = call.props;
  call.journal.authority = authorityOf(call.props);
  const named = service !== undefined && (entrypoint === undefined || isEntrypointName(entrypoint));
  return named ? null : call.answer(answerOf("rpc_props_invalid"));
}

/** Arguments are never copied, so no mirror gets a call. */
function countMirrors({ mesh, caller, forward }: RpcCall): null {
  for (const { cluster } of forward.mirrors) {
    const labels = { source_principal: caller, cluster: cluster.model.id, result: "workers_rpc" };
    mesh.configuration.count(counterKey("tulle_mirror_requests_total", labels));
  }
  return null;
}
