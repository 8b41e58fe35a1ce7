import { isEntrypointName, isRpcName } from "../request/rpc-names.ts";
import type { HypotheticalFacts, Problem } from "./hypothetical-facts.ts";

/** Why a call of Workers RPC cannot be what is told; null: it can. It has a name, a caller and a service, and nothing else. */
export function rpcProblem(facts: HypotheticalFacts, scope: string | null): Problem | null {
  const { method, path, query, headers, authority, scheme, tokens } = facts;
  if (scope !== null && !scope.startsWith("mesh/"))
    return { field: "protocol", message: "a Gateway takes no calls of Workers RPC; leave `scope` out" };
  if (method !== "POST") return { field: "method", message: "a call of Workers RPC is decided as `POST`" };
  const [, entrypoint = "", name = ""] = /^\/([^/]*)\/([^/]*)$/.exec(path) ?? [];
  if (!isEntrypointName(entrypoint) || !isRpcName(name))
    return {
      field: "path",
      message: "must be `/ENTRYPOINT/METHOD`, with names that are passed on; `default` is the default entrypoint",
    };
  const carried = { query: query !== "", headers: Object.keys(headers).length > 0, tokens: tokens.length > 0 };
  for (const [field, given] of Object.entries({
    ...carried,
    authority: authority !== undefined,
    scheme: scheme === "https",
  }))
    if (given) return { field, message: "a call of Workers RPC carries none; leave it out" };
  return null;
}
