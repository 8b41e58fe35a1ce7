import type { ConfigApi, StateRpc } from "../../src/snapshot/rpc.ts";

/** Bindings and variables of a gateway deployment. Service bindings named `EP_…` are its endpoints, those named `CERT_…` show a client certificate. */
export interface Env {
  /** Name of this deployment; must equal the props of `STATE` and `CONTROL`. */
  readonly GATEWAY_NAME: string;
  /** JSON list of raw Ed25519 public keys, base64url: those that may sign a root. */
  readonly SNAPSHOT_KEYS: string;
  /** A private Ed25519 key as a JSON Web Key, by which it signs what services outside of the platform are told. Unset (an older version deployed it): they are told nothing. Control publishes its public half. */
  readonly ASSERTION_KEY?: string;
  /** `ns/name` of the Gateway resource that this deployment stands for; unset: any Gateway's hosts. */
  readonly GATEWAY?: string;
  /** By which the platform's edge is told from a Worker of the account, which could bind the public way in too. Unset: it is not. */
  readonly EDGE_SECRET?: string;
  /** Set by the local mesh alone, to where this gateway is or `1`: `cf` tells the listener, loopback is allowed where addresses are judged. */
  readonly TULLE_LOCAL?: string;
  /** Set: every call is held in `waitUntil` until its end, for a runtime that forgets the listeners of an aborted request. */
  readonly HOLD_CALLS?: string;
  /** Of so many good calls one is logged; unset: each. Not told apart here, since a deployer wrote it. */
  readonly LOG_ONE_IN?: unknown;
  /** `off`: no decision is written down; unset or `on`: some are. Not told apart here, since a deployer wrote it. */
  readonly DECISION_RECORDS?: unknown;
  readonly STATE: StateRpc;
  readonly CONTROL: ConfigApi;
  /** Way to private addresses: a Workers VPC network, or the local edge's forwarder. */
  readonly PRIVATE?: Fetching & Connecting;
}

/** What a probe needs of the way to private addresses. */
interface Connecting {
  /** @param address host and port */
  connect(address: string): Socket;
}

/** A service binding to a Worker: by any other name than `fetch` it has what that Worker's entrypoint has. */
export type WorkerBinding = Fetching & { readonly [name: string]: (...args: readonly unknown[]) => unknown };

/** What this Worker needs of a service binding. */
interface Fetching {
  fetch(url: string, init: RequestInit): Promise<Response>;
}
