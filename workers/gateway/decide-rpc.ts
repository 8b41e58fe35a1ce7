import { answerOf } from "../../src/decide/answers.ts";
import { emptyHeaders } from "../../src/request/headers.ts";
import { decideOn, type Tokens } from "./decide-on.ts";
import type { MeshError } from "./mesh-error.ts";
import type { RpcCall } from "./rpc-call.ts";

/** Step 4: a call of `m` at entrypoint `E` is decided as POST `/E/m`. Names need nothing to be canonical. */
export function decideRpc(call: RpcCall): MeshError | null | Promise<MeshError | null> {
  const { path, journal } = call;
  const { authority } = journal;
  const headers = emptyHeaders();
  headers["host"] = authority;
  const tokens: Tokens = [];
  const decided = decideOn(
    call,
    {
      protocol: "workers-rpc",
      method: "POST",
      scheme: "http",
      host: call.props.service ?? "",
      authority,
      port: call.port,
      path,
      forwardPath: path,
      query: "",
      headers,
      entrance: "mesh",
      clientIp: null,
      peer: call.peer,
      tls: null,
      startedAt: journal.startedAt,
      seed: (Math.random() * 4_294_967_296) | 0,
      tokens,
      conclusions: null,
    },
    tokens,
  );
  return decided instanceof Promise ? decided.then((answer) => answer ?? asCalled(call)) : (decided ?? asCalled(call));
}

/** The service's policies were asked about the path that a rewrite made: no other method than that may be called. */
function asCalled(call: RpcCall): MeshError | null {
  return call.forward.path === call.path ? null : call.answer(answerOf("rpc_rewritten"));
}
