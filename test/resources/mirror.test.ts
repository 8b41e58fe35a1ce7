import { describe, expect, it } from "vitest";
import { found } from "./parsed.ts";

const rule = (fields: string) =>
  found(
    "networking.istio.io/v1",
    "VirtualService",
    `{hosts: [reviews], http: [{route: [{destination: {host: reviews}}], ${fields}}]}`,
  ).map((finding) => finding.replace("spec.http[0]", "rule"));

describe("mirrors of a rule", () => {
  it.each([
    "mirror: {host: b, subset: v1, port: {number: 80}}",
    "mirror: {host: b}, mirrorPercentage: {value: 0.5}",
    "mirrors: [{destination: {host: b}, percentage: {value: 1}}, {destination: {host: b}, percentage: {value: 50}}]",
    "mirror: {host: b}, mirrors: []",
  ])("take %s", (fields) => {
    expect(rule(fields)).toEqual([]);
  });

  it.each([
    ["both kinds", "mirror: {host: b}, mirrors: [{destination: {host: c}}]", "Invalid rule"],
    ["one without a host", "mirror: {}", "Required rule.mirror.host"],
    ["`*`", 'mirror: {host: "*"}', "Invalid rule.mirror.host"],
    ["17 of them", `mirrors: [${"{destination: {host: b}},".repeat(17)}]`, "Invalid rule.mirrors"],
    ["one of a list without destination", "mirrors: [{}]", "Required rule.mirrors[0].destination"],
    ["null in the list", "mirrors: [null]", "Invalid rule.mirrors[0]"],
    ["a negative share", "mirror: {host: b}, mirrorPercentage: {value: -1}", "Invalid rule.mirrorPercentage.value"],
    ["a share above 100", "mirror: {host: b}, mirrorPercentage: {value: 100.1}", "Invalid rule.mirrorPercentage.value"],
    ["an older share above 100", "mirror: {host: b}, mirrorPercent: 101", "Invalid rule.mirrorPercent"],
    ["the oldest share above 100", "mirror: {host: b}, mirror_percent: 101", "Invalid rule.mirror_percent"],
    [
      "a share above 100 in the list",
      "mirrors: [{destination: {host: b}}, {destination: {host: b}, percentage: {value: 101}}]",
      "Invalid rule.mirrors[1].percentage.value",
    ],
    ["null as a share", "mirror: {host: b}, mirrorPercentage: null", "Invalid rule.mirrorPercentage"],
  ])("are not %s", (_, fields, error) => {
    expect(rule(fields)).toEqual([`error ${error}`]);
  });

  it.each([
    ["a share of nobody", "mirrorPercentage: {value: 1}", "rule.mirrorPercentage"],
    ["the older share", "mirror: {host: b}, mirrorPercent: 10", "rule.mirrorPercent"],
    ["the oldest share", "mirror: {host: b}, mirror_percent: 10", "rule.mirror_percent"],
    [
      "a share in two forms",
      "mirror: {host: b}, mirrorPercent: 10, mirrorPercentage: {value: 5}",
      "rule.mirrorPercent",
    ],
  ])("warn of %s", (_, fields, place) => {
    expect(rule(fields)).toEqual([`warning Invalid ${place}`]);
  });

  it("have no effect where a rule answers by itself", () => {
    const findings = found(
      "networking.istio.io/v1",
      "VirtualService",
      "{hosts: [reviews], http: [{redirect: {uri: /a}, mirror: {host: b}}]}",
    );
    expect(findings).toEqual(["warning Invalid spec.http[0].mirror"]);
  });
});
