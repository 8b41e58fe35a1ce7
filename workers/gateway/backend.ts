import type { EndpointAddress } from "../../src/snapshot/model.ts";
import type { Env, Fetching } from "./env.ts";

/** The interface in front of whatever an endpoint is. */
export interface Backend {
  /** Scheme and authority of the URL to fetch; null: those of the request. */
  readonly origin: string | null;
  /** The endpoint's own name, which goes out as Host, whatever the caller dialled; null: the request's Host does. */
  readonly ownHost: string | null;
  /** Nothing that was answered to one identity may be given to another (R35): true where the platform has a cache on the way. */
  readonly cached: boolean;
  /** @throws whatever the platform throws; its text is not for the caller */
  fetch(url: string, init: RequestInit): Promise<Response>;
}

/** Addresses live as long as the slice that holds them, and an isolate's bindings never change. */
const backends = new WeakMap<EndpointAddress, Backend | null>();

/**
 * @param decided where the call goes, if the request says so
 * @returns null where this deployment has no such binding
 */
export function backendFor(address: EndpointAddress, decided: string | null, env: Env): Backend | null {
  if (decided !== null) return originBackend({ origin: decided, ...certificateOf(address) }, env);
  let backend = backends.get(address);
  if (backend !== undefined) return backend;
  backend = makeBackend(address, env);
  backends.set(address, backend);
  return backend;
}

function makeBackend(address: EndpointAddress, env: Env): Backend | null {
  switch (address.kind) {
    case "binding":
      return bindingBackend(address.name, env);
    case "origin":
      return originBackend(address, env);
    case "dynamic":
      // Nobody decided that it may be called.
      return null;
    case "private": {
      const { PRIVATE } = env;
      if (PRIVATE === undefined) return null;
      return {
        origin: `${address.tls ? "https" : "http"}://${address.authority}`,
        ownHost: null,
        cached: false,
        fetch: (url, init) => PRIVATE.fetch(url, init),
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
  if (certificate === undefined) return { origin, ownHost, cached: true, fetch: (url, init) => fetch(url, init) };
  // Without its certificate it is not called at all.
  const binding = bindingOf("CERT_", certificate, env);
  return binding && { origin, ownHost, cached: true, fetch: (url, init) => binding.fetch(url, init) };
}

/** A slice could name any binding: only those of the prefix are for endpoints, never the way to control or to the cell. */
function bindingOf(prefix: "EP_" | "CERT_", name: string, env: Env): Fetching | null {
  if (!name.startsWith(prefix)) return null;
  return (env as unknown as Readonly<Record<string, Fetching | undefined>>)[name] ?? null;
}

function bindingBackend(name: string, env: Env): Backend | null {
  const binding = bindingOf("EP_", name, env);
  if (binding === null) return null;
  return {
    origin: null,
    ownHost: null,
    cached: false,
    fetch: (url, init) => binding.fetch(url, init),
  };
}
