import { describe, expect, it } from "vitest";
import { service, TestWorld } from "./world.ts";

function world(...documents: readonly string[]): TestWorld {
  const made = new TestWorld();
  made.apply(documents.join("\n---\n"));
  return made;
}

function rule(spec: string, name = "r", namespace = "default"): string {
  return `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: ${name}, namespace: ${namespace} }
spec: ${spec}`;
}

function meshConfig(spec: string): string {
  return `
apiVersion: tulle.dev/v1alpha1
kind: MeshConfig
metadata: { name: default, namespace: istio-system }
spec: ${spec}`;
}

const REVIEWS = service("reviews", { versions: ["v1", "v2", "v3"] });
const NO_LAST_ONE = meshConfig("{ alwaysEjectOneEndpoint: false }");

describe("a DestinationRule whose outlier detection never leaves an endpoint out is told so", () => {
  it.each([
    {
      name: "of a share that is less than one endpoint",
      policy: "{ outlierDetection: {} }",
      field: "spec.trafficPolicy.outlierDetection.maxEjectionPercent",
    },
    {
      name: "of a subset that is too small for it",
      policy: "{ outlierDetection: { maxEjectionPercent: 40 } }",
      field: "spec.trafficPolicy.outlierDetection.maxEjectionPercent",
    },
    {
      name: "of a share in a port's settings",
      policy:
        "{ outlierDetection: { maxEjectionPercent: 100 }, portLevelSettings: [{ port: { number: 80 }, outlierDetection: {} }] }",
      field: "spec.trafficPolicy.portLevelSettings[0].outlierDetection.maxEjectionPercent",
    },
    {
      name: "of ejections that are disregarded from the first",
      policy: "{ outlierDetection: { maxEjectionPercent: 100, minHealthPercent: 70 } }",
      field: "spec.trafficPolicy.outlierDetection.minHealthPercent",
    },
  ])("$name", ({ policy, field }) => {
    const findings = world(REVIEWS, NO_LAST_ONE).apply(
      rule(`{ host: reviews, trafficPolicy: ${policy}, subsets: [{ name: v1, labels: { version: v1 } }] }`),
    );
    expect(findings.map((finding) => finding.split(": ")[0])).toEqual([`DestinationRule/r ${field}`]);
  });

  it.each([
    { name: "where one may always be ejected", documents: [REVIEWS], policy: "{ outlierDetection: {} }" },
    {
      name: "where the share is one endpoint at least",
      documents: [REVIEWS, NO_LAST_ONE],
      policy: "{ outlierDetection: { maxEjectionPercent: 34 } }",
    },
    {
      name: "where nothing is served yet",
      documents: [service("reviews", { versions: [] }), NO_LAST_ONE],
      policy: "{ outlierDetection: {} }",
    },
  ])("and not $name", ({ documents, policy }) => {
    expect(world(...documents).apply(rule(`{ host: reviews, trafficPolicy: ${policy} }`))).toEqual([]);
  });

  it("when an endpoint goes, as well", () => {
    const made = world(
      REVIEWS,
      NO_LAST_ONE,
      rule("{ host: reviews, trafficPolicy: { outlierDetection: { maxEjectionPercent: 34 } } }"),
    );
    made.delete("WorkloadEntry", "reviews-v3");
    expect([...made.verdicts.values()].flat().map(({ field }) => field)).toEqual([
      "spec.trafficPolicy.outlierDetection.maxEjectionPercent",
    ]);
  });
});
