import type { Whereabouts } from "../request/entrance.ts";
import { pick } from "../balancing/pick.ts";
import { panics } from "../resilience/outlier.ts";
import type { LinkedRetries, Result } from "../routing/retries.ts";
import type { LinkedCluster } from "../snapshot/link.ts";
import type { Endpoint } from "../snapshot/model.ts";
import { type Answer, answerOf } from "./answers.ts";
import type { Forward } from "./types.ts";

/** What is known of a cluster's endpoints at this moment. */
export interface Health {
  /** Ejected for this caller, now. */
  isEjected(endpoint: Endpoint): boolean;
  /** By its probes, for whoever calls. */
  isUnhealthy(endpoint: Endpoint): boolean;
  /** Requests under way from this isolate, by endpoint id. */
  readonly active: ReadonlyMap<string, number>;
  /** Grows by one with each pick of this cluster. */
  readonly turn: number;
  /** Epoch ms. */
  readonly now: number;
  /** Where the caller is; null: not known. */
  readonly whereabouts: Whereabouts | null;
}

/** One attempt that ended. */
export interface Attempted {
  readonly endpoint: Endpoint;
  readonly result: Result;
}

/** The next thing to do: call an endpoint, or answer. */
export type Next =
  | { readonly kind: "attempt"; readonly endpoint: Endpoint }
  | { readonly kind: "answer"; readonly answer: Answer };

/**
 * Picks the endpoint to call. One whose own policies refuse the request is never called, by whatever name it was reached (R7);
 * one that is ejected for this caller is not either, unless so many are that ejections are disregarded.
 *
 * @param history attempts that failed; `retryOf` said to try again
 * @param seed of the request's draws
 */
export function nextAttempt(forward: Forward, history: readonly Attempted[], health: Health, seed: number): Next {
  const { cluster, refusals, route } = forward;
  const notEjected = healthy(cluster, health);
  let usable = notEjected;
  if (refusals !== null) {
    const allowed = usable.filter(({ policySet }) => !refusals.has(policySet));
    const refusal = usable[0] && refusals.get(usable[0].policySet);
    if (allowed.length === 0 && refusal) return { kind: "answer", answer: refusal };
    usable = allowed;
  }
  if (history.length > 0 && route.retries !== null) usable = leftBy(route.retries, usable, history, cluster);
  const { turn, active, now, whereabouts } = health;
  const endpoint = pick(usable, cluster.balancer, {
    turn,
    seed,
    attempt: history.length,
    active,
    now,
    whereabouts,
    hash: forward.hash,
    healthy: notEjected,
  });
  return endpoint === null
    ? { kind: "answer", answer: answerOf("no_healthy_upstream", null, forward.route, cluster) }
    : { kind: "attempt", endpoint };
}

/** Picks an endpoint for a call beside the request itself. @returns null where none may be called */
export function pickEndpoint(cluster: LinkedCluster, health: Health, seed: number): Endpoint | null {
  const usable = healthy(cluster, health);
  const { turn, active, now, whereabouts } = health;
  return pick(usable, cluster.balancer, {
    turn,
    seed,
    attempt: 0,
    active,
    now,
    whereabouts,
    hash: null,
    healthy: usable,
  });
}

function healthy(cluster: LinkedCluster, health: Health): readonly Endpoint[] {
  const { outlier } = cluster.model;
  const { probed } = cluster;
  const endpoints =
    probed === null
      ? cluster.model.endpoints
      : cluster.model.endpoints.filter((endpoint) => !health.isUnhealthy(endpoint));
  if (outlier === undefined || !someEjected(endpoints, health)) return endpoints;
  const left = endpoints.filter((endpoint) => !health.isEjected(endpoint));
  return panics(outlier, endpoints.length, endpoints.length - left.length) ? endpoints : left;
}

function someEjected(endpoints: readonly Endpoint[], health: Health): boolean {
  for (const endpoint of endpoints) if (health.isEjected(endpoint)) return true;
  return false;
}

/**
 * What a retry's policy leaves: without endpoints that were tried, and without localities where every second attempt changes them
 * (Envoy's `previous_priorities`, by 2), each while there are others. A hash picks the same endpoint again, unless the route says
 * otherwise (Istio).
 */
function leftBy(
  { policy }: LinkedRetries,
  usable: readonly Endpoint[],
  history: readonly Attempted[],
  { model }: LinkedCluster,
): readonly Endpoint[] {
  const { remoteLocalities, avoidPrevious = typeof model.loadBalancer === "string" } = policy;
  const near = remoteLocalities === true ? history.slice(0, history.length - (history.length % 2)) : [];
  const elsewhere = without(usable, near, ({ locality = "" }) => locality);
  return avoidPrevious ? without(elsewhere, history, ({ id }) => id) : elsewhere;
}

function without(
  usable: readonly Endpoint[],
  history: readonly Attempted[],
  nameOf: (endpoint: Endpoint) => string,
): readonly Endpoint[] {
  if (history.length === 0) return usable;
  const tried = new Set(history.map(({ endpoint }) => nameOf(endpoint)));
  const others = usable.filter((endpoint) => !tried.has(nameOf(endpoint)));
  return others.length === 0 ? usable : others;
}
