import * as fc from "fast-check";
import { expect, it } from "vitest";
import { outlierSettings } from "../../src/compile/istio/outlier.ts";
import { Breakers } from "../../src/resilience/breakers.ts";
import type { Outcome } from "../../src/resilience/outlier.ts";
import type { OutlierDetectionSpec } from "../../src/resources/outlier-detection.ts";
import { Judgement } from "../../workers/state/judgement.ts";
import { expectEqual } from "../support/equal.ts";
import { times } from "../support/scale.ts";

const SEED = 20_261_129;
/** Milliseconds; a sweep of every interval below stands here. */
const T0 = 1_800_000_000_000;
const ENDPOINTS = ["a", "b", "c", "d"] as const;

type Settings = Omit<OutlierDetectionSpec, "interval" | "baseEjectionTime"> & {
  readonly intervalSeconds: number;
  readonly baseSeconds: number;
  readonly alwaysOne: boolean;
  readonly hosts: number;
};

interface Host {
  errors: number;
  gateway: number;
  local: number;
  /** Epoch ms at which the ejection's time is over; null: not ejected. */
  outUntil: number | null;
  k: number;
}

/** Outlier detection as a timer that sweeps and three counters a host, in the words of the reference. */
class Naive {
  readonly hosts = new Map<string, Host>(
    ENDPOINTS.map((name) => [name, { errors: 0, gateway: 0, local: 0, outUntil: null, k: 0 }]),
  );
  readonly #settings: Settings;
  #clock = T0;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  advance(to: number): void {
    const interval = this.#settings.intervalSeconds * 1000;
    while (this.#clock < to) {
      const tick = (Math.floor(this.#clock / interval) + 1) * interval;
      this.#clock = Math.min(tick, to);
      if (this.#clock === tick) this.#sweep(tick);
    }
  }

  #sweep(now: number): void {
    for (const host of this.hosts.values()) {
      if (host.outUntil === null) host.k = Math.max(0, host.k - 1);
      else if (now >= host.outUntil) Object.assign(host, { outUntil: null, errors: 0, gateway: 0, local: 0 });
    }
  }

  happens(name: string, outcome: Outcome): void {
    const host = this.hosts.get(name)!;
    if (host.outUntil !== null) return;
    const { splitExternalLocalOriginErrors: split = false, outlierDetectionHttpErrorCodes: codes } = this.#settings;
    if (typeof outcome !== "number" && split) {
      host.local += 1;
      this.#at(host, "local", this.#settings.consecutiveLocalOriginFailures ?? 5);
      return;
    }
    host.local = 0;
    const status = outcome === "reset" ? 503 : outcome === "timeout" ? 504 : outcome;
    const counts = typeof outcome === "number" && codes ? codes.includes(status) : status >= 500;
    const isGateway = counts && [502, 503, 504].includes(status);
    host.errors = counts ? host.errors + 1 : 0;
    host.gateway = isGateway ? host.gateway + 1 : 0;
    this.#at(host, "gateway", this.#settings.consecutiveGatewayErrors ?? 0);
    this.#at(host, "errors", this.#settings.consecutive5xxErrors ?? 5);
  }

  #at(host: Host, counter: "errors" | "gateway" | "local", threshold: number): void {
    if (threshold === 0 || host[counter] !== threshold) return;
    host[counter] = 0;
    const { hosts, alwaysOne, baseSeconds } = this.#settings;
    const percent = this.#settings.maxEjectionPercent || 10;
    const ejected = [...this.hosts.values()].filter(({ outUntil }) => outUntil !== null).length;
    if ((100 * (ejected + 1)) / hosts > percent && !(alwaysOne && ejected === 0)) return;
    const base = baseSeconds * 1000;
    const max = Math.max(300_000, base);
    if (host.k * base < max + base) host.k += 1;
    Object.assign(host, { errors: 0, gateway: 0, local: 0, outUntil: this.#clock + Math.min(base * host.k, max) });
  }

  get out(): readonly string[] {
    return ENDPOINTS.filter((name) => this.hosts.get(name)?.outUntil !== null);
  }
}

const settings: fc.Arbitrary<Settings> = fc.record(
  {
    consecutive5xxErrors: fc.integer({ min: 0, max: 4 }),
    consecutiveGatewayErrors: fc.integer({ min: 0, max: 4 }),
    splitExternalLocalOriginErrors: fc.boolean(),
    consecutiveLocalOriginFailures: fc.integer({ min: 1, max: 4 }),
    outlierDetectionHttpErrorCodes: fc.uniqueArray(fc.constantFrom(404, 429, 500, 502, 503), { minLength: 1 }),
    maxEjectionPercent: fc.constantFrom(0, 10, 25, 30, 50, 75, 100),
    intervalSeconds: fc.constantFrom(1, 7, 10, 30),
    baseSeconds: fc.constantFrom(1, 10, 30, 200, 400),
    alwaysOne: fc.boolean(),
    hosts: fc.constantFrom(4, 5, 10),
  },
  { requiredKeys: ["intervalSeconds", "baseSeconds", "alwaysOne", "hosts"] },
);

const event = fc.record({
  afterMs: fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 0, max: 500 }) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 60_000 }) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 90 }).map((tens) => tens * 10_000) },
  ),
  endpoint: fc.constantFrom("a", "a", "a", ...ENDPOINTS),
  outcome: fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom<Outcome>(503, 500, "reset", "timeout") },
    { weight: 2, arbitrary: fc.constantFrom<Outcome>(200, 404, 429, 500, 501, 502, 503, 504) },
  ),
});

it(`ejects, in the isolate and in the cell, whom the naive model ejects and as long (seed ${SEED})`, () => {
  let ejections = 0;
  fc.assert(
    fc.property(settings, fc.array(event, { minLength: 1, maxLength: 120, size: "max" }), (chosen, events) => {
      const { intervalSeconds, baseSeconds, alwaysOne, hosts, ...spec } = chosen;
      const linked = outlierSettings(
        { ...spec, interval: `${intervalSeconds}s`, baseEjectionTime: `${baseSeconds}s` },
        alwaysOne,
      );
      const naive = new Naive(chosen);
      const isolate = new Breakers();
      const cell = new Judgement();
      let now = T0;
      for (const { afterMs, endpoint, outcome } of events) {
        now += afterMs;
        naive.advance(now);
        naive.happens(endpoint, outcome);
        const key = { caller: "web", cluster: "c", endpoint };
        isolate.record(key, linked, hosts, outcome, now);
        for (const report of isolate.take(now)) cell.take(report, now);
        const told = cell.ejections(new Set(["c"]), now);
        expectEqual(told.map((ejection) => ejection.endpoint).toSorted(), naive.out);
        expectEqual(
          ENDPOINTS.filter((name) => isolate.isEjected("web", "c", name, now)),
          naive.out,
        );
        isolate.learn(told, cell.suspects(new Set(["c"]), now), now);
        ejections += naive.out.length;
      }
    }),
    { seed: SEED, numRuns: times(500, 10_000) },
  );
  expect(ejections).toBeGreaterThan(1_000);
});
