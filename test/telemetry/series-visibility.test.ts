import { describe, expect, it } from "vitest";
import { OwnLabels } from "../../src/query/series.ts";
import { seesSeries } from "../../src/telemetry/series-visibility.ts";

const VIEWER = { namespace: "shop", trustDomains: ["cluster.local", "old.example"] };

function sees(labels: Readonly<Record<string, string>>, kind: Parameters<typeof seesSeries>[1] = "call"): boolean {
  return seesSeries(VIEWER, kind, new OwnLabels(Object.entries(labels)));
}

describe("which series a namespace's token sees", () => {
  it.each([
    ["calls to its workloads", { destination_workload_namespace: "shop", source_workload_namespace: "web" }, true],
    ["calls to its services that no workload took", { destination_service_namespace: "shop" }, true],
    [
      "calls of its workloads",
      { source_workload_namespace: "shop", source_principal: "spiffe://cluster.local/ns/shop/sa/a" },
      true,
    ],
    [
      "the same under an alias of the trust domain",
      { source_workload_namespace: "shop", source_principal: "spiffe://old.example/ns/shop/sa/a" },
      true,
    ],
    [
      "calls of another mesh's namespace of that name",
      { source_workload_namespace: "shop", source_principal: "spiffe://other.example/ns/shop/sa/a" },
      false,
    ],
    ["calls of nobody", { source_workload_namespace: "shop", source_principal: "unknown" }, false],
    ["calls between others", { destination_workload_namespace: "web", source_workload_namespace: "web" }, false],
    ["what was folded", { destination_workload_namespace: "other", source_workload_namespace: "other" }, false],
  ])("%s: %s", (_, labels, wanted) => {
    expect(sees(labels as Readonly<Record<string, string>>)).toBe(wanted);
  });

  it.each(["other", "unknown"])(
    "a namespace of the name %s sees none: what was folded and what is unknown has it",
    (name) => {
      const labels = ["destination_workload_namespace", "destination_service_namespace"].map((label) => [label, name]);
      const viewer = { ...VIEWER, namespace: name };
      for (const kind of ["call", "route"] as const)
        expect(seesSeries(viewer, kind, new OwnLabels(labels as [string, string][]))).toBe(false);
    },
  );

  it("sees answers by route of its own services, and no counter of the whole mesh", () => {
    expect(sees({ destination_service_namespace: "shop" }, "route")).toBe(true);
    expect(sees({ destination_service_namespace: "web" }, "route")).toBe(false);
    expect(sees({ cluster: "outbound|80||orders.shop.svc.cluster.local" }, "counter")).toBe(false);
    expect(sees({ destination_workload_namespace: "shop" }, "dropped")).toBe(false);
    expect(seesSeries({ namespace: null, trustDomains: [] }, "folded", new OwnLabels([]))).toBe(true);
  });
});
