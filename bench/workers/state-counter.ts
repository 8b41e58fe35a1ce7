import { WorkerEntrypoint } from "cloudflare:workers";
import type { StateRpc } from "../../src/snapshot/rpc.ts";

/** Passes a gateway's calls of the state Worker on, and counts them. */
const calls: Record<string, number> = {};

interface Env {
  readonly STATE: StateRpc;
}

export class State extends WorkerEntrypoint<Env> implements StateRpc {
  exchange(up: Parameters<StateRpc["exchange"]>[0]) {
    return this.#counted("exchange").exchange(up);
  }

  take(up: Parameters<StateRpc["take"]>[0]) {
    return this.#counted("take").take(up);
  }

  charge(up: Parameters<StateRpc["charge"]>[0]) {
    return this.#counted("charge").charge(up);
  }

  keys(hashes: readonly string[]) {
    return this.#counted("keys").keys(hashes);
  }

  #counted(method: keyof StateRpc): StateRpc {
    calls[method] = (calls[method] ?? 0) + 1;
    return this.env.STATE;
  }
}

export default {
  fetch(): Response {
    return Response.json(calls);
  },
};
