import { meshConfig, trustDomain } from "../view.ts";
import type { World } from "../world.ts";

/** In policies of Istio it stands for the mesh's own domain, whatever that is. */
export const POINTER = "cluster.local";

/** By which names policies may call the mesh's own trust domain. A caller is always shown under the first. */
export interface TrustDomains {
  readonly own: string;
  /** Without `own`; empty: values stand as they are. */
  readonly others: readonly string[];
}

export function trustDomains(world: World): TrustDomains {
  const own = trustDomain(world);
  const { trustDomainAliases = [] } = meshConfig(world);
  return { own, others: [...new Set([...trustDomainAliases, POINTER])].filter((name) => name !== own) };
}

/**
 * The values of a policy, and those under which a caller of the mesh's own domain is meant who is named by another of its names:
 * a principal matches if it does under any of them.
 *
 * @param values principals, with `*` at one end
 */
export function withOwnPrincipals(values: readonly string[], { own, others }: TrustDomains): readonly string[] {
  if (others.length === 0) return values;
  return [...new Set(values.flatMap((value) => [value, ...ownPrincipal(value, own, others)]))];
}

function ownPrincipal(value: string, own: string, others: readonly string[]): readonly string[] {
  const isSuffix = value.startsWith("*");
  const text = isSuffix ? value.slice(1) : value;
  const slash = text.indexOf("/");
  const isPrefix = !isSuffix && text.endsWith("*");
  // A prefix that ends within the domain: `old-*`.
  if (slash < 0) return isPrefix && others.some((name) => name.startsWith(text.slice(0, -1))) ? [`${own}/*`] : [];
  const domain = text.slice(0, slash);
  if (domain === "") return [];
  const isMeant = others.some((name) => (isSuffix ? name.endsWith(domain) : name === domain));
  return isMeant ? [own + text.slice(slash)] : [];
}

/** The same of trust domains. */
export function withOwnDomains(values: readonly string[], { own, others }: TrustDomains): readonly string[] {
  const isMeant = (value: string): boolean =>
    value !== "*" &&
    others.some((name) => {
      if (value.startsWith("*")) return name.endsWith(value.slice(1));
      return value.endsWith("*") ? name.startsWith(value.slice(0, -1)) : name === value;
    });
  return values.some(isMeant) ? [...new Set([...values, own])] : values;
}
