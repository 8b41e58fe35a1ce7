import { emptyHeaders } from "../../src/request/headers.ts";
import { decideOn } from "./decide-on.ts";
import type { MeshError } from "./mesh-error.ts";
import type { Tokens } from "./missing-facts.ts";
import type { RpcCall } from "./rpc-call.ts";

/** Step 4: a call of `m` at entrypoint `E` is decided as POST `/E/m`. Names need nothing to be canonical. */
export function decideRpc(call: RpcCall): MeshError | null | Promise<MeshError | null> {
  const { path, journal } = call;
  const { authority } = journal;
  const headers = emptyHeaders();
  headers["host"] = authority;
  const tokens: Tokens = [];
  return decideOn(
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
      sourceIp: null,
      clientIp: null,
      peer: call.peer,
      tls: null,
      startedAt: journal.startedAt,
      seed: (Math.random() * 4_294_967_296) | 0,
      tokens,
      conclusions: null,
    },
    tokens,
    noBody,
  );
}

/** Arguments are nobody's to read. */
async function noBody(): Promise<null> {
  return null;
}
