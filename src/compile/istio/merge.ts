import type { RouteMatch, StringMatch } from "../../snapshot/model.ts";
import { clusterId } from "../clusters.ts";
import type { CompiledRoutes, RouteDraft } from "../world.ts";

/**
 * Istio's merge of the VirtualServices of one host at a Gateway: block by block in order, then the blocks that match every
 * request. So an older VirtualService's catch-all hides nothing of a younger one, whichever of its blocks it is.
 *
 * @param parts one for each VirtualService, the oldest first
 */
export function mergeRoutes(parts: readonly CompiledRoutes[]): CompiledRoutes {
  const routes: RouteDraft[] = [];
  const catchAlls: RouteDraft[] = [];
  for (const part of parts) {
    for (const route of part.routes) {
      const at = route.matches.length === 0 ? 0 : route.matches.findIndex(matchesAll);
      if (at !== 0) routes.push(at < 0 ? route : { ...route, matches: route.matches.slice(0, at) });
      if (at < 0) continue;
      catchAlls.push({ ...route, matches: route.matches.slice(at, at + 1) });
      // What follows it in its own VirtualService is never reached; moving the catch-all would revive it.
      break;
    }
  }
  routes.push(...catchAlls);
  const used = new Set(
    routes.flatMap(({ destinations, mirrors = [] }) => [...destinations, ...mirrors].map(({ cluster }) => cluster)),
  );
  const targets = parts.flatMap((part) => part.targets);
  return { routes, targets: targets.filter(({ host, port, subset }) => used.has(clusterId(host, port, subset))) };
}

function matchesAll({ uri, ...others }: RouteMatch): boolean {
  return Object.keys(others).length === 0 && (uri === undefined || isAnyPath(uri));
}

function isAnyPath(uri: StringMatch): boolean {
  return (
    (uri.kind === "prefix" && (uri.value === "/" || uri.value === "")) || (uri.kind === "regex" && uri.value === ".*")
  );
}
