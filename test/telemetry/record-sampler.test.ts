import { describe, expect, it } from "vitest";
import { Journal } from "../../src/telemetry/journal.ts";
import { QUOTAS, RecordSampler } from "../../src/telemetry/record-sampler.ts";
import type { Route } from "../../src/snapshot/model.ts";
import { Dice } from "../policy/random-policies.ts";

const ROUTES = ["a", "b", "c"].map((name): Route => ({ name, matches: [], destinations: [] }));

function call(told: Partial<Pick<Journal, "status" | "details" | "policy" | "route">> = {}): Journal {
  const journal = new Journal(0, "r", "GET");
  return Object.assign(journal, { status: 200, details: "via_upstream", route: ROUTES[0] ?? null, ...told });
}

const DENIED = { status: 403, details: "rbac_denied_matched_policy" };

function offer(sampler: RecordSampler<string>, journal: Journal, item: string, dice = new Dice(1)): boolean {
  const wanted = sampler.wants(journal, () => dice.next());
  if (wanted) sampler.put(item);
  return wanted;
}

describe("which calls are written down", () => {
  it("are at most so many of each kind, however many come", () => {
    const sampler = new RecordSampler<string>();
    const dice = new Dice(7);
    for (let count = 0; count < 5_000; count += 1) {
      const route = dice.pick(ROUTES);
      offer(sampler, call({ route }), "passed", dice);
      offer(sampler, call({ ...DENIED, route, policy: `shop/p${count % 40}` }), "refused", dice);
      offer(sampler, call({ status: 503, details: "via_upstream", route }), "failed", dice);
    }
    const taken = sampler.take();
    for (const kind of ["refused", "failed", "passed"] as const)
      expect(taken.filter((one) => one.kind === kind)).toHaveLength(QUOTAS[kind]);
    expect(QUOTAS.refused + QUOTAS.failed + QUOTAS.passed).toBe(20);
    expect(taken.every(({ kind, item }) => kind === item)).toBe(true);
    expect(sampler.isEmpty).toBe(true);
    expect(sampler.take()).toEqual([]);
  });

  it("a rare refusal among many of another policy has its place, and each weighs what it stands for", () => {
    const sampler = new RecordSampler<string>();
    for (let count = 0; count < 1_000; count += 1) offer(sampler, call({ ...DENIED, policy: "shop/often" }), "often");
    expect(offer(sampler, call({ ...DENIED, policy: "shop/rare" }), "rare")).toBe(true);
    const taken = sampler.take();
    expect(taken.filter(({ item }) => item === "rare")).toEqual([{ kind: "refused", weight: 1, item: "rare" }]);
    const often = taken.filter(({ item }) => item === "often");
    expect(often).toHaveLength(QUOTAS.refused - 1);
    expect(often.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(1_000);
  });

  it("of one stratum each has the same chance", () => {
    const dice = new Dice(3);
    const counts = Array.from({ length: 60 }, () => 0);
    for (let round = 0; round < 3_000; round += 1) {
      const sampler = new RecordSampler<string>();
      for (const at of counts.keys()) offer(sampler, call(), String(at), dice);
      for (const { item } of sampler.take()) counts[Number(item)] = (counts[Number(item)] ?? 0) + 1;
    }
    // Each is taken with 6 of 60: 300 of 3,000 times, give or take five deviations.
    for (const count of counts) expect(Math.abs(count - 300)).toBeLessThan(5 * Math.sqrt(300 * 0.9));
  });

  it("tell a status from 500 on, and a call without any, from a refusal and from what passed", () => {
    const sampler = new RecordSampler<string>();
    const kinds = [
      call({ status: 404, details: "via_upstream" }),
      call({ status: 404, details: "no_route", route: null }),
      call({ status: 301, details: "redirect" }),
      call({ status: 0, details: "downstream_remote_disconnect" }),
      call({ status: 503, details: "no_healthy_upstream" }),
    ];
    for (const [at, journal] of kinds.entries()) offer(sampler, journal, String(at));
    const byItem = new Map(sampler.take().map(({ item, kind }) => [item, kind]));
    const inOrder = kinds.map((_, at) => byItem.get(String(at)));
    expect(inOrder).toEqual(["passed", "refused", "passed", "failed", "failed"]);
  });
});
