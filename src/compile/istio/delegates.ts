import type { DestinationSpec } from "../../resources/destination.ts";
import type { HttpMatchSpec } from "../../resources/http-match.ts";
import type { KubeObject } from "../../resources/object.ts";
import type { HttpRouteSpec, VirtualServiceSpec } from "../../resources/virtual-service.ts";
import { qualifiedGateway } from "../entries.ts";
import { visible } from "../exports.ts";
import { namespaceOf, qualified } from "../view.ts";
import type { World } from "../world.ts";
import { mergeMatches } from "./merge-matches.ts";

/** A rule as it holds: what a delegate says is merged into it, names are whole. */
interface EffectiveRule {
  /** Its name in logs, or its place among the rules. */
  readonly label: string;
  readonly rule: HttpRouteSpec;
}

/** Something of a VirtualService that does not hold. */
export interface Delegation {
  /** Of the root's rule. */
  readonly index: number;
  readonly delegate: string;
  /** Why none of it holds; null: it is there. */
  readonly missing: "absent" | "hidden" | null;
  /** Of the delegate's rules that conflict with the root's. */
  readonly dropped: readonly number[];
}

/** The rules of a VirtualService that has hosts, in order, with those that it delegates to others. */
export function rulesOf(world: World, object: KubeObject): readonly EffectiveRule[] {
  const namespace = namespaceOf(object);
  const { http } = object.spec as VirtualServiceSpec;
  return http.flatMap((rule, index) => {
    if (rule.delegate === undefined) return { label: rule.name || String(index), rule: resolved(rule, namespace) };
    const found = delegateOf(world, rule, namespace);
    if (found === null || !visible(world, found, namespace)) return [];
    const root = resolved(rule, namespace);
    return merged(root, found).flatMap(({ at, rule: made }) =>
      made === null ? [] : { label: made.name || `${index}-${at}`, rule: made },
    );
  });
}

/** What becomes of each rule that delegates. */
export function delegationsOf(world: World, object: KubeObject): readonly Delegation[] {
  const namespace = namespaceOf(object);
  const { http } = object.spec as VirtualServiceSpec;
  return http.flatMap((rule, index) => {
    if (rule.delegate === undefined) return [];
    const delegate = delegateName(rule.delegate, namespace);
    const found = delegateOf(world, rule, namespace);
    if (found === null) return { index, delegate, missing: "absent" as const, dropped: [] };
    if (!visible(world, found, namespace)) return { index, delegate, missing: "hidden" as const, dropped: [] };
    const dropped = merged(resolved(rule, namespace), found).flatMap(({ at, rule: made }) => (made === null ? at : []));
    return { index, delegate, missing: null, dropped };
  });
}

/** `namespace/name`; without a namespace it is one of the root's. */
export function delegateName({ name, namespace = "" }: NonNullable<HttpRouteSpec["delegate"]>, ofRoot: string): string {
  return `${namespace || ofRoot}/${name}`;
}

function delegateOf({ inventory }: World, { delegate }: HttpRouteSpec, namespace: string): KubeObject | null {
  return (delegate && inventory.of("delegate", delegateName(delegate, namespace))[0]) ?? null;
}

/** @returns each of the delegate's rules; null for one that conflicts with the root's */
function merged(
  root: HttpRouteSpec,
  delegate: KubeObject,
): readonly { readonly at: number; readonly rule: HttpRouteSpec | null }[] {
  const { http } = delegate.spec as VirtualServiceSpec;
  return http.map((rule, at) => ({ at, rule: mergeRule(root, resolved(rule, namespaceOf(delegate))) }));
}

/** As Istio: what the delegate does not say the root's rule says, and its matches are narrowed by the root's. */
function mergeRule(root: HttpRouteSpec, rule: HttpRouteSpec): HttpRouteSpec | null {
  const match = mergeMatches(root.match ?? [], rule.match ?? []);
  if (match === null) return null;
  const name = [root.name, rule.name].filter((one) => one !== undefined && one !== "").join("-");
  const answers = rule.redirect !== undefined || rule.directResponse !== undefined;
  const { rewrite, delegate: _delegate, ...inherited } = root;
  return { ...inherited, ...(rewrite && !answers && { rewrite }), ...rule, name, match: [...match] };
}

/** Short names are of the namespace in which they stand, whoever uses them. */
function resolved(rule: HttpRouteSpec, namespace: string): HttpRouteSpec {
  const { match, route, mirror, mirrors } = rule;
  const at = <T extends { readonly destination: DestinationSpec }>(one: T): T => ({
    ...one,
    destination: whole(one.destination, namespace),
  });
  return {
    ...rule,
    ...(match && { match: match.map((block) => withGateways(block, namespace)) }),
    ...(route && { route: route.map(at) }),
    ...(mirror && { mirror: whole(mirror, namespace) }),
    ...(mirrors && { mirrors: mirrors.map(at) }),
  };
}

function withGateways(block: HttpMatchSpec, namespace: string): HttpMatchSpec {
  const { gateways } = block;
  return gateways ? { ...block, gateways: gateways.map((name) => qualifiedGateway(name, namespace)) } : block;
}

function whole(destination: DestinationSpec, namespace: string): DestinationSpec {
  return { ...destination, host: qualified(destination.host, namespace) };
}
