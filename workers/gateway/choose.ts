import type { Forward, Refusal } from "../../src/decide/types.ts";
import { panics } from "../../src/resilience/outlier.ts";
import { pick } from "../../src/resilience/pick.ts";
import type { LinkedCluster } from "../../src/snapshot/link.ts";
import type { Endpoint } from "../../src/snapshot/model.ts";

/** Round robin's place, per cluster as linked: a new configuration begins anew. */
export type Turns = WeakMap<LinkedCluster, number>;

/** Requests under way from this isolate, by endpoint id. */
export class ActiveCounts {
  readonly #counts = new Map<string, number>();

  of(endpoint: Endpoint): number {
    return this.#counts.get(endpoint.id) ?? 0;
  }

  add(endpoint: Endpoint): void {
    this.#counts.set(endpoint.id, this.of(endpoint) + 1);
  }

  remove(endpoint: Endpoint): void {
    const left = this.of(endpoint) - 1;
    if (left > 0) this.#counts.set(endpoint.id, left);
    else this.#counts.delete(endpoint.id);
  }
}

export type Choice =
  | { readonly kind: "endpoint"; readonly endpoint: Endpoint }
  | { readonly kind: "refused"; readonly refusal: Refusal }
  | { readonly kind: "none_healthy" };

/**
 * Picks the endpoint to call. One whose own policies refuse the request is never called, by whatever name it was reached;
 * one that is ejected for this caller is not either, unless so many are that ejections are disregarded.
 *
 * @param isEjected for this caller, now
 */
export function choose(
  decision: Forward,
  isEjected: (endpoint: Endpoint) => boolean,
  turns: Turns,
  active: ActiveCounts,
): Choice {
  const { cluster, refusals } = decision;
  const { endpoints, outlier, loadBalancer } = cluster.model;
  let usable: readonly Endpoint[] = endpoints;
  if (outlier !== undefined) {
    const healthy = endpoints.filter((endpoint) => !isEjected(endpoint));
    if (!panics(outlier, endpoints.length, endpoints.length - healthy.length)) usable = healthy;
  }
  if (refusals !== null) {
    const allowed = usable.filter(({ policySet }) => !refusals.has(policySet));
    const [first] = usable;
    const refusal = first === undefined ? undefined : refusals.get(first.policySet);
    if (allowed.length === 0 && refusal !== undefined) return { kind: "refused", refusal };
    usable = allowed;
  }
  const turn = turns.get(cluster) ?? 0;
  turns.set(cluster, turn + 1);
  const endpoint = pick(usable, loadBalancer, {
    turn,
    draws: [Math.random(), Math.random()],
    active: (one) => active.of(one),
  });
  return endpoint === null ? { kind: "none_healthy" } : { kind: "endpoint", endpoint };
}
