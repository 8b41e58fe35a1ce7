import type { StateApi } from "../../src/snapshot/rpc.ts";
import type { Cell } from "./cell.ts";

/** Bindings of the state Worker. */
export interface Env {
  readonly CELL: DurableObjectNamespace<Cell>;
  readonly CONTROL: StateApi;
}
