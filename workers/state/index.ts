import { WorkerEntrypoint } from "cloudflare:workers";
import type { ExchangeDown, ExchangeUp, StateProps, StateRpc } from "../../src/snapshot/rpc.ts";
import type { Env } from "./env.ts";

export { Cell } from "./cell.ts";

/** The way to the cell: gateways bind this, never its class, so none can ask in another's name. */
export class State extends WorkerEntrypoint<Env, StateProps> implements StateRpc {
  async exchange(up: ExchangeUp): Promise<ExchangeDown> {
    const { gateway } = this.ctx.props;
    if (typeof gateway !== "string" || gateway === "")
      throw new Error("this binding names no gateway: its deployer must write `props: { gateway }`");
    const location = up.location ?? "unknown";
    const cell = () => this.env.CELL.getByName(location);
    try {
      return await cell().exchange(gateway, up);
    } catch (error) {
      // A stub that has seen a reset stays broken; an exchange may be repeated, its sequence makes that harmless.
      if (!isPassing(error)) throw error;
      return cell().exchange(gateway, up);
    }
  }
}

function isPassing(error: unknown): boolean {
  if (typeof error !== "object" || error === null) return false;
  const { retryable, durableObjectReset, overloaded } = error as Record<string, unknown>;
  return overloaded !== true && (retryable === true || durableObjectReset === true);
}

/** Nothing is served here: the entrypoint above is reached by bindings alone. */
export default {
  fetch: (): Response => new Response(null, { status: 404 }),
} satisfies ExportedHandler<Env>;
