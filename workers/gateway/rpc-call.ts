import { type Answer, answerOf } from "../../src/decide/answers.ts";
import type { Peer } from "../../src/identity/peer.ts";
import { type AccountScopes, meshScope, type Place, serviceIn } from "../../src/request/places.ts";
import type { CallerProps } from "../../src/snapshot/rpc.ts";
import { Call } from "./call.ts";
import type { Context, End } from "./lease.ts";
import type { Mesh } from "./mesh.ts";
import { MeshError } from "./mesh-error.ts";

/** A call of Workers RPC under way: its answers are errors that are thrown at the caller. */
export class RpcCall extends Call<MeshError> {
  readonly props: CallerProps;
  /** Of the method that is called, or of the property that is read. */
  readonly name: string;
  /** Passed on, never looked at; null where a property is read. */
  readonly args: readonly unknown[] | null;
  /** What it is decided by: the callee's entrypoint and `name`. */
  readonly path: string;

  constructor(
    props: CallerProps,
    name: string,
    args: readonly unknown[] | null,
    ctx: Context,
    mesh: Mesh,
    onEnd: (call: Call, end: End) => void,
  ) {
    super(
      { entrance: { kind: "mesh", props }, mesh, protocol: "workers-rpc", method: "POST", ctx, signal: null },
      onEnd,
    );
    this.props = props;
    this.name = name;
    this.args = args;
    this.path = `/${props.entrypoint ?? "default"}/${name}`;
    this.journal.path = this.path;
  }

  override places(peer: Peer, accounts: AccountScopes): readonly Place[] {
    const named = serviceIn(this.props, meshScope(peer, accounts));
    return named === null ? [] : [named];
  }

  override answer(answer: Answer): MeshError {
    this.tellOf(answer);
    this.lease.end("ok");
    return new MeshError(answer, this.journal.requestId);
  }

  /** Nobody tells of a caller that went away: its call has ended by its time, and another may have ended it. */
  override gone(): MeshError {
    this.lease.end("DC");
    return new MeshError(answerOf("response_timeout"), this.journal.requestId);
  }
}
