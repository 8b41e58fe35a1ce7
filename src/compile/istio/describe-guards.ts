import type { AuthorizationPolicySpec } from "../../resources/authorization-policy.ts";
import { MODE_LABEL } from "../../resources/core.ts";
import type { KubeObject } from "../../resources/object.ts";
import type { PeerAuthenticationSpec } from "../../resources/peer-authentication.ts";
import type { RequestAuthenticationSpec } from "../../resources/request-authentication.ts";
import { type APIKeyPolicySpec, DEFAULT_KEY_HEADER } from "../../resources/api-key-policy.ts";
import { type Labels, selectorOf } from "../entries.ts";
import { meshConfig, meshConfigObject, namespaceOf, rootNamespace } from "../view.ts";
import type { World } from "../world.ts";
import { type DescribedPart, part } from "./described.ts";
import { observes, selecting } from "./policies.ts";

/** Policies' actions in the order in which they decide; requests are authenticated before the second. */
const BEFORE_TOKENS = ["CUSTOM"] as const;
const AFTER_TOKENS = ["DENY", "ALLOW", "AUDIT"] as const;

/** What guards a workload with these labels, in the order in which it decides. @param ports by which policies know it */
export function guardParts(world: World, namespace: string, labels: Labels, ports: readonly number[]): DescribedPart[] {
  return [
    ...modeParts(world, namespace),
    ...mtlsParts(world, namespace, labels, ports),
    ...keyParts(world, namespace, labels),
    ...actionParts(world, namespace, labels, BEFORE_TOKENS),
    ...selecting(world, "request-authentication", namespace, labels).flatMap((object) =>
      ((object.spec as RequestAuthenticationSpec).jwtRules ?? []).map(({ issuer }, at) =>
        part("tokens", `issuer ${issuer}`, object, `spec.jwtRules[${at}]`),
      ),
    ),
    ...actionParts(world, namespace, labels, AFTER_TOKENS),
    ...defaultDeny(world),
  ];
}

function modeParts(world: World, namespace: string): DescribedPart[] {
  if (!observes(world, namespace)) return [];
  const [own] = world.inventory.of("namespace", namespace);
  const value = "observe: policies are decided, logged and counted, and refuse nothing";
  if (own?.metadata.labels?.[MODE_LABEL] !== undefined)
    return [part("mode", value, own, `metadata.labels[${MODE_LABEL}]`)];
  const config = meshConfigObject(world);
  return config === null ? [] : [part("mode", value, config, "spec.mode")];
}

/** The last level that says a mode holds: mesh, namespace, workload, port. */
function mtlsParts(world: World, namespace: string, labels: Labels, ports: readonly number[]): DescribedPart[] {
  const root = rootNamespace(world);
  const peers = selecting(world, "peer-authentication", namespace, labels);
  const isGeneral = (object: KubeObject): boolean => Object.keys(selectorOf(object)).length === 0;
  const levels = [
    peers.find((object) => isGeneral(object) && namespaceOf(object) === root),
    peers.find((object) => isGeneral(object) && namespaceOf(object) !== root),
    peers.find((object) => !isGeneral(object) && namespaceOf(object) !== root),
  ].filter((object) => object !== undefined);
  const said = levels.filter((object) => isSet((object.spec as PeerAuthenticationSpec).mtls?.mode));
  const last = said.at(-1);
  const own = levels.find((object) => !isGeneral(object));
  const byPort = Object.entries((own?.spec as PeerAuthenticationSpec | undefined)?.portLevelMtls ?? {});
  return [
    ...(last === undefined
      ? []
      : [part("mtls", (last.spec as PeerAuthenticationSpec).mtls?.mode ?? "", last, "spec.mtls.mode")]),
    ...byPort.flatMap(([port, level]) =>
      own !== undefined && isSet(level.mode) && ports.includes(Number(port))
        ? [part(`mtls port ${port}`, level.mode ?? "", own, `spec.portLevelMtls[${port}].mode`)]
        : [],
    ),
  ];
}

function keyParts(world: World, namespace: string, labels: Labels): DescribedPart[] {
  return selecting(world, "api-key", namespace, labels).map((object) => {
    const { header = DEFAULT_KEY_HEADER, presence = "Required" } = object.spec as APIKeyPolicySpec;
    const asks = presence === "Required" ? "asked for" : "looked at where there is one";
    return part("API key", `${asks}: of namespace ${namespaceOf(object)}, in ${header}`, object, "spec");
  });
}

function isSet(mode: string | undefined): boolean {
  return mode !== undefined && mode !== "UNSET";
}

function actionParts(
  world: World,
  namespace: string,
  labels: Labels,
  actions: readonly ("CUSTOM" | "DENY" | "ALLOW" | "AUDIT")[],
): DescribedPart[] {
  const policies = selecting(world, "authorization", namespace, labels);
  return actions.flatMap((action) =>
    policies
      .filter(({ spec }) => ((spec as AuthorizationPolicySpec).action ?? "ALLOW") === action)
      .map((object) => part(action, rulesText(object), object, "spec.rules")),
  );
}

function rulesText(object: KubeObject): string {
  const { rules = [], provider } = object.spec as AuthorizationPolicySpec;
  const asks = provider === undefined ? "" : `asks ${provider.name}: `;
  if (rules.length === 0) return `${asks}no rule, so it matches nothing`;
  const [first] = rules;
  return `${asks}${rules.length === 1 ? JSON.stringify(first) : `${rules.length} rules, the first ${JSON.stringify(first)}`}`;
}

function defaultDeny(world: World): DescribedPart[] {
  const config = meshConfigObject(world);
  if (config === null || meshConfig(world).defaultDeny !== true) return [];
  return [part("ALLOW", "nobody whom no ALLOW policy names", config, "spec.defaultDeny")];
}
