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
    "useSourceIp: true, maglev: {}",
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
    ["a table of no size", "useSourceIp: true, maglev: {tableSize: 0}", "Invalid maglev.tableSize"],
    ["a table that is too large", "useSourceIp: true, maglev: {tableSize: 5000011}", "Invalid maglev.tableSize"],
    [
      "a ring that is too large",
      "useSourceIp: true, ringHash: {minimumRingSize: 8388609}",
      "Invalid ringHash.minimumRingSize",
    ],
    ["both algorithms", "useSourceIp: true, ringHash: {}, maglev: {}", "Invalid maglev"],
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
