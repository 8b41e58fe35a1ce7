import type { Finding } from "../../src/resources/finding.ts";
import type { KubeObject } from "../../src/resources/object.ts";
import type { GatewayProps, Registration, StateApi } from "../../src/snapshot/rpc.ts";
import type { Action, Operation } from "../../src/kube/object-rules.ts";
import type { Status } from "../../src/kube/status.ts";
import type { GatewayStatus } from "./publisher.ts";

export interface WriteOptions {
  readonly actor: string;
  /** For the audit: `apply`, `create`, … */
  readonly verb: string;
  /** All but the store. */
  readonly dryRun: boolean;
}

export type WriteResult =
  | {
      readonly ok: true;
      readonly generation: number;
      readonly results: readonly {
        readonly action: Action;
        /** After the write; of a deleted one its last state. */
        readonly object: KubeObject;
        readonly warnings: readonly Finding[];
      }[];
    }
  /** Nothing was stored. */
  | { readonly ok: false; readonly failures: readonly { readonly index: number; readonly status: Status }[] };

export interface HubStatus {
  readonly generation: number;
  readonly resourceVersion: string;
  readonly gateways: readonly GatewayStatus[];
}

/** What the rest of control asks of the Hub. */
export interface HubApi extends Pick<StateApi, "root" | "slices"> {
  /** All of the operations, or none. */
  write(operations: readonly Operation[], options: WriteOptions): Promise<WriteResult>;
  /** @param props from the gateway's binding, never from its own words */
  register(props: GatewayProps, registration: Registration): Promise<void>;
  status(): Promise<HubStatus>;
}
