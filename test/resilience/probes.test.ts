import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ProbeBook } from "../../src/resilience/probes.ts";
import type { ProbeSettings } from "../../src/snapshot/model.ts";

const SETTINGS: ProbeSettings = {
  initialDelayMs: 2_000,
  timeoutMs: 1_000,
  periodMs: 10_000,
  successThreshold: 2,
  failureThreshold: 3,
};
const A = { endpoint: "a", settings: SETTINGS };

/** As Kubernetes tells it, one look a second, whose probes are answered within it. */
function naive(settings: ProbeSettings, answers: readonly boolean[], seconds: number): readonly boolean[] {
  const told: boolean[] = [];
  const results: boolean[] = [];
  let isWell = true;
  for (let second = 0; second < seconds; second += 1) {
    told.push(isWell);
    const made = results.length;
    const first = Math.ceil(settings.initialDelayMs / 1_000);
    const every = Math.ceil(settings.periodMs / 1_000);
    if (second < first || (second - first) % every !== 0) continue;
    results.push(answers[made % answers.length] ?? true);
    const last = (count: number, ok: boolean) =>
      results.length >= count && results.slice(-count).every((one) => one === ok);
    if (isWell && last(settings.failureThreshold, false)) isWell = false;
    else if (!isWell && last(settings.successThreshold, true)) isWell = true;
  }
  return told;
}

function booked(settings: ProbeSettings, answers: readonly boolean[], seconds: number): readonly boolean[] {
  const book = new ProbeBook();
  const told: boolean[] = [];
  let made = 0;
  for (let second = 0; second < seconds; second += 1) {
    const { due, unhealthy } = book.ask([{ endpoint: "a", settings }], second * 1_000);
    told.push(!unhealthy.includes("a"));
    for (const endpoint of due) {
      book.take({ endpoint, ok: answers[made % answers.length] ?? true });
      made += 1;
    }
  }
  return told;
}

describe("probes of an endpoint", () => {
  it("take it out and bring it back as a naive reading of Kubernetes' rules says", () => {
    const settings = fc.record({
      initialDelayMs: fc.integer({ min: 0, max: 5 }).map((seconds) => seconds * 1_000),
      timeoutMs: fc.constant(1_000),
      periodMs: fc.integer({ min: 1, max: 4 }).map((seconds) => seconds * 1_000),
      successThreshold: fc.integer({ min: 1, max: 3 }),
      failureThreshold: fc.integer({ min: 1, max: 3 }),
    });
    const answers = fc.array(fc.boolean(), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(settings, answers, (given, results) => {
        expect(booked(given, results, 60)).toEqual(naive(given, results, 60));
      }),
      { numRuns: 500, seed: 9 },
    );
  });

  it("begin after the initial delay, and are made by one at a time", () => {
    const book = new ProbeBook();
    expect(book.ask([A], 0)).toEqual({ due: [], unhealthy: [] });
    expect(book.ask([A], 1_999).due).toEqual([]);
    expect(book.ask([A], 2_000).due).toEqual(["a"]);
    expect(book.ask([A], 2_001).due).toEqual([]);
  });

  it("are made again where nothing was heard of one", () => {
    const book = new ProbeBook();
    book.ask([A], 0);
    expect(book.ask([A], 2_000).due).toEqual(["a"]);
    expect(book.ask([A], 5_999).due).toEqual([]);
    expect(book.ask([A], 6_000).due).toEqual(["a"]);
  });

  it("come a period after one another, from the time on that they were asked for", () => {
    const book = new ProbeBook();
    book.ask([A], 0);
    book.ask([A], 2_000);
    book.take({ endpoint: "a", ok: true });
    expect(book.ask([A], 11_999).due).toEqual([]);
    expect(book.ask([A], 12_000).due).toEqual(["a"]);
  });

  it("that nobody asked for count for nothing", () => {
    const book = new ProbeBook();
    book.take({ endpoint: "a", ok: false });
    book.ask([A], 0);
    for (let time = 0; time < 5; time += 1) book.take({ endpoint: "a", ok: false });
    expect(book.ask([A], 1).unhealthy).toEqual([]);
  });

  it("tell when an endpoint is out, and when it is back, once", () => {
    const book = new ProbeBook();
    const settings = { ...SETTINGS, initialDelayMs: 0, periodMs: 1, failureThreshold: 2, successThreshold: 1 };
    const told = [false, false, false, true, true].map((ok, at) => {
      book.ask([{ endpoint: "a", settings }], at);
      return book.take({ endpoint: "a", ok });
    });
    expect(told).toEqual([null, "out", null, "back", null]);
    expect(book.take({ endpoint: "b", ok: false })).toBeNull();
  });

  it("are told of those alone that are in use, and an endpoint that was long idle is well again", () => {
    const book = new ProbeBook();
    const settings = { ...SETTINGS, initialDelayMs: 0, failureThreshold: 1 };
    expect(book.ask([{ endpoint: "a", settings }], 0).due).toEqual(["a"]);
    book.take({ endpoint: "a", ok: false });
    expect(book.ask([{ endpoint: "a", settings }], 1).unhealthy).toEqual(["a"]);
    expect(book.ask([{ endpoint: "b", settings }], 2).unhealthy).toEqual([]);
    book.ask([{ endpoint: "b", settings }], 3_600_002);
    expect(book.ask([{ endpoint: "a", settings }], 3_600_003).unhealthy).toEqual([]);
  });
});
