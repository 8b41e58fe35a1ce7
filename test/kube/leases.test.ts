import { describe, expect, it } from "vitest";
import { expiredAt, nextExpiry } from "../../src/kube/leases.ts";
import type { KubeObject } from "../../src/resources/object.ts";

const entry = (name: string, until?: unknown, kind = "WorkloadEntry"): KubeObject => ({
  apiVersion: "networking.istio.io/v1",
  kind,
  metadata: { name, namespace: "shop" },
  status: { registration: until === undefined ? null : { expiresAt: until } },
});
const second = (at: number): string => new Date(at * 1_000).toISOString();

describe("leases of workloads", () => {
  const objects = [
    entry("never"),
    entry("odd", "soon"),
    entry("other", second(1), "ServiceEntry"),
    entry("late", second(9)),
    entry("soon", second(5)),
  ];

  it("end at their time, and only those that there are", () => {
    expect(expiredAt(objects, 4_999)).toEqual([]);
    expect(expiredAt(objects, 5_000).map(({ name }) => name)).toEqual(["soon"]);
    expect(expiredAt(objects, 1_000_000).map(({ name }) => name)).toEqual(["late", "soon"]);
  });

  it("are told beside rehearsals, which end by themselves", () => {
    const spec = { endsAt: second(3) };
    const rehearsal = { ...entry("rehearsal", undefined, "FaultRehearsal"), apiVersion: "tulle.dev/v1alpha1", spec };
    expect(nextExpiry([...objects, rehearsal])).toBe(3_000);
    expect(expiredAt([...objects, rehearsal], 3_000).map(({ kind }) => kind)).toEqual(["FaultRehearsal"]);
  });

  it("wake whoever ends them at the first of them", () => {
    expect(nextExpiry(objects)).toBe(5_000);
    expect(nextExpiry([entry("never")])).toBeNull();
  });
});
