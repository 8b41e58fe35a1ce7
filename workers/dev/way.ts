import { WorkerEntrypoint } from "cloudflare:workers";
import type { CallerProps } from "../../src/snapshot/rpc.ts";
import { type AnyService, type DebugPort, reach } from "./debug-port.ts";

interface Env {
  readonly DEBUG: DebugPort;
  /** Of the process in which the gateways run. */
  readonly GATEWAYS_AT: string;
}

/** What the edge writes into a binding: the Worker that calls sees none of it. */
export interface WayProps {
  /** Of the Worker. */
  readonly gateway: string;
  readonly caller: CallerProps;
}

function gatewayOf({ env, ctx }: { readonly env: Env; readonly ctx: { readonly props: WayProps } }): AnyService {
  const { gateway, caller } = ctx.props;
  const place = {
    address: env.GATEWAYS_AT,
    service: `core:user:${gateway}`,
    entrypoint: "MeshEntrypoint",
    props: caller,
  };
  return reach(env.DEBUG, place);
}

class Way extends WorkerEntrypoint<Env, WayProps> {
  override fetch(request: Request): Promise<Response> {
    return gatewayOf(this as never).fetch(request);
  }
}

/** Stands beside a user's Worker for the gateways, which run in another process: whatever comes goes on as it is. */
export class MeshEntrypoint extends Way {}

export default {};
