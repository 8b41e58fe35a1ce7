import type { DestinationSpec } from "../../resources/destination.ts";
import type { HttpMatchSpec } from "../../resources/http-match.ts";
import { type KubeObject, refKey, refOf } from "../../resources/object.ts";
import type { HttpRouteSpec, VirtualServiceSpec } from "../../resources/virtual-service.ts";
import { qualifiedGateway } from "../entries.ts";
import { visible } from "../exports.ts";
import { namespaceOf, qualified } from "../view.ts";
import type { World } from "../world.ts";
import { mergeMatches } from "./merge-matches.ts";

/** A rule as it holds: what a delegate says is merged into it, names are whole. */
export interface EffectiveRule {
  /** Its name in logs, or its place among the rules. */
  readonly label: string;
  readonly rule: HttpRouteSpec;
  /** Where it is written: in the root, or in its delegate. */
  readonly from: KubeObject;
  readonly index: number;
}

/** What becomes of a rule that delegates. */
export interface Delegation {
  /** Of the root's rule. */
  readonly index: number;
  readonly delegate: string;
  /** Why none of it holds; null: it is there. */
  readonly missing: "absent" | "hidden" | "large" | null;
  /** Of the delegate's rules that conflict with the root's. */
  readonly dropped: readonly number[];
}

interface Effective {
  readonly rules: readonly EffectiveRule[];
  readonly delegations: readonly Delegation[];
}

/** Match blocks that one VirtualService's delegations may come to: those of root and delegate are multiplied. */
const MAX_BLOCKS = 100_000;

/** The rules of a VirtualService that has hosts, in order, with those that it delegates to others. */
export function rulesOf(world: World, object: KubeObject): readonly EffectiveRule[] {
  return effective(world, object).rules;
}

/** What becomes of each rule that delegates. */
export function delegationsOf(world: World, object: KubeObject): readonly Delegation[] {
  return effective(world, object).delegations;
}

function effective(world: World, object: KubeObject): Effective {
  const key = refKey(refOf(object));
  return world.memo.get(`effective-rules ${key}`, () => withDelegates(world, world.inventory.object(key) ?? object));
}

function withDelegates(world: World, object: KubeObject): Effective {
  const namespace = namespaceOf(object);
  const rules: EffectiveRule[] = [];
  const delegations: Delegation[] = [];
  let left = MAX_BLOCKS;
  for (const [index, rule] of (object.spec as VirtualServiceSpec).http.entries()) {
    const root = resolved(rule, namespace);
    if (rule.delegate === undefined) {
      rules.push({ label: rule.name || String(index), rule: root, from: object, index });
      continue;
    }
    const name = delegateName(rule.delegate, namespace);
    const [found] = world.inventory.of("delegate", name);
    const blocks = found ? joinedBlocks(rule, found) : 0;
    const missing = whyMissing(world, found, namespace, blocks > left);
    const made = found && missing === null ? merged(root, found) : [];
    if (missing === null) left -= blocks;
    for (const { at, rule: one } of made)
      if (one) rules.push({ label: one.name || `${index}-${at}`, rule: one, from: found ?? object, index: at });
    const dropped = made.flatMap(({ at, rule: one }) => (one === null ? at : []));
    delegations.push({ index, delegate: name, missing, dropped });
  }
  return { rules, delegations };
}

function whyMissing(
  world: World,
  delegate: KubeObject | undefined,
  ofRoot: string,
  isLarge: boolean,
): Delegation["missing"] {
  if (delegate === undefined) return "absent";
  if (!visible(world, delegate, ofRoot)) return "hidden";
  return isLarge ? "large" : null;
}

function joinedBlocks({ match = [] }: HttpRouteSpec, delegate: KubeObject): number {
  const { http } = delegate.spec as VirtualServiceSpec;
  return http.reduce((sum, { match: own = [] }) => sum + Math.max(match.length, 1) * Math.max(own.length, 1), 0);
}

/** `namespace/name`; without a namespace it is one of the root's. */
export function delegateName({ name, namespace = "" }: NonNullable<HttpRouteSpec["delegate"]>, ofRoot: string): string {
  return `${namespace || ofRoot}/${name}`;
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
