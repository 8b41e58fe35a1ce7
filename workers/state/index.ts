import { WorkerEntrypoint } from "cloudflare:workers";
import { cellName, readShards, shardOf } from "../../src/exchange/shards.ts";
import type { Taken } from "../../src/limits/limiter.ts";
import type { ApiKeyFact } from "../../src/request/api-key-fact.ts";
import type { ExchangeDown, ExchangeUp, LimitsUp, StateProps, StateRpc } from "../../src/snapshot/rpc.ts";
import type { Env } from "./env.ts";
import { chargeLimits, takeLimits } from "./take-limits.ts";

export { Cell } from "./cell.ts";
export { Limiter } from "./limiter.ts";

/** The way to the cell: gateways bind this, never its class, so none can ask in another's name. */
export class State extends WorkerEntrypoint<Env, StateProps> implements StateRpc {
  async exchange(up: ExchangeUp): Promise<ExchangeDown> {
    const { gateway } = this.ctx.props;
    if (typeof gateway !== "string" || gateway === "")
      throw new Error("this binding names no gateway: its deployer must write `props: { gateway }`");
    // Where an isolate belongs follows from its id: nobody is asked.
    const name = cellName(up.location ?? "unknown", shardOf(up.isolate, readShards(up.shards)));
    const cell = () => this.env.CELL.getByName(name);
    try {
      return await cell().exchange(gateway, up);
    } catch (error) {
      // A stub that has seen a reset stays broken; an exchange may be repeated, its sequence makes that harmless.
      if (!isPassing(error)) throw error;
      return cell().exchange(gateway, up);
    }
  }

  /** Never repeated: what failed may have been charged, and who asked has a limit of its own then. */
  async take(up: LimitsUp): Promise<Taken> {
    return takeLimits(up, (name) => this.env.LIMITER.getByName(name));
  }

  /** Asked of control each time: what is known of keys is the isolates' to remember, so that a revoked one ends in time. */
  async keys(hashes: readonly string[]): Promise<readonly ApiKeyFact[]> {
    return this.env.CONTROL.keys(hashes);
  }

  async charge(up: LimitsUp): Promise<void> {
    await chargeLimits(up, (name) => this.env.LIMITER.getByName(name));
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
