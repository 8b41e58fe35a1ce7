import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { OutcomeReport } from "../../src/snapshot/rpc.ts";
import { Breakers } from "../../src/resilience/breakers.ts";
import { Judgement } from "../../workers/state/judgement.ts";

const SETTINGS = {
  consecutive5xx: 5,
  consecutiveGatewayErrors: 0,
  intervalMs: 30_000,
  baseEjectionMs: 30_000,
  maxEjectionPercent: 10,
  minHealthPercent: 0,
  alwaysEjectOne: true,
};
const T0 = 1_800_000_000_000;
const KEY = { caller: "order", cluster: "c", endpoint: "e" };
const CLUSTERS = new Set(["c"]);

function fail(breakers: Breakers, count: number, now: number, key = KEY): void {
  for (let i = 0; i < count; i += 1) breakers.record(key, SETTINGS, 1, 500, now);
}

function errors(breakers: Breakers, count: number, now: number, key = KEY): readonly OutcomeReport[] {
  fail(breakers, count, now, key);
  return breakers.take(now);
}

describe("what the cell joins of several isolates", () => {
  it("is an ejection where they saw five errors in a row between them", () => {
    const cell = new Judgement();
    for (const isolate of [new Breakers(), new Breakers()])
      for (const report of errors(isolate, 3, T0 + 1)) cell.take(report, T0 + 2);
    expect(cell.ejections(CLUSTERS, T0 + 3)).toMatchObject([{ ...KEY, durationMs: 30_000 }]);
  });

  it("is none where one of them saw a success between, and it asks the others to watch for one", () => {
    const cell = new Judgement();
    const [first, second] = [new Breakers(), new Breakers()];
    for (const report of errors(first, 3, T0 + 1)) cell.take(report, T0 + 2);
    expect(cell.suspects(CLUSTERS, T0 + 2)).toEqual([KEY]);
    second.learn([], cell.suspects(CLUSTERS, T0 + 2), T0 + 2);
    second.record(KEY, SETTINGS, 1, 200, T0 + 3);
    for (const report of second.take(T0 + 4)) cell.take(report, T0 + 4);
    for (const report of errors(first, 1, T0 + 5)) cell.take(report, T0 + 6);
    expect(cell.ejections(CLUSTERS, T0 + 7)).toEqual([]);
  });

  it("is none of failures without an answer beside answers, where those are counted apart", () => {
    const cell = new Judgement();
    const settings = { ...SETTINGS, consecutiveLocalOrigin: 4 };
    const isolates = [new Breakers(), new Breakers()];
    const report = (isolate: Breakers) => {
      for (const one of isolate.take(T0 + 1)) cell.take(one, T0 + 2);
    };
    for (const isolate of isolates) {
      isolate.record(KEY, settings, 1, "reset", T0 + 1);
      for (const outcome of [500, 500]) isolate.record(KEY, settings, 1, outcome, T0 + 1);
      isolate.record(KEY, settings, 1, "timeout", T0 + 1);
      report(isolate);
    }
    expect(cell.ejections(CLUSTERS, T0 + 3)).toEqual([]);
    for (const isolate of isolates) {
      for (const outcome of ["reset", "timeout"] as const) isolate.record(KEY, settings, 1, outcome, T0 + 4);
      report(isolate);
    }
    expect(cell.ejections(CLUSTERS, T0 + 5)).toMatchObject([{ cause: "consecutive_local_origin_failure" }]);
  });

  it("is for that caller alone, and told to those alone who serve the cluster", () => {
    const cell = new Judgement();
    for (const report of errors(new Breakers(), 5, T0 + 1)) cell.take(report, T0 + 1);
    expect(cell.ejections(CLUSTERS, T0 + 2).map(({ caller }) => caller)).toEqual(["order"]);
    expect(cell.ejections(new Set(["other"]), T0 + 2)).toEqual([]);
  });

  it("ejects what an isolate has ejected, from then on", () => {
    const cell = new Judgement();
    const isolate = new Breakers();
    const [report] = errors(isolate, 5, T0 + 1_000);
    expect(report?.ejectedAt).toBe(T0 + 1_000);
    if (report) cell.take(report, T0 + 1_500);
    expect(cell.ejections(CLUSTERS, T0 + 2_000)[0]?.at).toBe(T0 + 1_000);
  });

  it("believes no time that is far off", () => {
    const cell = new Judgement();
    const [report] = errors(new Breakers(), 5, T0 + 1_000);
    if (report) cell.take({ ...report, ejectedAt: T0 + 900_000_000, lastErrorAt: 0 }, T0 + 1_500);
    expect(cell.ejections(CLUSTERS, T0 + 2_000)[0]?.at).toBe(T0 + 1_500);
  });

  it("forgets an endpoint that is well again", () => {
    const cell = new Judgement();
    for (const report of errors(new Breakers(), 5, T0 + 1)) cell.take(report, T0 + 1);
    expect(cell.ejections(CLUSTERS, T0 + 60_000)).toEqual([]);
    expect(cell.suspects(CLUSTERS, T0 + 120_000)).toEqual([]);
  });
});

describe("what a cell takes over from another one of its location, or from another life of its own", () => {
  const ejecting = (endpoint = "e", hosts = 1): Judgement => {
    const cell = new Judgement();
    const breakers = new Breakers();
    for (let i = 0; i < 5; i += 1) breakers.record({ ...KEY, endpoint }, SETTINGS, hosts, 500, T0 + 1);
    for (const report of breakers.take(T0 + 1)) cell.take(report, T0 + 1);
    return cell;
  };

  it("is out as long as it is there, and shortens nothing here", () => {
    const cell = new Judgement();
    for (const verdict of ejecting().verdicts(T0 + 2)) cell.adopt(verdict, T0 + 3);
    expect(cell.ejections(CLUSTERS, T0 + 4)).toEqual(ejecting().ejections(CLUSTERS, T0 + 4));
    expect(cell.ejections(CLUSTERS, T0 + 59_999)).toHaveLength(1);
    expect(cell.ejections(CLUSTERS, T0 + 60_000)).toEqual([]);
  });

  it("is nothing that has ended meanwhile", () => {
    const cell = new Judgement();
    for (const verdict of ejecting().verdicts(T0 + 2)) cell.adopt(verdict, T0 + 60_000);
    expect(cell.ejections(CLUSTERS, T0 + 60_001)).toEqual([]);
  });

  it("leaves as many in as must be, whichever of two cells ejected first", () => {
    const cell = ejecting("a", 3);
    for (const verdict of ejecting("b", 3).verdicts(T0 + 2)) cell.adopt(verdict, T0 + 3);
    expect(cell.ejections(CLUSTERS, T0 + 4).map(({ endpoint }) => endpoint)).toEqual(["a"]);
  });

  it("is kept from its ejection until nothing of it counts any more", () => {
    const kept = new Map<string, unknown>();
    const cell = new Judgement({
      put: (verdict) => void kept.set(verdict.endpoint, verdict),
      delete: ({ endpoint }) => void kept.delete(endpoint),
    });
    for (const report of errors(new Breakers(), 4, T0 + 1)) cell.take(report, T0 + 1);
    expect(kept.size).toBe(0);
    for (const report of errors(new Breakers(), 1, T0 + 2)) cell.take(report, T0 + 2);
    expect(kept.size).toBe(1);
    cell.ejections(CLUSTERS, T0 + 61_000);
    expect(kept.size).toBe(1);
    cell.ejections(CLUSTERS, T0 + 120_000);
    expect(kept.size).toBe(0);
  });
});

describe("an isolate and the cell, which each eject by what they know", () => {
  const ENDPOINTS = ["a", "b", "c"];
  const outIn = (breakers: Breakers, now: number): readonly string[] =>
    ENDPOINTS.filter((endpoint) => breakers.isEjected("order", "c", endpoint, now));
  const record = (breakers: Breakers, endpoint: string, times: number): void => {
    for (let at = 0; at < times; at += 1) breakers.record({ ...KEY, endpoint }, SETTINGS, 3, 500, T0 + 1);
  };
  const exchange = (breakers: Breakers, cell: Judgement, now: number): void => {
    for (const report of breakers.take(now)) cell.take(report, now);
    breakers.learn(cell.ejections(CLUSTERS, now), cell.suspects(CLUSTERS, now), now);
  };

  it("choose the same of two that had as many errors", () => {
    const [isolate, cell] = [new Breakers(), new Judgement()];
    record(isolate, "b", 1);
    record(isolate, "a", 5);
    record(isolate, "b", 6);
    exchange(isolate, cell, T0 + 2);
    expect(outIn(isolate, T0 + 3)).toEqual(["a"]);
    expect(cell.ejections(CLUSTERS, T0 + 3).map(({ endpoint }) => endpoint)).toEqual(["a"]);
  });

  it("take one back where two isolates chose differently", () => {
    const [first, second, cell] = [new Breakers(), new Breakers(), new Judgement()];
    record(first, "a", 5);
    record(second, "b", 5);
    exchange(first, cell, T0 + 2);
    exchange(second, cell, T0 + 3);
    expect([outIn(first, T0 + 4), outIn(second, T0 + 4)]).toEqual([["a"], ["a"]]);
  });

  it("never leave more out than may be, whatever isolates saw and in whatever order they told of it", () => {
    const step = fc.record({
      isolate: fc.integer({ min: 0, max: 2 }),
      endpoint: fc.constantFrom(...ENDPOINTS),
      what: fc.oneof(
        { weight: 8, arbitrary: fc.constantFrom(500, 503) },
        { weight: 1, arbitrary: fc.constant(200) },
        { weight: 2, arbitrary: fc.constant("exchange" as const) },
      ),
      afterMs: fc.oneof({ weight: 9, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: fc.constant(20_000) }),
    });
    let out = 0;
    fc.assert(
      fc.property(fc.array(step, { minLength: 20, maxLength: 150, size: "max" }), (steps) => {
        const [isolates, cell] = [[new Breakers(), new Breakers(), new Breakers()], new Judgement()];
        let now = T0;
        for (const { isolate, endpoint, what, afterMs } of steps) {
          now += afterMs;
          const breakers = isolates[isolate] as Breakers;
          if (what === "exchange") exchange(breakers, cell, now);
          else breakers.record({ ...KEY, endpoint }, SETTINGS, ENDPOINTS.length, what, now);
          const seen = outIn(breakers, now);
          expect(seen.length).toBeLessThanOrEqual(1);
          out += seen.length;
        }
      }),
      { seed: 9, numRuns: 500 },
    );
    expect(out).toBeGreaterThan(1_000);
  });
});

describe("endpoints that a cluster has no more", () => {
  /** The cluster has one endpoint, and this one is ejected. */
  const eject = (breakers: Breakers, endpoint: string, now: number): readonly OutcomeReport[] => {
    for (let i = 0; i < 5; i += 1) breakers.record({ ...KEY, endpoint }, SETTINGS, 1, 500, now, [{ id: endpoint }]);
    return breakers.take(now);
  };

  it("leave their room, while they are still out, to those that took their place", () => {
    const [breakers, cell, sibling] = [new Breakers(), new Judgement(), new Judgement()];
    for (const [at, endpoint] of ["old", "new", "newest"].entries()) {
      const now = T0 + 10 * at + 1;
      for (const report of eject(breakers, endpoint, now)) cell.take(report, now);
      for (const verdict of cell.verdicts(now + 1)) sibling.adopt(verdict, now + 1);
      breakers.learn(cell.ejections(CLUSTERS, now + 2), [], now + 2);
      expect(breakers.isEjected("order", "c", endpoint, now + 3)).toBe(true);
    }
    for (const judgement of [cell, sibling])
      expect(judgement.ejections(CLUSTERS, T0 + 100).map(({ endpoint }) => endpoint)).toEqual(["old", "new", "newest"]);
  });
});

describe("an isolate's own judgement", () => {
  it("ejects for the caller at the fifth error, without any cell", () => {
    const breakers = new Breakers();
    errors(breakers, 4, T0);
    expect(breakers.isEjected("order", "c", "e", T0)).toBe(false);
    errors(breakers, 1, T0);
    expect(breakers.isEjected("order", "c", "e", T0)).toBe(true);
    expect(breakers.isEjected("web", "c", "e", T0)).toBe(false);
    expect(breakers.isEjected("order", "c2", "e", T0)).toBe(false);
    expect(breakers.isEjected("order", "c", "e", T0 + 30_000)).toBe(false);
  });

  it("takes over what the cell has ejected, up to the same sweep", () => {
    const breakers = new Breakers();
    breakers.learn(
      [{ ...KEY, at: T0 + 1, durationMs: 30_000, intervalMs: 30_000, cause: "consecutive_5xx" }],
      [],
      T0 + 2,
    );
    expect(breakers.isEjected("order", "c", "e", T0 + 59_999)).toBe(true);
    expect(breakers.isEjected("order", "c", "e", T0 + 60_000)).toBe(false);
    breakers.learn([], [], T0 + 3);
    expect(breakers.isEjected("order", "c", "e", T0 + 4)).toBe(false);
  });

  it("begins every count anew at an ejection by the cell, and counts no straggler of it", () => {
    const breakers = new Breakers();
    errors(breakers, 4, T0 + 1);
    breakers.learn(
      [{ ...KEY, at: T0 + 1, durationMs: 30_000, intervalMs: 30_000, cause: "consecutive_5xx" }],
      [],
      T0 + 2,
    );
    expect(errors(breakers, 4, T0 + 3)).toEqual([]);
    errors(breakers, 4, T0 + 60_000);
    expect(breakers.isEjected("order", "c", "e", T0 + 60_001)).toBe(false);
    errors(breakers, 1, T0 + 60_002);
    expect(breakers.isEjected("order", "c", "e", T0 + 60_003)).toBe(true);
  });

  it("counts what the cell ejected toward the share that may be out", () => {
    const breakers = new Breakers();
    breakers.learn(
      [{ ...KEY, at: T0 + 1, durationMs: 30_000, intervalMs: 30_000, cause: "consecutive_5xx" }],
      [],
      T0 + 2,
    );
    const other = { ...KEY, endpoint: "other" };
    for (let i = 0; i < 5; i += 1) breakers.record(other, SETTINGS, 10, 500, T0 + 3);
    expect(breakers.isEjected("order", "c", "other", T0 + 4)).toBe(false);
  });

  it("tells what it saw once", () => {
    const breakers = new Breakers();
    expect(errors(breakers, 2, T0)).toHaveLength(1);
    expect(breakers.take(T0)).toEqual([]);
  });

  it("keeps nothing of an endpoint that nobody calls any more, once its ejection and what followed from it are over", () => {
    const breakers = new Breakers();
    errors(breakers, 5, T0 + 1);
    expect(breakers.size).toBe(1);
    breakers.take(T0 + 59_999);
    expect(breakers.size).toBe(1);
    breakers.take(T0 + 300_000);
    expect(breakers.size).toBe(0);
  });

  it("judges callers, clusters and endpoints apart", () => {
    const breakers = new Breakers();
    errors(breakers, 5, T0 + 1);
    const others = [
      ["other", "c", "e"],
      ["order", "other", "e"],
      ["order", "c", "other"],
    ] as const;
    expect(breakers.isEjected("order", "c", "e", T0 + 2)).toBe(true);
    for (const [caller, cluster, endpoint] of others)
      expect(breakers.isEjected(caller, cluster, endpoint, T0 + 2)).toBe(false);
  });

  it("remembers 10,000 endpoints that failed, the latest", () => {
    const breakers = new Breakers();
    for (let i = 0; i <= 10_000; i += 1) fail(breakers, 5, T0 + 1, { ...KEY, cluster: String(i) });
    expect(breakers.size).toBe(10_000);
    expect(breakers.isEjected("order", "0", "e", T0 + 2)).toBe(false);
    expect(breakers.isEjected("order", "1", "e", T0 + 2)).toBe(true);
  });
});
