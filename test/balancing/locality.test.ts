import { describe, expect, it } from "vitest";
import { linkCallers, localityOf, type LocalityState } from "../../src/balancing/locality.ts";
import { hashOf } from "../../src/balancing/hash.ts";
import { linkBalancer, pick } from "../../src/balancing/pick.ts";
import type { Cluster, Endpoint, LoadBalancer, LocalitySettings } from "../../src/snapshot/model.ts";
import { cluster, endpoint } from "../decide/requests.ts";
import { deviations, IDLE } from "./balancers.ts";

const PICKS = 10_000;
const AMS = { colo: "AMS", country: "NL", continent: "EU" };
const CALLERS = [
  { continent: "EU", locality: "eu" },
  { country: "NL", locality: "eu/nl" },
  { colo: "AMS", locality: "eu/nl/ams" },
];
const FAILOVER: LocalitySettings = { failover: { labels: [], byLocality: true, regions: [] } };

/** Ten endpoints near the caller, ten in its region, ten elsewhere. */
const NEAR = Array.from({ length: 10 }, (_, at) => ({ ...endpoint(`near-${at}`), locality: "eu/nl/ams" }));
const REGION = Array.from({ length: 10 }, (_, at) => ({ ...endpoint(`region-${at}`), locality: "eu/de/fra" }));
const FAR = Array.from({ length: 10 }, (_, at) => ({ ...endpoint(`far-${at}`), locality: "us/va/iad" }));

function balanced(
  locality: LocalitySettings,
  loadBalancer: LoadBalancer = "RANDOM",
  endpoints = [...NEAR, ...REGION, ...FAR],
) {
  const model: Cluster = { ...cluster("a", endpoints), loadBalancer, locality };
  const balancer = linkBalancer(model, linkCallers(CALLERS));
  return {
    /** @param away endpoints that are ejected; @param tried endpoints that are healthy, and not to be used */
    one: (state: Partial<LocalityState>, away: readonly Endpoint[] = [], tried: readonly Endpoint[] = []) => {
      const healthy = away.length === 0 ? endpoints : endpoints.filter((one) => !away.includes(one));
      const usable = tried.length === 0 ? healthy : healthy.filter((one) => !tried.includes(one));
      return pick(usable, balancer, { ...IDLE, whereabouts: AMS, healthy, ...state })?.id ?? null;
    },
  };
}

/** How many of the picks went near, into the region and far. */
function spread(
  balancer: ReturnType<typeof balanced>,
  away: readonly Endpoint[] = [],
  tried: readonly Endpoint[] = [],
  stateOf: (request: number) => Partial<LocalityState> = (at) => ({ seed: hashOf(`${at}`) }),
): readonly number[] {
  const counts = { near: 0, region: 0, far: 0 };
  for (let at = 0; at < PICKS; at += 1) {
    const [name] = (balancer.one(stateOf(at), away, tried) ?? "").split("-");
    if (name === "near" || name === "region" || name === "far") counts[name] += 1;
  }
  return [counts.near, counts.region, counts.far];
}

/** Counts that are as they should be; a share of 0 is 0 exactly. */
function expectShares(counts: readonly number[], shares: readonly number[]): void {
  shares.forEach((share, at) => share === 0 && expect(counts[at]).toBe(0));
  const some = shares.map((share, at) => [counts[at] ?? 0, share] as const).filter(([, share]) => share > 0);
  const off = deviations(
    some.map(([count]) => count),
    some.map(([, share]) => share),
  );
  if (some.length > 1) expect(Math.max(...off)).toBeLessThan(4);
}

describe("a caller's locality", () => {
  it.each([
    { name: "is that of its colo", where: AMS, locality: "eu/nl/ams" },
    { name: "else of its country", where: { ...AMS, colo: "BRU" }, locality: "eu/nl" },
    { name: "else of its continent", where: { ...AMS, colo: "FRA", country: "DE" }, locality: "eu" },
    { name: "is not known elsewhere", where: { colo: "IAD", country: "US", continent: "NA" }, locality: null },
    {
      name: "is not known of whom nobody tells",
      where: { colo: null, country: null, continent: null },
      locality: null,
    },
  ])("$name", ({ where, locality }) => {
    expect(localityOf(where, linkCallers(CALLERS))).toBe(locality);
  });
});

describe("failover", () => {
  it.each([
    { name: "sends all that is healthy to the nearest", away: [], shares: [1, 0, 0] },
    // 8 of 10 times 1.4 is more than all.
    { name: "as long as most of it is", away: NEAR.slice(0, 2), shares: [1, 0, 0] },
    { name: "what it cannot carry to the next", away: NEAR.slice(0, 5), shares: [0.7, 0.3, 0] },
    { name: "all to the next where none is left", away: NEAR, shares: [0, 1, 0] },
    {
      name: "the rest of the rest farther on",
      away: [...NEAR.slice(0, 5), ...REGION.slice(0, 9)],
      shares: [0.7, 0.14, 0.16],
    },
    {
      name: "in proportion where all together cannot carry it",
      away: [...NEAR.slice(0, 8), ...REGION.slice(0, 8), ...FAR.slice(0, 9)],
      shares: [2, 2, 1],
    },
  ])("$name", ({ away, shares }) => {
    expectShares(spread(balanced(FAILOVER), away), shares);
  });

  it("knows nobody where nobody may be used", () => {
    expect(balanced(FAILOVER).one({}, [...NEAR, ...REGION, ...FAR])).toBeNull();
  });

  it("counts an endpoint that was tried as healthy, and goes on where all near ones were", () => {
    expectShares(spread(balanced(FAILOVER), [], NEAR.slice(0, 9)), [1, 0, 0]);
    expectShares(spread(balanced(FAILOVER), [], NEAR), [0, 1, 0]);
  });

  it("makes no difference for callers of unknown locality", () => {
    expectShares(
      spread(balanced(FAILOVER), [], [], (at) => ({ seed: hashOf(`${at}`), whereabouts: null })),
      [1, 1, 1],
    );
  });

  it.each([
    { name: "a ring", how: { ring: 64 } },
    { name: "a maglev table", how: { maglev: 251 } },
  ])("keeps a key's level and endpoint on $name", ({ how }) => {
    const away = NEAR.slice(0, 5);
    const of = balanced(FAILOVER, how);
    const ids = (seed: number) =>
      Array.from({ length: 200 }, (_, at) => of.one({ hash: hashOf(`key ${at}`), seed }, away));
    expect(ids(1)).toEqual(ids(2));
    expectShares(
      spread(of, away, [], (at) => ({ hash: hashOf(`key ${at}`) })),
      [0.7, 0.3, 0],
    );
  });

  it("goes round the endpoints of the level by turns", () => {
    const of = balanced(FAILOVER, "ROUND_ROBIN");
    expect(new Set(Array.from({ length: 10 }, (_, turn) => of.one({ turn }))).size).toBe(10);
  });
});

describe("distribute", () => {
  const shares: LocalitySettings = {
    distribute: [
      {
        from: "eu/*",
        to: [
          ["eu/nl/*", 70],
          ["us/*", 30],
        ],
      },
    ],
  };

  it("sends each locality its share", () => {
    expectShares(spread(balanced(shares)), [70, 0, 30]);
  });

  it("weighs a locality by how much of it is healthy", () => {
    // Half of it times 1.4.
    expectShares(spread(balanced(shares), NEAR.slice(0, 5)), [70 * 0.7, 0, 30]);
    expectShares(spread(balanced(shares), NEAR), [0, 0, 1]);
  });

  it("goes to another locality where all of one were tried, and knows nobody beside them", () => {
    expectShares(spread(balanced(shares), [], NEAR), [0, 0, 1]);
    expect(balanced(shares).one({}, [...NEAR, ...FAR])).toBeNull();
  });

  it("keeps a key in its locality", () => {
    const of = balanced(shares, { ring: 64 });
    const ids = (seed: number) => Array.from({ length: 200 }, (_, at) => of.one({ hash: hashOf(`key ${at}`), seed }));
    expect(ids(1)).toEqual(ids(2));
    expectShares(
      spread(of, [], [], (at) => ({ hash: hashOf(`key ${at}`) })),
      [70, 0, 30],
    );
  });
});
