import type { CalleeApi, ThirdApi, WatchApi } from "../api.ts";

/** What a row has to do with. */
export interface Kit {
  /** The binding under test: bare, or through the mesh. */
  readonly callee: CalleeApi;
  /** The same for the callee's other entrypoints. */
  readonly ledger: { props(): Promise<unknown>; tenant(): Promise<string>; fetch(url: string): Promise<Response> };
  readonly broken: { add(): Promise<unknown> };
  /** Past the mesh, in all runs. */
  readonly watch: WatchApi;
  readonly third: ThirdApi;
  /** Tells of the caller's own objects. */
  tell(event: string): void;
  readonly told: readonly string[];
  /** Waits until the callee told of it. */
  happened(event: string): Promise<readonly string[]>;
}

/** By its name, what it does; what comes of it is shown and compared. */
export type Rows = Readonly<Record<string, (kit: Kit) => unknown>>;
