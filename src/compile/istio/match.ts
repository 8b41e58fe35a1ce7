import { claimPath } from "../../resources/claim-name.ts";
import type { HttpMatchSpec } from "../../resources/http-match.ts";
import type { KubeObject } from "../../resources/object.ts";
import type { StringMatchSpec } from "../../resources/string-match.ts";
import { withCapitalEscapes } from "../../routing/unreserved.ts";
import type { RouteMatch, StringMatch } from "../../snapshot/model.ts";
import { gatewaysOf, qualifiedGateway } from "../entries.ts";
import { namespaceOf, selects, viewerNamespace } from "../view.ts";
import { viewerLabels } from "../viewer.ts";
import type { World } from "../world.ts";
import type { Place } from "./place.ts";
import { authorityModel, headerModel, presenceModel, stringModel } from "../string-match.ts";

/** Blocks of one rule that go by one name in logs. */
interface Group {
  /** Of its one block; undefined where they have none. */
  readonly name: string | undefined;
  readonly statPrefix: string | undefined;
  /** Empty: all requests. */
  readonly matches: readonly RouteMatch[];
}

type Matched = { readonly match?: readonly HttpMatchSpec[] };

/** @returns the blocks that can hold here, in order; none where none can */
export function groupsAt(world: World, object: KubeObject, { match = [] }: Matched, place: Place): readonly Group[] {
  if (match.length === 0) return [{ name: undefined, statPrefix: undefined, matches: [] }];
  const groups: (Group & { readonly matches: RouteMatch[] })[] = [];
  for (const block of match) {
    if (!isHere(world, object, block, place)) continue;
    const [name, statPrefix] = [block.name || undefined, block.statPrefix || undefined];
    const last = groups.at(-1);
    const model = matchModel(block, place.kind === "mesh");
    if (last && [name, statPrefix, last.name, last.statPrefix].every((label) => label === undefined))
      last.matches.push(model);
    else groups.push({ name, statPrefix, matches: [model] });
  }
  return groups;
}

function isHere(world: World, object: KubeObject, block: HttpMatchSpec, place: Place): boolean {
  const { gateways, port = 0 } = block;
  const names = gateways?.map((name) => qualifiedGateway(name, namespaceOf(object))) ?? gatewaysOf(object);
  if (!names.includes(place.kind === "mesh" ? "mesh" : place.gateway) || !isForCaller(world, block, place))
    return false;
  // No claim is known in the mesh.
  if (place.kind === "mesh") return Object.keys(block.headers ?? {}).every((name) => claimPath(name) === null);
  return port === 0 || port === place.port;
}

/** Whether a block is there for the callers of a place: in the mesh their namespace is compared with each request. */
function isForCaller(
  world: World,
  { gateways, sourceLabels = {}, sourceNamespace }: HttpMatchSpec,
  { kind, viewer }: Place,
): boolean {
  // As in Istio a block that names its gateways is for all that call through them.
  if (gateways !== undefined) return true;
  if (kind === "gateway" && sourceNamespace !== undefined && sourceNamespace !== viewerNamespace(viewer)) return false;
  return selects(sourceLabels, viewerLabels(world, viewer));
}

function matchModel(block: HttpMatchSpec, inMesh: boolean): RouteMatch {
  const { uri, ignoreUriCase, scheme, method, authority, queryParams = {}, port = 0 } = block;
  // As in Istio a block that names its gateways is for all that call through them.
  const sourceNamespace = inMesh && block.gateways === undefined ? block.sourceNamespace : undefined;
  const named = namedMatches(block);
  const headers = named.flatMap(({ name, spec, invert }) =>
    claimPath(name) === null ? [{ ...headerModel(name.toLowerCase(), spec), ...invert }] : [],
  );
  const claims = named.flatMap(({ name, spec, invert }) => {
    const path = inMesh ? null : claimPath(name);
    return path === null ? [] : [{ path, match: presenceModel(spec), ...invert }];
  });
  const query = Object.entries(queryParams).map(([key, match]) => ({ name: key, match: presenceModel(match) }));
  return {
    ...(uri && { uri: uriModel(uri, ignoreUriCase === true) }),
    ...(scheme && { scheme: stringModel(scheme) }),
    ...(method && { method: stringModel(method) }),
    ...(authority && { authority: authorityModel(authority) }),
    ...(headers.length > 0 && { headers }),
    ...(query.length > 0 && { query }),
    ...(claims.length > 0 && { claims }),
    ...(inMesh && port !== 0 && { port }),
    ...(sourceNamespace !== undefined && { sourceNamespace }),
  };
}

interface NamedMatch {
  readonly name: string;
  readonly spec: StringMatchSpec;
  readonly invert: { readonly invert?: true };
}

function namedMatches({ headers = {}, withoutHeaders = {} }: HttpMatchSpec): readonly NamedMatch[] {
  return [
    ...Object.entries(headers).map(([name, spec]) => ({ name, spec, invert: {} })),
    ...Object.entries(withoutHeaders).map(([name, spec]) => ({ name, spec, invert: { invert: true as const } })),
  ];
}

/** As requests are compared: escapes in capitals. A pattern is its author's. */
function uriModel(spec: StringMatchSpec, ignoreCase: boolean): StringMatch {
  const model = stringModel(spec);
  if (model.kind !== "exact" && model.kind !== "prefix") return model;
  return { kind: model.kind, value: withCapitalEscapes(model.value), ...(ignoreCase && { ignoreCase: true as const }) };
}
