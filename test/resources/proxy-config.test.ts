import { describe, expect, it } from "vitest";
import { found } from "./parsed.ts";

const of = (spec: string) => found("networking.istio.io/v1beta1", "ProxyConfig", spec);

describe("ProxyConfig", () => {
  it.each(["{}", "{selector: {}}", "{selector: {matchLabels: {}}}"])(
    "takes %s, and says that it does nothing",
    (spec) => {
      expect(of(spec)).toEqual(["warning Invalid spec"]);
    },
  );

  it.each([
    ["{concurrency: 1}", "spec.concurrency"],
    ["{concurrency: -1}", "spec.concurrency"],
    ["{environmentVariables: {A: b}}", "spec.environmentVariables"],
    ["{image: {imageType: distroless}}", "spec.image"],
    ["{selector: {matchLabels: {app: a}}}", "spec.selector.matchLabels"],
  ])("refuses %s", (spec, field) => {
    expect(of(spec)).toEqual([`error NotSupported ${field}`]);
  });
});
