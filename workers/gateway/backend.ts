import { isEndpointBinding, variantBinding } from "../../src/deployment/binding-names.ts";
import type { EndpointAddress } from "../../src/snapshot/model.ts";
import type { Env, WorkerBinding } from "./env.ts";

/** The interface in front of whatever an endpoint is. */
export interface Backend {
  /** Scheme and authority of the URL to fetch; null: those of the request. */
  readonly origin: string | null;
  /** The endpoint's own name, which goes out as Host, whatever the caller dialled; null: the request's Host does. */
  readonly ownHost: string | null;
  /** Nothing that was answered to one identity may be given to another (R35): true where the platform has a cache on the way. */
  readonly cached: boolean;
  /** Where it is a Worker: what calls of Workers RPC go to. */
  readonly worker: WorkerBinding | null;
  /** @throws whatever the platform throws; its text is not for the caller */
  fetch(url: string, init: RequestInit): Promise<Response>;
}

/** Addresses live as long as the slice that holds them, and an isolate's bindings never change. */
const backends = new WeakMap<EndpointAddress, Backend | null>();
const variants = new WeakMap<EndpointAddress, Map<string, Backend | null>>();

/**
 * @param decided where the call goes, if the request says so
 * @param variant of a Worker's binding, by the caller's props alone
 * @returns null where this deployment has no such binding
 */
export function backendFor(
  address: EndpointAddress,
  decided: string | null,
  variant: string | undefined,
  env: Env,
): Backend | null {
  if (variant !== undefined) return decided === null ? variantBackend(address, variant, env) : null;
  if (decided !== null) return originBackend({ origin: decided, ...certificateOf(address) }, env);
  let backend = backends.get(address);
  if (backend !== undefined) return backend;
  backend = makeBackend(address, env);
  backends.set(address, backend);
  return backend;
}

/** Nothing but a Worker has variants: elsewhere a caller would reach another entrypoint than its binding says. */
function variantBackend(address: EndpointAddress, variant: string, env: Env): Backend | null {
  if (address.kind !== "binding") return null;
  let byName = variants.get(address);
  if (byName === undefined) variants.set(address, (byName = new Map()));
  let backend = byName.get(variant);
  if (backend !== undefined) return backend;
  backend = bindingBackend(address.name, variant, env);
  byName.set(variant, backend);
  return backend;
}

function makeBackend(address: EndpointAddress, env: Env): Backend | null {
  switch (address.kind) {
    case "binding":
      return bindingBackend(address.name, null, env);
    case "origin":
      return originBackend(address, env);
    case "dynamic":
      // Nobody decided that it may be called.
      return null;
    case "private": {
      const { PRIVATE } = env;
      if (PRIVATE === undefined) return null;
      const { tls, authority, peers } = address;
      // The local edge's forwarder reads it; a Workers VPC network verifies the endpoint's certificate by itself.
      const cf = peers && { tullePeers: peers };
      return {
        origin: `${tls ? "https" : "http"}://${authority}`,
        ownHost: null,
        cached: false,
        worker: null,
        fetch: (url, init) => PRIVATE.fetch(url, cf === undefined ? init : { ...init, cf }),
      };
    }
  }
}

function certificateOf(address: EndpointAddress): { readonly certificate?: string } {
  return address.kind === "dynamic" ? address : {};
}

function originBackend(
  { origin, certificate }: { readonly origin: string; readonly certificate?: string },
  env: Env,
): Backend | null {
  const ownHost = new URL(origin).host;
  if (certificate === undefined)
    return { origin, ownHost, cached: true, worker: null, fetch: (url, init) => fetch(url, init) };
  // Without its certificate it is not called at all.
  const binding = certificate.startsWith("CERT_") ? bindingOf(certificate, env) : null;
  return binding && { origin, ownHost, cached: true, worker: null, fetch: (url, init) => binding.fetch(url, init) };
}

function bindingOf(name: string, env: Env): WorkerBinding | null {
  return (env as unknown as Readonly<Record<string, WorkerBinding | undefined>>)[name] ?? null;
}

/** A slice could name any binding: only Workers' are for endpoints, never the way to control or to the cell, nor a variant. */
function bindingBackend(name: string, variant: string | null, env: Env): Backend | null {
  if (!isEndpointBinding(name)) return null;
  const binding = bindingOf(variant === null ? name : variantBinding(name, variant), env);
  if (binding === null) return null;
  return {
    origin: null,
    ownHost: null,
    cached: false,
    worker: binding,
    fetch: (url, init) => binding.fetch(url, init),
  };
}
