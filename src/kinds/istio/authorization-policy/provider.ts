import { placeOf, providerNamed } from "../../../compile/authorizers.ts";
import type { World } from "../../../compile/world.ts";
import type { AuthorizationPolicySpec } from "../../../resources/authorization-policy.ts";
import { type Finding, warningAt } from "../../../resources/finding.ts";
import type { KubeObject } from "../../../resources/object.ts";

/** A CUSTOM policy whose provider is not there, or has no service: it may come yet, and until then what the policy matches is refused. */
export function checkProvider(world: World, object: KubeObject): readonly Finding[] {
  const { action, provider } = object.spec as AuthorizationPolicySpec;
  if (action !== "CUSTOM" || provider === undefined) return [];
  const found = providerNamed(world, provider.name)?.envoyExtAuthzHttp;
  if (found === undefined)
    return [told(`no \`extensionProviders\` of the mesh's settings has this name: what the policy matches is refused`)];
  if (placeOf(world, found.service, Number(found.port)) !== null) return [];
  return [told(`there is no service \`${found.service}\` with port ${found.port}: what the policy matches is refused`)];
}

function told(message: string): Finding {
  return warningAt("spec.provider.name", message, "TULLE0121");
}
