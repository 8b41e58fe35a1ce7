import { WorkerEntrypoint } from "cloudflare:workers";
import type { Items } from "./rpc-items.ts";

interface Env {
  readonly ITEMS: Items;
}

/** The floor of Workers RPC: a Worker that does nothing but pass each call on. */
export default class extends WorkerEntrypoint<Env> implements Items {
  read(url: string): Promise<string> {
    return this.env.ITEMS.read(url);
  }

  remove(url: string): Promise<string> {
    return this.env.ITEMS.remove(url);
  }
}
