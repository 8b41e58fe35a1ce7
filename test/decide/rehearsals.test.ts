import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decide } from "../../src/decide/decide.ts";
import { describeDecision } from "../../src/decide/describe.ts";
import { Explanation } from "../../src/decide/stages.ts";
import { readFacts, writeFacts } from "../../src/decide/written.ts";
import type { RequestFacts } from "../../src/request/facts.ts";
import type { Fault, Route, Slice } from "../../src/snapshot/model.ts";
import type { RehearsalModel } from "../../src/snapshot/rehearsal-model.ts";
import { cluster, decided, endpoint, facts, headers, OPEN, slice } from "./requests.ts";

const NOW = 1_000_000;
const ALL: RehearsalModel = { name: "shop/all", endsAt: NOW + 1, share: 1 };

/** One route to `a`, of which this is rehearsed, as control orders it. */
function rehearsing(all: readonly RehearsalModel[], route: Partial<Route> = {}, change: Partial<Slice> = {}) {
  const rehearsals = all.toSorted((a, b) => b.endsAt - a.endsAt);
  const destination = { cluster: "a", weight: 1, rehearsals: rehearsals.map((_, at) => at) };
  return slice({
    routes: [{ name: "r", matches: [], destinations: [destination], ...route }],
    rehearsals,
    ...change,
  });
}

const at = (startedAt: number, change: Partial<RequestFacts> = {}) => facts({ startedAt, ...change });

/** How long it is held, or what it is answered. */
function became(of: ReturnType<typeof slice>, request: RequestFacts): number | string {
  const decision = decided(of, request);
  return decision.effect === "forward" ? decision.heldMs : `${decision.code} ${decision.status} ${decision.policy}`;
}

interface Told {
  readonly by: readonly { readonly does: number | string; readonly ends: number; readonly wants: Wanted }[];
  readonly fault: "none" | "abort" | "delay";
  readonly when: number;
  readonly sent: Readonly<Record<string, string>>;
}

type Wanted = Readonly<Record<string, { readonly exact?: string; readonly prefix?: string }>>;

/** In the words of the docs: no order but that of the ends, nothing left out early, nothing of src/. */
function reference({ by, fault, when, sent }: Told): number | string {
  if (fault === "abort") return "fault_filter_abort 418 null";
  const running = by
    .map((one, number) => ({ ...one, number }))
    .filter(({ ends }) => ends > when)
    .filter(({ wants }) =>
      Object.entries(wants).every(([name, { exact, prefix }]) => {
        const value = sent[name];
        if (value === undefined) return false;
        return exact === undefined ? value.startsWith(prefix ?? "") : value === exact;
      }),
    )
    .toSorted((a, b) => b.ends - a.ends || a.number - b.number);
  const abort = running.find(({ does }) => typeof does === "string");
  if (abort) return `fault_filter_abort ${abort.does} shop/${abort.number}`;
  return Math.max(0, ...running.map(({ does }) => Number(does)));
}

const value = fc.constantFrom("a", "b", "ab");
const told: fc.Arbitrary<Told> = fc.record({
  by: fc.array(
    fc.record({
      does: fc.oneof(fc.constantFrom(1, 500, 30_000), fc.constantFrom("503", "429", "200")),
      ends: fc.integer({ min: NOW - 3, max: NOW + 3 }),
      wants: fc.dictionary(
        fc.constantFrom("x-user", "x-tier"),
        fc.oneof(
          value.map((exact) => ({ exact })),
          value.map((prefix) => ({ prefix })),
          fc.constant({}),
        ),
        { maxKeys: 2 },
      ),
    }),
    { maxLength: 5 },
  ),
  fault: fc.constantFrom("none" as const, "none" as const, "abort" as const, "delay" as const),
  when: fc.integer({ min: NOW - 3, max: NOW + 3 }),
  sent: fc.dictionary(fc.constantFrom("x-user", "x-tier"), value, { maxKeys: 2 }),
});

const FAULTS: Readonly<Record<Told["fault"], Fault | undefined>> = {
  none: undefined,
  abort: { abort: { share: 1, status: 418 } },
  delay: { delay: { share: 1, ms: 70 } },
};

function modelsOf({ by }: Told): readonly RehearsalModel[] {
  return by.map(({ does, ends, wants }, number) => {
    const matches = Object.entries(wants).map(([name, { exact, prefix }]) => ({
      name,
      match:
        exact !== undefined
          ? ({ kind: "exact", value: exact } as const)
          : prefix !== undefined
            ? ({ kind: "prefix", value: prefix } as const)
            : ({ kind: "present" } as const),
    }));
    return {
      name: `shop/${number}`,
      endsAt: ends,
      share: 1,
      ...(matches.length > 0 && { headers: matches }),
      ...(typeof does === "number" ? { delayMs: does } : { abort: { status: Number(does) } }),
    };
  });
}

describe("rehearsals", () => {
  it("do what the docs say, whichever run, whatever the request, beside a route's own fault", () => {
    fc.assert(
      fc.property(told, (one) => {
        const fault = FAULTS[one.fault];
        const of = rehearsing(modelsOf(one), fault === undefined ? {} : { fault });
        const request = at(one.when, { headers: headers(one.sent) });
        expect(became(of, request)).toBe(reference(one));
        const { delayMs } = decided(of, request);
        expect(delayMs).toBe(one.fault === "delay" ? 70 : 0);
      }),
      { numRuns: 2_000, seed: 41 },
    );
  });

  it("end by themselves: who comes at the end meets none, with the same configuration", () => {
    const of = rehearsing([{ ...ALL, delayMs: 5_000 }]);
    expect([NOW, NOW + 1, NOW + 2].map((now) => became(of, at(now)))).toEqual([5_000, 0, 0]);
  });

  it("meet their shares, each by its own draw", () => {
    const of = rehearsing([
      { ...ALL, name: "shop/a", share: 0.6, abort: { status: 503 } },
      { ...ALL, name: "shop/d", share: 0.3, delayMs: 20 },
    ]);
    const seen = { aborted: 0, held: 0, spared: 0 };
    for (let seed = 0; seed < 10_000; seed += 1) {
      const outcome = became(of, at(NOW, { seed: Math.imul(seed, 0x9e3779b1) }));
      seen[typeof outcome === "string" ? "aborted" : outcome > 0 ? "held" : "spared"] += 1;
    }
    // Four standard deviations of a fair draw are below 200.
    for (const [kind, share] of Object.entries({ aborted: 0.6, held: 0.12, spared: 0.28 }))
      expect(Math.abs(seen[kind as keyof typeof seen] - share * 10_000), kind).toBeLessThan(200);
  });

  it("meet nobody whom the service's policies refuse, and hold nobody who calls no one", () => {
    const denied = { ...OPEN, deny: [{ name: "default/d", rules: [{}] }] };
    const both = [
      { ...ALL, name: "shop/a", abort: { status: 503 } },
      { ...ALL, delayMs: 9 },
    ];
    expect(became(rehearsing(both, {}, { policySets: [denied] }), at(NOW))).toContain("rbac_denied_matched_policy");
    const nobody = { clusters: { a: cluster("a", []) } };
    expect(became(rehearsing([{ ...ALL, delayMs: 9 }], {}, nobody), at(NOW))).toContain("no_endpoint");
    expect(became(rehearsing(both, {}, nobody), at(NOW))).toBe("fault_filter_abort 503 shop/a");
    const redirect = { destinations: [], redirect: { status: 302, authority: "b.test" } } as const;
    expect(became(rehearsing(both, redirect), at(NOW))).toContain("redirect");
  });

  it("are of one destination, and answer clients of gRPC as gRPC does", () => {
    const to = (id: string, weight: number) => ({ cluster: id, weight });
    const of = rehearsing([{ ...ALL, abort: { status: 503, grpcStatus: 14 } }], {
      destinations: [{ ...to("a", 1), rehearsals: [0] }],
    });
    const grpc = headers({ "content-type": "application/grpc" });
    const request = at(NOW, { method: "POST", headers: grpc });
    expect(decided(of, request)).toMatchObject({
      status: 200,
      flag: "FI",
      headers: expect.arrayContaining([["grpc-status", "14"]]) as unknown,
    });
    expect(became(of, readFacts(of, writeFacts(of, request)))).toBe(became(of, request));
    const split = rehearsing(
      [{ ...ALL, delayMs: 9 }],
      { destinations: [{ ...to("a", 1), rehearsals: [0] }, to("b", 1)] },
      { clusters: { a: cluster("a", [endpoint("EP_A")]), b: cluster("b", [endpoint("EP_B")]) } },
    );
    const seen = new Set<string>();
    for (let seed = 0; seed < 100; seed += 1) {
      const decision = decided(split, at(NOW, { seed: Math.imul(seed, 0x9e3779b1) }));
      seen.add(decision.effect === "forward" ? `${decision.cluster.model.id} ${decision.heldMs}` : decision.code);
    }
    expect([...seen].toSorted()).toEqual(["a 9", "b 0"]);
  });

  it("compare by regular expressions that control compiled", () => {
    const of = rehearsing([
      { ...ALL, headers: [{ name: "x-user", match: { kind: "regex", value: "a[0-9]+" } }], delayMs: 9 },
    ]);
    const held = (user: string) => became(of, at(NOW, { headers: headers({ "x-user": user }) }));
    expect([held("a12"), held("a"), held("ba1")]).toEqual([9, 0, 0]);
  });

  it("let no other spelling of a header through that they name", () => {
    const one = { name: "x-user", match: { kind: "present" } } as const;
    expect([...rehearsing([{ ...ALL, headers: [one], delayMs: 1 }]).headers.names]).toContain("x-user");
  });

  it("are told to who asks, and a record replays them without the value of a secret, when they have long ended", () => {
    const key = { name: "x-api-key", match: { kind: "prefix", value: "s3" } } as const;
    const of = rehearsing([
      { ...ALL, name: "shop/slow", headers: [key], delayMs: 5_000 },
      { ...ALL, name: "shop/other", headers: [{ name: "x-b", match: { kind: "present" } }], abort: { status: 503 } },
      { ...ALL, name: "shop/old", endsAt: NOW - 1, delayMs: 7_000 },
    ]);
    const request = at(NOW, { headers: headers({ "x-api-key": "s3cret" }) });
    const text = JSON.stringify(writeFacts(of, request));
    expect(text).not.toContain("s3cret");
    const read = readFacts(of, JSON.parse(text) as ReturnType<typeof writeFacts>);
    const explanation = new Explanation(of);
    const replayed = decide(of, read, explanation);
    if (replayed.effect === "need") throw new Error("a fact is missing");
    expect(describeDecision(replayed)).toEqual(describeDecision(decided(of, request)));
    expect(describeDecision(replayed)).toMatchObject({ effect: "forward", heldMs: 5_000, delayMs: 0 });
    const end = "1970-01-01T00:16:40.001Z";
    expect(explanation.stages.filter(({ stage }) => stage === "filter")).toMatchObject([
      {
        origin: { kind: "rehearsal", name: "shop/slow" },
        outcome: "matched",
        detail: `a delay of 5000 ms rehearsed until ${end}`,
      },
      {
        origin: { name: "shop/other" },
        outcome: "missed",
        detail: `the rehearsal is for requests with other headers, until ${end}`,
      },
      { origin: { name: "shop/old" }, outcome: "missed", detail: "the rehearsal ended at 1970-01-01T00:16:39.999Z" },
    ]);
  });
});
