import type { EndpointAddress } from "../../src/snapshot/model.ts";
import type { Env, Fetching } from "./env.ts";

/** The interface in front of whatever an endpoint is. */
export interface Backend {
  /** Scheme and authority of the URL to fetch. */
  origin(scheme: "http" | "https", authority: string): string;
  /** False where the endpoint's own name goes out as Host, whatever the caller dialled. */
  readonly keepsHost: boolean;
  /** Nothing that was answered to one identity may be given to another (R35): true where the platform has a cache on the way. */
  readonly cached: boolean;
  /** @throws whatever the platform throws; its text is not for the caller */
  fetch(request: Request): Promise<Response>;
}

/** @returns null where this deployment has no such binding */
export function backendFor(address: EndpointAddress, env: Env): Backend | null {
  switch (address.kind) {
    case "binding":
      return bindingBackend(address.name, env);
    case "origin":
      return {
        origin: () => address.origin,
        keepsHost: false,
        cached: true,
        fetch: (request) => fetch(request),
      };
    case "private": {
      const { PRIVATE } = env;
      if (PRIVATE === undefined) return null;
      return {
        origin: () => `http://${address.authority}`,
        keepsHost: true,
        cached: false,
        fetch: (request) => PRIVATE.fetch(request),
      };
    }
  }
}

function bindingBackend(name: string, env: Env): Backend | null {
  // A slice could name any binding; only `EP_…` are endpoints, never the way to control or to the cell.
  if (!name.startsWith("EP_")) return null;
  const binding = (env as unknown as Readonly<Record<string, Fetching | undefined>>)[name];
  if (binding === undefined) return null;
  return {
    origin: (scheme, authority) => `${scheme}://${authority}`,
    keepsHost: true,
    cached: false,
    fetch: (request) => binding.fetch(request),
  };
}
