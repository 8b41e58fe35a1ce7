/// <reference types="@cloudflare/vitest-plugin/types" />
import { env as bound, exports as exported } from "cloudflare:workers";
import type { CallerProps, ConfigApi, StateApi, StateProps, StateRpc } from "../../../src/snapshot/rpc.ts";
import type { Env } from "../../../workers/gateway/env.ts";
import type { Cell } from "../../../workers/state/cell.ts";
import type { Limiter } from "../../../workers/state/limiter.ts";
import type { Requests } from "./requests.ts";

/** What vitest.config.ts binds to the Worker that the tests run in. */
export interface TestEnv extends Env {
  readonly CELL: DurableObjectNamespace<Cell>;
  readonly LIMITER: DurableObjectNamespace<Limiter>;
  readonly REQUESTS: DurableObjectNamespace<Requests>;
  readonly CONTROL: ConfigApi & StateApi;
  /** Ed25519, PKCS#8, base64: what `SNAPSHOT_KEYS` verifies. */
  readonly SNAPSHOT_PRIVATE_KEY: string;
}

/** The entrypoints of `main.ts`, as a binding shows them. */
export interface TestExports {
  readonly default: { fetch(request: Request): Promise<Response> };
  MeshEntrypoint(options: { props: CallerProps }): { fetch(request: Request): Promise<Response> };
  State(options: { props: StateProps }): StateRpc;
  Wire(options: { props: StateProps }): StateRpc;
}

export const env = bound as unknown as TestEnv;
export const exports = exported as unknown as TestExports;
