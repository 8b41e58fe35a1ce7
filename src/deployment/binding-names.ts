/** `reviews-v2` -> `EP_REVIEWS_V2`: the gateway's service binding for a Worker, as an address `binding:EP_REVIEWS_V2` names it. */
export function endpointBinding(worker: string): string {
  return `EP_${worker.toUpperCase().replaceAll("-", "_")}`;
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
