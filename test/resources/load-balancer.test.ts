import { describe, expect, it } from "vitest";
import { found, parsed } from "./parsed.ts";

const PLACE = "spec.trafficPolicy.loadBalancer";
const balancer = (fields: string) =>
  found("networking.istio.io/v1", "DestinationRule", `{host: reviews, trafficPolicy: {loadBalancer: {${fields}}}}`);
const hash = (fields: string) => balancer(`consistentHash: {${fields}}`);

describe("loadBalancer", () => {
  it.each([
    "httpHeaderName: x-user",
    "httpHeaderName: ':authority'",
    "httpCookie: {name: user}",
    "httpCookie: {name: user, path: /, ttl: 0s}",
    "httpCookie: {name: user, ttl: 8760h, attributes: [{name: SameSite, value: Strict}, {name: Secure}]}",
    "useSourceIp: true",
    "httpQueryParameterName: user",
    "useSourceIp: true, ringHash: {minimumRingSize: 2048}",
    "useSourceIp: true, maglev: {tableSize: 65537}",
    "useSourceIp: true, maglev: {tableSize: 5}",
  ])("takes consistentHash with %s", (fields) => {
    expect(hash(fields)).toEqual([]);
  });

  it.each([
    ["two keys", "httpHeaderName: x-user, useSourceIp: true", "Invalid useSourceIp"],
    ["a cookie without name", "httpCookie: {ttl: 3600s}", "Required httpCookie.name"],
    ["a cookie with an empty name", 'httpCookie: {name: ""}', "Invalid httpCookie.name"],
    ["a cookie's name that is none", "httpCookie: {name: 'a=b'}", "Invalid httpCookie.name"],
    ["a path that adds to the cookie", "httpCookie: {name: a, path: '/; Domain=x'}", "Invalid httpCookie.path"],
    ["a ttl that is none", "httpCookie: {name: a, ttl: long}", "Invalid httpCookie.ttl"],
    [
      "an attribute without name",
      'httpCookie: {name: a, ttl: 1s, attributes: [{name: ""}]}',
      "Invalid httpCookie.attributes[0].name",
    ],
    [
      "an attribute twice",
      "httpCookie: {name: a, ttl: 1s, attributes: [{name: b, value: c}, {name: b}]}",
      "Duplicate httpCookie.attributes[1].name",
    ],
    [
      "an attribute that adds another",
      "httpCookie: {name: a, ttl: 1s, attributes: [{name: b, value: 'c; d'}]}",
      "Invalid httpCookie.attributes[0].value",
    ],
    ["a header's name that is none", "httpHeaderName: 'x y'", "Invalid httpHeaderName"],
    ["a pseudo-header that is none of ours", "httpHeaderName: ':scheme'", "Invalid httpHeaderName"],
    ["no name of a parameter", 'httpQueryParameterName: ""', "Invalid httpQueryParameterName"],
    ["a table whose size is no prime", "useSourceIp: true, maglev: {tableSize: 1000}", "Invalid maglev.tableSize"],
    ["a table without a size", "useSourceIp: true, maglev: {}", "Required maglev.tableSize"],
    ["a table of no size", "useSourceIp: true, maglev: {tableSize: 0}", "Invalid maglev.tableSize"],
    ["a table that is too large", "useSourceIp: true, maglev: {tableSize: 5000011}", "Invalid maglev.tableSize"],
    [
      "a ring that is too large",
      "useSourceIp: true, ringHash: {minimumRingSize: 8388609}",
      "Invalid ringHash.minimumRingSize",
    ],
    ["both algorithms", "useSourceIp: true, ringHash: {}, maglev: {tableSize: 5}", "Invalid maglev"],
    [
      "the old place of the ring's size beside the new",
      "useSourceIp: true, minimumRingSize: 1024, ringHash: {}",
      "Invalid minimumRingSize",
    ],
    ["an unknown field", "useSourceIp: true, maglevs: {}", "Invalid maglevs"],
  ])("refuses %s", (_, fields, error) => {
    const [reason, field] = error.split(" ");
    expect(hash(fields)).toEqual([`error ${reason} ${PLACE}.consistentHash.${field}`]);
  });

  it("refuses a simple rule beside consistentHash", () => {
    expect(balancer("simple: RANDOM, consistentHash: {useSourceIp: true}")).toEqual([`error Invalid ${PLACE}.simple`]);
  });

  it("refuses what cannot work here, with the reason", () => {
    expect(balancer("zoneAwareLbSetting: {}")).toEqual([`error NotSupported ${PLACE}.zoneAwareLbSetting`]);
    const yaml =
      "{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: a}, spec: {host: a, trafficPolicy: {loadBalancer: {zoneAwareLbSetting: {}}}}}";
    expect(parsed(yaml).findings[0]?.message).toMatch(/^cannot work here: a location does not know/);
  });

  it.each([
    ["nothing to pick by", "ringHash: {}", ""],
    ["no source address", "useSourceIp: false", ""],
    ["the old place of the ring's size", "useSourceIp: true, minimumRingSize: 1024", ".minimumRingSize"],
    [
      "a ring that is larger than rings are here",
      "useSourceIp: true, ringHash: {minimumRingSize: 8388608}",
      ".ringHash.minimumRingSize",
    ],
    [
      "a table that costs every isolate megabytes",
      "useSourceIp: true, maglev: {tableSize: 4999999}",
      ".maglev.tableSize",
    ],
  ])("warns of %s", (_, fields, field) => {
    expect(hash(fields)).toEqual([`warning Invalid ${PLACE}.consistentHash${field}`]);
  });
});

describe("localityLbSetting", () => {
  const locality = (fields: string, outlier = "outlierDetection: {}") =>
    found(
      "networking.istio.io/v1",
      "DestinationRule",
      `{host: reviews, trafficPolicy: {loadBalancer: {localityLbSetting: {${fields}}}${outlier && `, ${outlier}`}}}`,
    ).filter((finding) => finding.includes("localityLbSetting"));

  it.each([
    "",
    "enabled: false",
    "distribute: [{from: eu/nl/*, to: {eu/nl/*: 80, eu/de/*: 20}}, {from: us, to: {us: 100}}]",
    "distribute: [{from: eu/nl, to: {eu/nl: 90, '*': 10}}, {from: '*', to: {'*': 100}}]",
    "failover: [{from: eu, to: us}]",
    "failoverPriority: [topology.kubernetes.io/region, cell=a, rack]",
    "failover: [{from: eu, to: us}], failoverPriority: [rack]",
  ])("takes %s", (fields) => {
    expect(locality(fields)).toEqual([]);
  });

  it.each([
    [
      "shares beside failover",
      "distribute: [{from: eu, to: {eu: 100}}], failover: [{from: eu, to: us}]",
      "Invalid failover",
    ],
    [
      "shares beside priorities",
      "distribute: [{from: eu, to: {eu: 100}}], failoverPriority: [rack]",
      "Invalid failoverPriority",
    ],
    [
      "failover beside priorities of localities",
      "failover: [{from: eu, to: us}], failoverPriority: [rack, topology.kubernetes.io/zone]",
      "Invalid failoverPriority[1]",
    ],
    ["shares that are not 100", "distribute: [{from: eu, to: {eu: 80, us: 30}}]", "Invalid distribute[0].to"],
    ["a share of 0", "distribute: [{from: eu, to: {eu: 100, us: 0}}]", "Invalid distribute[0].to.us"],
    ["a share above 100", "distribute: [{from: eu, to: {eu: 101}}]", "Invalid distribute[0].to.eu"],
    [
      "callers twice",
      "distribute: [{from: eu, to: {eu: 100}}, {from: eu, to: {eu: 100}}]",
      "Invalid distribute[1].from",
    ],
    [
      "callers that others hold",
      "distribute: [{from: eu/*, to: {eu: 100}}, {from: eu/nl, to: {eu: 100}}]",
      "Invalid distribute[1].from",
    ],
    [
      "callers after all",
      "distribute: [{from: '*', to: {eu: 100}}, {from: us, to: {eu: 100}}]",
      "Invalid distribute[1].from",
    ],
    ["a wildcard inside", "distribute: [{from: '*/nl', to: {eu: 100}}]", "Invalid distribute[0].from"],
    ["an empty zone", "distribute: [{from: eu//ams, to: {eu: 100}}]", "Invalid distribute[0].from"],
    ["failover to itself", "failover: [{from: eu, to: eu}]", "Invalid failover[0].to"],
    ["failover of a zone", "failover: [{from: eu/nl, to: us}]", "Invalid failover[0].from"],
    ["failover to all", "failover: [{from: eu, to: '*'}]", "Invalid failover[0].to"],
    ["an unknown field", "failOver: []", "Invalid failOver"],
  ])("refuses %s", (_, fields, error) => {
    const [reason, field] = error.split(" ");
    expect(locality(fields)).toEqual([`error ${reason} ${PLACE}.localityLbSetting.${field}`]);
  });

  it("refuses areas of one share that overlap", () => {
    expect(locality("distribute: [{from: eu, to: {eu: 50, eu/nl: 50}}]")[0]).toContain("distribute[0].to");
  });

  it.each([
    ["failover", "failover: [{from: eu, to: us}]"],
    ["failoverPriority", "failoverPriority: [rack]"],
  ])("warns of %s where nothing is ever found unhealthy", (field, fields) => {
    expect(locality(fields, "")).toEqual([`warning Invalid ${PLACE}.localityLbSetting.${field}`]);
  });
});

describe("warmup", () => {
  it.each([
    "warmup: {duration: 300s}",
    "warmup: {duration: 300s, minimumPercent: 5.5, aggression: 1.5}",
    "simple: ROUND_ROBIN, warmup: {duration: 1m}",
  ])("is taken: %s", (fields) => {
    expect(balancer(fields)).toEqual([]);
  });

  it.each([
    ["no duration", "warmup: {minimumPercent: 5}", "Required warmup.duration"],
    ["no time", "warmup: {duration: 0s}", "Invalid warmup.duration"],
    ["more than the whole weight", "warmup: {duration: 1s, minimumPercent: 101}", "Invalid warmup.minimumPercent"],
    ["slower than a straight line", "warmup: {duration: 1s, aggression: 0.5}", "Invalid warmup.aggression"],
    ["both forms", "warmup: {duration: 1s}, warmupDurationSecs: 1s", "Invalid warmupDurationSecs"],
  ])("refuses %s", (_, fields, error) => {
    const [reason, field] = error.split(" ");
    expect(balancer(fields)).toEqual([`error ${reason} ${PLACE}.${field}`]);
  });

  it.each([
    ["the old form", "warmupDurationSecs: 60s", "warmupDurationSecs"],
    ["a rule that knows no weights that change", "simple: RANDOM, warmup: {duration: 1s}", "warmup"],
    ["a hash", "consistentHash: {useSourceIp: true}, warmup: {duration: 1s}", "warmup"],
  ])("warns of %s", (_, fields, field) => {
    expect(balancer(fields)).toEqual([`warning Invalid ${PLACE}.${field}`]);
  });
});
