import { type Group, type GroupState, linkGroup, pickIn } from "../../src/balancing/group.ts";
import type { Endpoint, LoadBalancer } from "../../src/snapshot/model.ts";
import { endpoint } from "../decide/requests.ts";

export const IDLE: GroupState = { turn: 0, seed: 0, attempt: 0, active: new Map(), hash: null, now: 0 };

/** Endpoints `n0`, `n1`, … of these weights. */
export function weighing(...weights: readonly number[]): readonly Endpoint[] {
  return weights.map((weight, at) => ({ ...endpoint(`n${at}`), weight }));
}

export function groupOf(endpoints: readonly Endpoint[], loadBalancer: LoadBalancer): Group {
  return linkGroup(endpoints, { loadBalancer });
}

/** How often each endpoint is picked by requests with the seeds, turns and hashes 0 to `count`. */
export function picks(
  group: Group,
  count: number,
  stateOf: (request: number) => Partial<GroupState>,
  usable = group.endpoints,
): readonly number[] {
  const counts = new Map<string, number>();
  for (let request = 0; request < count; request += 1) {
    const picked = pickIn(usable, group, { ...IDLE, ...stateOf(request) });
    if (picked !== null) counts.set(picked.id, (counts.get(picked.id) ?? 0) + 1);
  }
  return group.endpoints.map(({ id }) => counts.get(id) ?? 0);
}

/** By how many standard deviations each count lies off the share that it should have. */
export function deviations(counts: readonly number[], shares: readonly number[]): readonly number[] {
  const all = counts.reduce((sum, count) => sum + count, 0);
  const whole = shares.reduce((sum, share) => sum + share, 0);
  return counts.map((count, at) => {
    const share = (shares[at] ?? 0) / whole;
    return Math.abs(count - all * share) / Math.sqrt(all * share * (1 - share));
  });
}
