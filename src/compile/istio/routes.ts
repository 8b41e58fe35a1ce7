import { parseDuration } from "../../resources/duration.ts";
import type { HeadersSpec } from "../../resources/header-operations.ts";
import type { KubeObject } from "../../resources/object.ts";
import type { StringMatchSpec } from "../../resources/string-match.ts";
import type { VirtualServiceSpec } from "../../resources/virtual-service.ts";
import type { HeaderOps, Route, RouteMatch, StringMatch } from "../../snapshot/model.ts";
import { withCapitalEscapes } from "../../routing/unreserved.ts";
import { clusterId } from "../clusters.ts";
import { gatewaysOf, qualifiedGateway } from "../entries.ts";
import { namespaceOf, qualified, selects, viewerNamespace } from "../view.ts";
import { viewerLabels } from "../viewer.ts";
import type { CompiledRoutes, Target, Viewer, World } from "../world.ts";
import { serviceFor } from "../services.ts";
import { localAnswer } from "./local-answer.ts";
import { corsModel } from "./cors.ts";
import { stringModel } from "./string-match.ts";

type HttpRoute = VirtualServiceSpec["http"][number];
type HttpMatch = NonNullable<HttpRoute["match"]>[number];

/** Where routes are compiled for. */
export type Place =
  | {
      readonly kind: "mesh";
      readonly viewer: Viewer;
      /** The service's ports; null where the host is no service, and any port is served. */
      readonly ports: readonly number[] | null;
    }
  | { readonly kind: "gateway"; readonly viewer: Viewer; readonly gateway: string; readonly port: number };

/** A destination without a port is the request's own port, of a service that has several. */
const REQUEST_PORT = 0;

/** The HTTP routes of one VirtualService at a place, in order. */
export function compileRoutes(world: World, object: KubeObject, place: Place): CompiledRoutes {
  const { http } = object.spec as VirtualServiceSpec;
  const routes: Route[] = [];
  const targets: Target[] = [];
  for (const [index, rule] of http.entries()) {
    const matches = matchesAt(world, object, rule, place);
    if (matches === null) continue;
    const named = rule.name === undefined || rule.name === "" ? String(index) : rule.name;
    const name = `${namespaceOf(object)}/${object.metadata.name}/${named}`;
    const { route = [] } = rule;
    const destinations = route.map((destination) => ({
      destination,
      target: targetOf(world, object, destination.destination, place),
    }));
    const byPort = destinations.some(({ target }) => target.port === REQUEST_PORT);
    for (const port of byPort ? portsOf(place) : [null]) {
      // A Gateway's slice is that of one port: its matches name none.
      const atPort = port === null || place.kind === "gateway" ? matches : onPort(matches, port);
      if (atPort === null) continue;
      const chosen = destinations.map(({ destination, target }) => ({
        destination,
        target: target.port === REQUEST_PORT ? { ...target, port: port ?? 0 } : target,
      }));
      targets.push(...chosen.map(({ target }) => target));
      routes.push({
        name,
        matches: atPort,
        destinations: chosen.map(({ destination: { weight = 0, headers }, target }) => ({
          cluster: clusterId(target.host, target.port, target.subset),
          weight: route.length === 1 ? 1 : weight,
          ...headerOps(headers),
        })),
        ...(rule.rewrite && { rewrite: rule.rewrite }),
        ...headerOps(rule.headers),
        ...timeout(rule),
        ...localAnswer(rule),
        ...(rule.corsPolicy && { cors: corsModel(rule.corsPolicy) }),
      });
    }
  }
  return { routes, targets };
}

function portsOf(place: Place): readonly number[] {
  return place.kind === "gateway" ? [place.port] : (place.ports ?? [80]);
}

/** @returns the blocks that can hold here, empty for all requests; null where none can */
function matchesAt(
  world: World,
  object: KubeObject,
  { match = [] }: HttpRoute,
  place: Place,
): readonly RouteMatch[] | null {
  if (match.length === 0) return [];
  const here = place.kind === "mesh" ? "mesh" : place.gateway;
  const held = match.filter((block) => {
    const { gateways, port } = block;
    const names = gateways?.map((name) => qualifiedGateway(name, namespaceOf(object))) ?? gatewaysOf(object);
    if (!names.includes(here) || !isForCaller(world, block, place)) return false;
    return place.kind === "mesh" || port === undefined || port === place.port;
  });
  return held.length === 0 ? null : held.map((block) => matchModel(block, place.kind === "mesh"));
}

/** Whether a block is there for the callers of a place: in the mesh their namespace is compared with each request. */
function isForCaller(
  world: World,
  { gateways, sourceLabels = {}, sourceNamespace }: HttpMatch,
  { kind, viewer }: Place,
): boolean {
  // As in Istio a block that names its gateways is for all that call through them.
  if (gateways !== undefined) return true;
  if (kind === "gateway" && sourceNamespace !== undefined && sourceNamespace !== viewerNamespace(viewer)) return false;
  return selects(sourceLabels, viewerLabels(world, viewer));
}

function onPort(matches: readonly RouteMatch[], port: number): readonly RouteMatch[] | null {
  if (matches.length === 0) return [{ port }];
  const held = matches.filter((match) => match.port === undefined || match.port === port);
  return held.length === 0 ? null : held.map((match) => ({ ...match, port }));
}

function matchModel(block: HttpMatch, inMesh: boolean): RouteMatch {
  const { name, uri, ignoreUriCase, scheme, method, authority, headers, withoutHeaders, queryParams } = block;
  const named = [
    ...Object.entries(headers ?? {}).map(([header, match]) => headerModel(header.toLowerCase(), match)),
    ...Object.entries(withoutHeaders ?? {}).map(([header, match]) => ({
      ...headerModel(header.toLowerCase(), match),
      invert: true as const,
    })),
  ];
  const query = Object.entries(queryParams ?? {}).map(([key, match]) => ({ name: key, match: presence(match) }));
  return {
    ...(name !== undefined && { name }),
    ...(uri && { uri: uriModel(uri, ignoreUriCase === true) }),
    ...(scheme && { scheme: stringModel(scheme) }),
    ...(method && { method: stringModel(method) }),
    ...(authority && { authority: authorityModel(authority) }),
    ...(named.length > 0 && { headers: named }),
    ...(query.length > 0 && { query }),
    ...(inMesh && block.port !== undefined && { port: block.port }),
    ...(inMesh &&
      block.gateways === undefined &&
      block.sourceNamespace !== undefined && { sourceNamespace: block.sourceNamespace }),
  };
}

function headerModel(name: string, spec: StringMatchSpec): { readonly name: string; readonly match: StringMatch } {
  const match = presence(spec);
  return { name, match: name === "host" && match.kind !== "present" ? authorityModel(spec) : match };
}

/** Hosts have no case, and a request's is in small letters. */
function authorityModel({ exact, prefix, regex }: StringMatchSpec): StringMatch {
  if (regex !== undefined) return { kind: "regex", value: `(?i)${regex}` };
  return exact === undefined
    ? { kind: "prefix", value: (prefix ?? "").toLowerCase() }
    : { kind: "exact", value: exact.toLowerCase() };
}

/** As requests are compared: escapes in capitals. A pattern is its author's. */
function uriModel(spec: StringMatchSpec, ignoreCase: boolean): StringMatch {
  const model = stringModel(spec);
  if (model.kind !== "exact" && model.kind !== "prefix") return model;
  return { kind: model.kind, value: withCapitalEscapes(model.value), ...(ignoreCase && { ignoreCase: true as const }) };
}

function presence(spec: StringMatchSpec): StringMatch {
  const { exact, prefix, regex } = spec;
  return (exact ?? prefix ?? regex) === undefined || regex === "*" ? { kind: "present" } : stringModel(spec);
}

function targetOf(
  world: World,
  object: KubeObject,
  { host, subset, port }: NonNullable<HttpRoute["route"]>[number]["destination"],
  place: Place,
): Target {
  const name = qualified(host, namespaceOf(object));
  return { host: name, subset, port: port?.number ?? onlyPort(world, name, place) };
}

function onlyPort(world: World, host: string, place: Place): number {
  const ports = serviceFor(world, host, place.viewer)?.ports ?? [];
  return ports.length === 1 ? (ports[0]?.number ?? REQUEST_PORT) : REQUEST_PORT;
}

function timeout({ timeout: text }: HttpRoute): { readonly timeoutMs?: number } {
  const timeoutMs = text === undefined ? 0 : (parseDuration(text) ?? 0);
  return timeoutMs === 0 ? {} : { timeoutMs };
}

function headerOps(spec: HeadersSpec | undefined): { readonly request?: HeaderOps; readonly response?: HeaderOps } {
  return { ...side("request", spec?.request), ...side("response", spec?.response) };
}

function side(name: "request" | "response", spec: HeadersSpec["request"]): Record<string, HeaderOps> {
  if (spec === undefined) return {};
  const { remove, set, add } = spec;
  const pairs = (changes: Readonly<Record<string, string>>): readonly (readonly [string, string])[] =>
    Object.entries(changes).map(([header, value]) => [header.toLowerCase(), value.replaceAll("%%", "%")]);
  const ops = {
    ...(remove && { remove: remove.map((header) => header.toLowerCase()) }),
    ...(set && { set: pairs(set) }),
    ...(add && { add: pairs(add) }),
  };
  return Object.keys(ops).length === 0 ? {} : { [name]: ops };
}
