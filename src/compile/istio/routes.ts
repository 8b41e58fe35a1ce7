import type { DestinationSpec } from "../../resources/destination.ts";
import { parseDuration } from "../../resources/duration.ts";
import type { HeadersSpec } from "../../resources/header-operations.ts";
import { mirrorsIn } from "../../resources/mirror.ts";
import type { KubeObject } from "../../resources/object.ts";
import type { HttpRouteSpec, VirtualServiceSpec } from "../../resources/virtual-service.ts";
import type { HeaderOps, Route, RouteMatch } from "../../snapshot/model.ts";
import { clusterId } from "../clusters.ts";
import { idleTimeoutOf } from "../../resources/retries.ts";
import { rehearsalsFor } from "../rehearsals.ts";
import { retriesOf } from "../retries.ts";
import { namespaceOf, qualified } from "../view.ts";
import type { CompiledRoutes, RouteDraft, Target, World } from "../world.ts";
import { serviceFor } from "../services.ts";
import { localAnswer } from "./local-answer.ts";
import { filterModels } from "./filters.ts";
import { type EffectiveRule, rulesOf } from "./delegates.ts";
import { groupsAt } from "./match.ts";
import type { Place } from "./place.ts";
import { rewriteModel } from "./rewrite.ts";

/** A destination without a port is the request's own port, of a service that has several. */
const REQUEST_PORT = 0;

/** The HTTP routes of one VirtualService at a place, in order. */
export function compileRoutes(world: World, object: KubeObject, place: Place): CompiledRoutes {
  const parts = rulesOf(world, object).flatMap(({ rule, label, from, index }) => {
    const base = `${namespaceOf(object)}/${object.metadata.name}/${label}`;
    return groupsAt(world, object, rule, place).map(({ name, statPrefix, matches }) => {
      const head = { name: name === undefined ? base : `${base}.${name}`, ...(statPrefix && { statPrefix }) };
      return compileRule(world, object, rule, place, head, matches, { from, index });
    });
  });
  return { routes: parts.flatMap(({ routes }) => routes), targets: parts.flatMap(({ targets }) => targets) };
}

/** One rule, for some of its match blocks. */
function compileRule(
  world: World,
  object: KubeObject,
  rule: HttpRouteSpec,
  place: Place,
  head: Pick<Route, "name" | "statPrefix">,
  matches: readonly RouteMatch[],
  { from, index }: Pick<EffectiveRule, "from" | "index">,
): CompiledRoutes {
  const routes: RouteDraft[] = [];
  const targets: Target[] = [];
  const { route = [] } = rule;
  // As its author wrote it: a delegate's is joined to its root's.
  const { name: ownName } = (from.spec as VirtualServiceSpec).http[index] ?? {};
  const destinations = route.map((destination) => ({
    destination,
    target: targetOf(world, object, destination.destination, place),
  }));
  const mirrors = (route.length === 0 ? [] : mirrorsIn(rule)).map(({ destination, share }) => ({
    share,
    target: targetOf(world, object, destination, place),
  }));
  const byPort = [...destinations, ...mirrors].some(({ target }) => target.port === REQUEST_PORT);
  for (const port of byPort ? portsOf(place) : [null]) {
    // A Gateway's slice is that of one port: its matches name none.
    const atPort = port === null || place.kind === "gateway" ? matches : onPort(matches, port);
    if (atPort === null) continue;
    const at = (target: Target): Target => (target.port === REQUEST_PORT ? { ...target, port: port ?? 0 } : target);
    const chosen = destinations.map(({ destination, target }) => ({ destination, target: at(target) }));
    const copies = mirrors.map(({ share, target }) => ({ share, target: at(target) }));
    targets.push(...[...chosen, ...copies].map(({ target }) => target));
    routes.push({
      ...head,
      matches: atPort,
      destinations: chosen.map(({ destination: { weight = 0, headers }, target }) => ({
        cluster: idOf(target),
        weight: route.length === 1 ? 1 : weight,
        ...headerOps(headers),
        ...rehearsalsFor(world, target.host, place.viewer, ownName),
      })),
      ...(rule.rewrite && rewriteModel(rule.rewrite)),
      ...headerOps(rule.headers),
      ...(route.length > 0 && { ...timeouts(object, rule), ...retriesOf(world, rule.retries) }),
      ...localAnswer(rule),
      ...filterModels(rule),
      ...limitsFor(world, object, rule, from),
      ...(copies.length > 0 && { mirrors: copies.map(({ share, target }) => ({ cluster: idOf(target), share })) }),
    });
  }
  return { routes, targets };
}

/** Those of the VirtualService, and of the delegate that the rule is written in. */
function limitsFor(
  world: World,
  object: KubeObject,
  { name = "" }: HttpRouteSpec,
  from: KubeObject,
): Pick<RouteDraft, "limits"> {
  const all = [...new Set([object, from])].flatMap((one) =>
    world.policies.limitsOf(world, `${namespaceOf(one)}/VirtualService/${one.metadata.name}`, name),
  );
  return all.length === 0 ? {} : { limits: all };
}

function idOf({ host, port, subset }: Target): string {
  return clusterId(host, port, subset);
}

function portsOf(place: Place): readonly number[] {
  return place.kind === "gateway" ? [place.port] : (place.ports ?? [80]);
}

function onPort(matches: readonly RouteMatch[], port: number): readonly RouteMatch[] | null {
  if (matches.length === 0) return [{ port }];
  const held = matches.filter((match) => match.port === undefined || match.port === port);
  return held.length === 0 ? null : held.map((match) => ({ ...match, port }));
}

function targetOf(world: World, object: KubeObject, { host, subset, port }: DestinationSpec, place: Place): Target {
  const name = qualified(host, namespaceOf(object));
  return { host: name, subset, port: port?.number ?? onlyPort(world, name, place) };
}

function onlyPort(world: World, host: string, place: Place): number {
  const ports = serviceFor(world, host, place.viewer)?.ports ?? [];
  return ports.length === 1 ? (ports[0]?.number ?? REQUEST_PORT) : REQUEST_PORT;
}

function timeouts(
  { metadata }: KubeObject,
  { timeout }: HttpRouteSpec,
): { readonly timeoutMs?: number; readonly idleTimeoutMs?: number } {
  const timeoutMs = timeout === undefined ? 0 : (parseDuration(timeout) ?? 0);
  const idleTimeoutMs = idleTimeoutOf(metadata.annotations);
  return { ...(timeoutMs > 0 && { timeoutMs }), ...(idleTimeoutMs !== undefined && { idleTimeoutMs }) };
}

function headerOps(spec: HeadersSpec | undefined): { readonly request?: HeaderOps; readonly response?: HeaderOps } {
  return { ...side("request", spec?.request), ...side("response", spec?.response) };
}

function side(name: "request" | "response", spec: HeadersSpec["request"]): Record<string, HeaderOps> {
  if (spec === undefined) return {};
  const { remove, set, add } = spec;
  const pairs = (changes: Readonly<Record<string, string>>): readonly (readonly [string, string])[] =>
    Object.entries(changes).map(([header, value]) => [header.toLowerCase(), value]);
  const ops = {
    ...(remove && { remove: remove.map((header) => header.toLowerCase()) }),
    ...(set && { set: pairs(set) }),
    ...(add && { add: pairs(add) }),
  };
  return Object.keys(ops).length === 0 ? {} : { [name]: ops };
}
