import { discoveryUri } from "../../resources/discovery.ts";
import { parseDuration } from "../../resources/duration.ts";
import type { KubeObject } from "../../resources/object.ts";
import type { JwtRuleSpec, RequestAuthenticationSpec } from "../../resources/request-authentication.ts";
import type { JwtRule } from "../../snapshot/model.ts";
import { isEgressAllowed } from "../addresses.ts";
import { meshConfig, namespaceOf } from "../view.ts";
import type { World } from "../world.ts";

const DEFAULT_JWKS_TIMEOUT_MS = 5_000;

/** What verifies nothing: no token is taken where its rule's keys are nowhere, or where the mesh's settings do not let them be. */
const NO_KEYS: JwtRule["keys"] = { kind: "inline", jwks: '{"keys":[]}' };

function keysOf(world: World, { issuer, jwks, jwksUri, timeout }: JwtRuleSpec): JwtRule["keys"] {
  if (jwks !== undefined) return { kind: "inline", jwks };
  const uri = jwksUri ?? discoveryUri(issuer);
  const url = uri === null ? null : URL.parse(uri);
  if (uri === null || url === null) return NO_KEYS;
  // The schema leaves plain http to loopback in the local mesh alone.
  if (url.protocol !== "http:" && !isEgressAllowed(world, url.hostname)) return NO_KEYS;
  const timeoutMs = (timeout === undefined ? null : parseDuration(timeout)) ?? DEFAULT_JWKS_TIMEOUT_MS;
  if (jwksUri !== undefined) return { kind: "remote", uri, timeoutMs };
  const { allowedHosts = [] } = meshConfig(world).egress ?? {};
  const hosts = [...new Set(allowedHosts.map((host) => host.toLowerCase()))].sort();
  return { kind: "discovery", uri, issuer, hosts, timeoutMs };
}

export function jwtRules(world: World, policy: KubeObject): readonly JwtRule[] {
  const { jwtRules: rules = [] } = policy.spec as RequestAuthenticationSpec;
  return rules.map((rule, index) => {
    const { fromHeaders = [], fromParams = [], fromCookies = [] } = rule;
    const nowhere = fromHeaders.length + fromParams.length + fromCookies.length === 0;
    return {
      name: `${namespaceOf(policy)}/${policy.metadata.name}/${index}`,
      issuer: rule.issuer,
      audiences: rule.audiences ?? [],
      keys: keysOf(world, rule),
      from: nowhere
        ? { headers: [{ name: "authorization", prefix: "Bearer " }], params: ["access_token"], cookies: [] }
        : {
            headers: fromHeaders.map(({ name, prefix = "" }) => ({ name: name.toLowerCase(), prefix })),
            params: fromParams,
            cookies: fromCookies,
          },
      forwardOriginalToken: rule.forwardOriginalToken ?? false,
      ...(rule.outputPayloadToHeader !== undefined && {
        outputPayloadToHeader: rule.outputPayloadToHeader.toLowerCase(),
      }),
      outputClaimToHeaders: (rule.outputClaimToHeaders ?? []).map(({ header, claim }) => ({
        header: header.toLowerCase(),
        claim,
      })),
      spaceDelimitedClaims: rule.spaceDelimitedClaims ?? [],
      ...(rule.presence === "REQUIRED" && { required: true as const }),
    };
  });
}
