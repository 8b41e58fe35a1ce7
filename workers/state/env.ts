import type { StateApi } from "../../src/snapshot/rpc.ts";
import type { Cell } from "./cell.ts";
import type { Limiter } from "./limiter.ts";

/** Bindings of the state Worker. */
export interface Env {
  readonly CELL: DurableObjectNamespace<Cell>;
  readonly LIMITER: DurableObjectNamespace<Limiter>;
  readonly CONTROL: StateApi;
}
