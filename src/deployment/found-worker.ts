import type { SourceBinding, WorkerSource } from "./topology.ts";

/** A Worker as its wrangler configuration, and a look at its code, tell of it. */
export interface FoundWorker extends WorkerSource {
  /** Of its configuration: relative to the folder that was searched, with `/`. */
  readonly config: string;
  /** The environment that is this Worker, where environments are versions: `[env.v2]`. */
  readonly environment: string | undefined;
  /** The others: the same Worker on another stage. */
  readonly environments: readonly FoundEnvironment[];
  readonly routes: readonly FoundRoute[];
  /** Nothing turns its workers.dev name off. */
  readonly workersDev: boolean;
  readonly compatibilityDate: string | null;
  readonly compatibilityFlags: readonly string[];
  /** Durable Object classes of other Workers that it binds. */
  readonly objects: readonly ForeignBinding[];
  /** Workflows of other Workers that it binds. */
  readonly workflows: readonly ForeignBinding[];
  readonly produces: readonly string[];
  readonly consumes: readonly string[];
  /** Workers that get its events. */
  readonly tails: readonly string[];
  /** Bindings to dispatch namespaces. */
  readonly dispatches: readonly string[];
  readonly crons: readonly string[];
  readonly code: FoundCode;
}

export interface FoundEnvironment {
  readonly name: string;
  /** The Worker's name in it. */
  readonly worker: string;
  readonly services: readonly SourceBinding[];
}

export interface FoundRoute {
  /** `shop.example.com/*`, or a custom domain's host. */
  readonly pattern: string;
  readonly customDomain: boolean;
}

interface ForeignBinding {
  readonly binding: string;
  readonly className: string;
  /** The Worker that has the class. */
  readonly worker: string;
}

/** What a look at the text of its files shows: hints, no proof. */
export interface FoundCode {
  /** It opens TCP sockets. */
  readonly connects: boolean;
  readonly answersFetch: boolean;
  /** Host names of `fetch("http://NAME…")`. */
  readonly hosts: readonly string[];
  /** Service bindings of which methods are called. */
  readonly rpc: readonly string[];
}

/** A configuration whose Worker the mesh cannot take as it is. */
export interface Untaken {
  readonly config: string;
  readonly code: "TULLE1001" | "TULLE1003" | "TULLE1004" | "TULLE1005";
  readonly message: string;
}

/** Host and path of a route's pattern: `https://*.example.com/api/*` has the host `*.example.com`, the path `/api/*`. */
export function routeParts({ pattern }: FoundRoute): { readonly host: string; readonly path: string } {
  const bare = pattern.replace(/^https?:\/\//, "");
  const slash = bare.indexOf("/");
  return slash === -1 ? { host: bare, path: "" } : { host: bare.slice(0, slash), path: bare.slice(slash) };
}

/** Hosts as a mesh file's `public` has them: `*example.com` stands for the name itself and all below it. */
export function publicNames(route: FoundRoute): readonly string[] {
  const host = routeParts(route).host.toLowerCase().replace(/:\d+$/, "");
  return /^\*[^.]/.test(host) && host.length > 1 ? [host.slice(1), `*.${host.slice(1)}`] : [host];
}
