import { canonicalJson } from "../snapshot/canonical.ts";

/** `reviews-v2` -> `EP_REVIEWS_V2`: the gateway's service binding for a Worker, as an address `binding:EP_REVIEWS_V2` names it. */
export function endpointBinding(worker: string): string {
  return `EP_${upper(worker)}`;
}

/** `shop-gateway` -> `MESH_SHOP_GATEWAY`: a caller's binding to a gateway, for its calls by host name. */
export function meshBinding(gateway: string): string {
  return `MESH_${upper(gateway)}`;
}

/**
 * The gateway's service binding for one variant of a Worker: for one of its entrypoints, with the props that its user wrote.
 * Only the props of a caller's binding name a variant; whoever writes them decides which.
 *
 * @param base `EP_REVIEWS_V2`, by whichever version was picked
 * @param variant holds a lower-case letter, so that no address of a policy or slice can name what comes of it
 */
export function variantBinding(base: string, variant: string): string {
  return `${base}__${variant}`;
}

/** Whether an address may name it: a Worker's binding, none of its variants. */
export function isEndpointBinding(binding: string): boolean {
  return /^EP_[A-Z0-9_]+$/.test(binding);
}

/** Stands for a text: letters and digits, the same for the same text, and nobody finds two texts of one. */
export type Digest = (text: string) => string;

/**
 * Names an entrypoint with the props that its user wrote: the same for the same ones, another for others, also where their
 * user wants them to be one.
 *
 * @returns null for the default entrypoint without props
 */
export function variantName(
  entrypoint: string | undefined,
  props: Readonly<Record<string, unknown>> | undefined,
  digest: Digest,
): string | null {
  if (entrypoint === undefined && props === undefined) return null;
  const name = entrypoint ?? "default";
  return `${name.replaceAll(/\W/g, "_")}_x${digest(canonicalJson([name, props ?? null]))}`;
}

function upper(name: string): string {
  return name.toUpperCase().replaceAll(/\W/g, "_");
}
