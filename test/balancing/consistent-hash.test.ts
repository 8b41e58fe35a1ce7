import { describe, expect, it } from "vitest";
import { hashOf } from "../../src/balancing/hash.ts";
import { buildMaglev } from "../../src/balancing/maglev.ts";
import { pickIn } from "../../src/balancing/group.ts";
import { buildRing } from "../../src/balancing/ring.ts";
import { draw } from "../../src/request/draws.ts";
import type { Endpoint, LoadBalancer } from "../../src/snapshot/model.ts";
import { endpoint } from "../decide/requests.ts";
import { groupOf, deviations, IDLE, picks, weighing } from "./balancers.ts";

const PICKS = 10_000;
const RING: LoadBalancer = { ring: 1024 };
const MAGLEV: LoadBalancer = { maglev: 65_537 };

const keys = (count: number, set = 0): readonly number[] =>
  Array.from({ length: count }, (_, at) => hashOf(`key ${set} ${at}`));

/** Who gets each key. */
function owners(endpoints: readonly Endpoint[], how: LoadBalancer, of: readonly number[], usable = endpoints) {
  const group = groupOf(endpoints, how);
  return of.map((hash) => pickIn(usable === endpoints ? group.endpoints : usable, group, { ...IDLE, hash })?.id);
}

/** A hundred sets of ten endpoints with names of their own, and one of each to take away. */
const SETS = Array.from({ length: 100 }, (_, set) => {
  const endpoints = Array.from({ length: 10 }, (__, at) => endpoint(`10.${set}.0.${at}:80`));
  return { endpoints, away: endpoints[Math.floor(draw(7, 1, set) * 10)], of: keys(500, set) };
});

describe("hashOf", () => {
  it("is the same everywhere", () => {
    expect([hashOf(""), hashOf("a"), hashOf("user-1"), hashOf("user-2")]).toMatchInlineSnapshot(`
      [
        2872998923,
        444641715,
        2005895916,
        853201105,
      ]
    `);
  });

  it("spreads texts that differ little evenly", () => {
    const buckets = Array.from({ length: 64 }, () => 0);
    for (let at = 0; at < PICKS; at += 1) {
      const bucket = hashOf(`user-${at}`) >>> 26;
      buckets[bucket] = (buckets[bucket] ?? 0) + 1;
    }
    const even = buckets.map(() => 1);
    expect(Math.max(...deviations(buckets, even))).toBeLessThan(4);
  });
});

describe("a ring", () => {
  it.each([
    { name: "equal weights", weights: [1, 1, 1, 1] },
    { name: "different weights", weights: [1, 2, 5] },
  ])("is picked from in its own shares, which follow $name", ({ weights }) => {
    const endpoints = weighing(...weights);
    const { places, owners: owner } = buildRing(endpoints, 1024);
    const shares = endpoints.map(() => 0);
    places.forEach((place, at) => {
      const before = at === 0 ? (places.at(-1) ?? 0) - 2 ** 32 : (places[at - 1] ?? 0);
      shares[owner[at] ?? 0] = (shares[owner[at] ?? 0] ?? 0) + place - before;
    });
    const counts = picks(groupOf(endpoints, RING), PICKS, (at) => ({ hash: hashOf(`key ${at}`) }));
    expect(Math.max(...deviations(counts, shares))).toBeLessThan(4);
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    shares.forEach((share, at) => {
      const wanted = (weights[at] ?? 0) / total;
      expect(Math.abs(share / 2 ** 32 / wanted - 1)).toBeLessThan(0.2);
    });
  });

  it.each([
    { weights: [1, 1, 1], minimum: 1024 },
    { weights: [1, 100], minimum: 1024 },
    { weights: [3, 4_000_000_000], minimum: 1024 },
    { weights: Array.from({ length: 1000 }, () => 1), minimum: 1024 },
    { weights: [1, 1], minimum: 100_000 },
  ])("of $weights.length endpoints has $minimum places at least, and no more than it needs", ({ weights, minimum }) => {
    const ring = buildRing(weighing(...weights), minimum);
    expect(ring.places.length).toBeGreaterThanOrEqual(minimum);
    expect(ring.places.length).toBeLessThanOrEqual(Math.max(2 * minimum, 65_536) + weights.length);
    expect(new Set(ring.owners).size).toBe(weights.length);
  });

  it("moves only the keys of one of ten that is taken away, in 100 sets", () => {
    for (const { endpoints, away, of } of SETS) {
      const left = endpoints.filter((one) => one !== away);
      const before = owners(endpoints, RING, of);
      const gone = owners(left, RING, of);
      const ejected = owners(endpoints, RING, of, left);
      expect(gone.filter((id, at) => before[at] !== away?.id && id !== before[at])).toEqual([]);
      // One that is ejected for a while leaves its keys to those to whom they would fall without it.
      expect(ejected).toEqual(gone);
    }
  });
});

describe("a maglev table", () => {
  it.each([
    { name: "equal weights", weights: [1, 1, 1] },
    { name: "different weights", weights: [1, 2, 5, 10] },
  ])("is picked from in the share of $name", ({ weights }) => {
    const counts = picks(groupOf(weighing(...weights), MAGLEV), PICKS, (at) => ({ hash: hashOf(`key ${at}`) }));
    expect(Math.max(...deviations(counts, weights))).toBeLessThan(4);
  });

  it("gives every slot away, to each endpoint its share to the slot", () => {
    const table = buildMaglev(weighing(1, 2, 4), 1009);
    const counts = [0, 0, 0];
    for (const owner of table) counts[owner] = (counts[owner] ?? 0) + 1;
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(1009);
    [1, 2, 4].forEach((weight, at) => expect(Math.abs((counts[at] ?? 0) - (1009 * weight) / 7)).toBeLessThanOrEqual(4));
  });

  it("moves at most 5 % of the other keys when one of ten is taken away, in 100 sets", { timeout: 60_000 }, () => {
    for (const { endpoints, away, of } of SETS) {
      const left = endpoints.filter((one) => one !== away);
      const before = owners(endpoints, MAGLEV, of);
      const gone = owners(left, MAGLEV, of);
      const kept = before.flatMap((id, at) => (id === away?.id ? [] : [gone[at] === id]));
      expect(kept.filter((stays) => !stays).length / kept.length).toBeLessThanOrEqual(0.05);
    }
  });

  it("moves only the keys of one that is ejected, to the others in equal shares", () => {
    const endpoints = weighing(1, 1, 1, 1, 1, 1, 1, 1, 1, 1);
    const away = endpoints[3];
    const of = keys(PICKS);
    const left = endpoints.filter((one) => one !== away);
    const before = owners(endpoints, MAGLEV, of);
    const after = owners(endpoints, MAGLEV, of, left);
    expect(after.filter((id, at) => before[at] !== away?.id && id !== before[at])).toEqual([]);
    const moved = after.filter((_, at) => before[at] === away?.id);
    const counts = left.map(({ id }) => moved.filter((to) => to === id).length);
    expect(
      Math.max(
        ...deviations(
          counts,
          left.map(() => 1),
        ),
      ),
    ).toBeLessThan(4);
  });
});

describe.each([
  { name: "a ring", how: RING },
  { name: "a maglev table", how: MAGLEV },
])("$name", ({ how }) => {
  it("gives a request that lacks the key a random endpoint, in the share of weights", () => {
    const counts = picks(groupOf(weighing(1, 3), how), PICKS, (at) => ({ seed: hashOf(`${at}`) }));
    expect(Math.max(...deviations(counts, [1, 3]))).toBeLessThan(4);
  });

  it("knows nobody where none may be used, and the last one where all others are away", () => {
    const endpoints = weighing(1, 1, 1, 1, 1, 1, 1, 1, 1, 1);
    const group = groupOf(endpoints, how);
    const two = endpoints.slice(8);
    expect(pickIn([], group, { ...IDLE, hash: 1 })).toBeNull();
    for (const hash of keys(500)) expect(two).toContain(pickIn(two, group, { ...IDLE, hash }));
  });
});
