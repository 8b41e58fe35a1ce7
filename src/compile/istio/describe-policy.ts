import { type KubeObject, refKey } from "../../resources/object.ts";
import type { AuthorizationPolicySpec } from "../../resources/authorization-policy.ts";
import type { PeerAuthenticationSpec } from "../../resources/peer-authentication.ts";
import type { RequestAuthenticationSpec } from "../../resources/request-authentication.ts";
import { registrationsOf } from "../addresses.ts";
import { isFor, selectorOf, targetsOf } from "../entries.ts";
import { endpointsOf, type ServiceEndpoint } from "../services.ts";
import { missingTargets, targetLabels } from "../targets.ts";
import { namespaceOf, rootNamespace } from "../view.ts";
import type { World } from "../world.ts";
import { describeLimits } from "./describe-limits.ts";
import { registering, servicesIn } from "./describe-service.ts";
import { type Described, type DescribedPart, labelsText, part } from "./described.ts";

const GROUP = "security.istio.io";
const KINDS = ["AuthorizationPolicy", "RequestAuthentication", "PeerAuthentication"];

/** What policies of this name say, and which workloads they guard. */
export function describePolicy(world: World, namespace: string, name: string): Described | null {
  const found = KINDS.flatMap((kind) => world.inventory.object(refKey({ group: GROUP, kind, namespace, name })) ?? []);
  const limits = describeLimits(world, namespace, name);
  if (found.length === 0 && limits === null) return null;
  const each = found.map((policy) => ({ said: sayings(world, policy), ...guarded(world, policy) }));
  return {
    parts: [...each.flatMap(({ said, parts }) => [...said, ...parts]), ...(limits ?? [])],
    hosts: [...new Set(each.flatMap(({ hosts }) => hosts))],
  };
}

function sayings(world: World, policy: KubeObject): DescribedPart[] {
  const targets = targetsOf(policy);
  const missing = new Set(missingTargets(world, policy));
  const whom =
    targets.length > 0
      ? targets.map((target, at) =>
          part(
            "for",
            `${target}${missing.has(target) ? ", which is not there" : ""}`,
            policy,
            `spec.targetRefs[${at}]`,
          ),
        )
      : [part("for", whomText(world, policy), policy, "spec.selector")];
  return [...whom, ...ruleParts(policy)];
}

function whomText(world: World, policy: KubeObject): string {
  const labels = selectorOf(policy);
  const where = namespaceOf(policy) === rootNamespace(world) ? "any namespace" : `namespace ${namespaceOf(policy)}`;
  return Object.keys(labels).length === 0 ? `all workloads of ${where}` : `${labelsText(labels)} in ${where}`;
}

function ruleParts(policy: KubeObject): DescribedPart[] {
  switch (policy.kind) {
    case "AuthorizationPolicy": {
      const { action = "ALLOW", rules = [], provider } = policy.spec as AuthorizationPolicySpec;
      const dryRun = policy.metadata.annotations?.["istio.io/dry-run"] === "true";
      return [
        part("action", dryRun ? `${action}, as a dry run: it refuses nothing` : action, policy, "spec.action"),
        ...(provider === undefined ? [] : [part("provider", provider.name, policy, "spec.provider.name")]),
        ...rules.map((rule, at) => part(`rule ${at}`, rule, policy, `spec.rules[${at}]`)),
      ];
    }
    case "RequestAuthentication":
      return ((policy.spec as RequestAuthenticationSpec).jwtRules ?? []).map(({ issuer }, at) =>
        part(`rule ${at}`, `tokens of ${issuer}`, policy, `spec.jwtRules[${at}]`),
      );
    default: {
      const { mtls, portLevelMtls = {} } = policy.spec as PeerAuthenticationSpec;
      return [
        part("mtls", mtls?.mode ?? "UNSET", policy, "spec.mtls.mode"),
        ...Object.entries(portLevelMtls).map(([port, { mode = "UNSET" }]) =>
          part(`mtls port ${port}`, mode, policy, `spec.portLevelMtls[${port}].mode`),
        ),
      ];
    }
  }
}

/** Nobody reads more, and who writes waits while control looks: so many workloads are named, */
const MAX_WORKLOADS = 200;
/** and so many endpoints looked at. */
const MAX_LOOKED_AT = 2_000;

/** The workloads of services, by the objects that register them. */
function guarded(world: World, policy: KubeObject): Described {
  const parts = new Map<string, DescribedPart>();
  const hosts = new Set<string>();
  const services = namespacesOf(world, policy).flatMap((namespace) => servicesIn(world, namespace));
  let lookedAt = 0;
  for (const [at, service] of services.entries())
    for (const endpoint of service.ports.flatMap(({ number }) => endpointsOf(world, service, number))) {
      if (parts.size >= MAX_WORKLOADS || lookedAt >= MAX_LOOKED_AT)
        return { parts: [...parts.values(), unseen(policy, lookedAt, services.length - at)], hosts: [...hosts] };
      lookedAt += 1;
      if (!guards(world, policy, endpoint)) continue;
      hosts.add(service.host);
      const name = `${endpoint.workload.namespace}/${endpoint.workload.name}`;
      const [object = service.object] = registering(world, endpoint);
      if (!parts.has(name)) parts.set(name, part(`workload ${name}`, `serves ${service.host}`, object, ""));
    }
  return { parts: [...parts.values()], hosts: [...hosts] };
}

function guards(world: World, policy: KubeObject, { key, port }: ServiceEndpoint): boolean {
  const own = namespaceOf(policy);
  return registrationsOf(world, key, port).some(
    ({ namespace, labels }) =>
      (namespace === own || own === rootNamespace(world)) &&
      isFor(policy, { ...labels, ...targetLabels(world, namespace, key, port) }),
  );
}

function unseen(policy: KubeObject, lookedAt: number, services: number): DescribedPart {
  const value = `not looked for past the first ${lookedAt} endpoints: ${services} services are left; describe one of them, or a workload, to see what guards it`;
  return part("more workloads", value, policy, "spec.selector");
}

/** Where its workloads may stand: those of the root namespace are for all. */
function namespacesOf(world: World, policy: KubeObject): readonly string[] {
  const own = namespaceOf(policy);
  return own === rootNamespace(world) ? world.inventory.keys("hosts-of") : [own];
}
