import type { RequestFacts } from "./facts.ts";

/** A browser's question whether it may send a request (Fetch standard, CORS-preflight fetch). It carries no credentials. */
export function isPreflight({ method, headers }: Pick<RequestFacts, "method" | "headers">): boolean {
  return method === "OPTIONS" && has(headers["origin"]) && has(headers["access-control-request-method"]);
}

/** An empty one is none, as in Envoy: a request that only looks like a preflight is judged like any other. */
function has(value: string | undefined): boolean {
  return value !== undefined && value !== "";
}
