import { describe, expect, it } from "vitest";
import {
  egressHostProblem,
  fetchedUrlProblem,
  parseAddress,
  privateRangeProblem,
  sliceAddressProblem,
} from "../../src/resources/address.ts";

/** Addresses that an endpoint or a fetched URL must never have, in every spelling that some parser takes for one. */
const INTERNAL_URLS = [
  "http://169.254.169.254/latest/meta-data/",
  "http://[fd00:ec2::254]/",
  "http://127.0.0.1/",
  "http://[::1]/",
  "http://0.0.0.0/",
  "http://localhost/",
  "http://localhost./",
  "http://2130706433/",
  "http://0x7f.1/",
  "http://[::ffff:127.0.0.1]/",
  "http://10.0.0.1/",
  "https://10.0.0.1/",
  "https://2130706433/",
  "https://127\u30020\u30020\u30021/",
  "https://localhost/",
  "https://keys/",
  "https://metadata.google.internal/",
  "https://issuer.test@169.254.169.254/",
  "https://user:secret@issuer.test/",
  "https://issuer.test:22/",
  "https://issuer.test/keys#part",
  "file:///etc/passwd",
  'data:application/json,{"keys":[]}',
  "ftp://127.0.0.1/",
  "issuer.test/keys",
  "",
];

describe("parseAddress", () => {
  it.each([
    ["binding:EP_REVIEWS_V2", { kind: "binding", name: "EP_REVIEWS_V2" }],
    [
      "https://Reviews.Example.com",
      { kind: "origin", origin: "https://reviews.example.com", host: "reviews.example.com" },
    ],
    [
      "https://reviews.example.com:443",
      { kind: "origin", origin: "https://reviews.example.com", host: "reviews.example.com" },
    ],
    ["10.0.0.7", { kind: "ip", ip: "10.0.0.7" }],
    ["FD12:0::7", { kind: "ip", ip: "fd12::7" }],
    ["::ffff:10.0.0.7", { kind: "ip", ip: "10.0.0.7" }],
    ["DB.Corp.Internal", { kind: "name", name: "db.corp.internal" }],
  ])("reads %s", (address, value) => {
    expect(parseAddress(address, false)).toEqual({ ok: true, value });
  });

  it.each([
    ...INTERNAL_URLS,
    "binding:DB",
    "binding:CONTROL",
    "binding:STATE",
    "binding:PRIVATE",
    "binding:__proto__",
    "binding:EP_",
    "binding:EP_a",
    "binding:EP_A B",
    "worker:reviews-v2",
    "unix:///var/run/socket",
    "https://reviews.example.com/",
    "https://reviews.example.com/path",
    "https://reviews.example.com?q",
    "https://reviews",
    "https://10.0.0.1",
    "https://[fd12::7]",
    "HTTPS://reviews.example.com",
    "169.254.169.254",
    "100.100.100.200",
    "0.0.0.0",
    "255.255.255.255",
    "224.0.0.1",
    "fe80::1",
    "fd00:ec2::254",
    "::ffff:169.254.169.254",
    "64:ff9b::169.254.169.254",
    "::169.254.169.254",
    "2002:a9fe:a9fe::",
    "metadata.google.internal",
    "2130706433",
    "0x7f.1",
    "127.1",
    "10.0.0.7:9080",
    "a_b",
    "a..b",
  ])("refuses `%s`", (address) => {
    expect(parseAddress(address, true).ok).toBe(false);
  });

  it.each(["127.0.0.1", "127.9.9.9", "::1", "localhost", "a.localhost"])(
    "takes %s in the local mesh only",
    (address) => {
      expect([parseAddress(address, true).ok, parseAddress(address, false).ok]).toEqual([true, false]);
    },
  );
});

describe("fetchedUrlProblem", () => {
  it("takes https to a public name", () => {
    expect(fetchedUrlProblem("https://issuer.example.com/keys?set=1", false)).toBeNull();
  });

  it.each(INTERNAL_URLS)("refuses `%s`", (url) => {
    expect(fetchedUrlProblem(url, false)).not.toBeNull();
  });

  it("takes plain http to loopback in the local mesh only", () => {
    const verdicts = (local: boolean) =>
      ["http://127.0.0.1:8080/keys", "http://localhost:8080/", "http://10.0.0.1/"].map(
        (url) => fetchedUrlProblem(url, local) === null,
      );
    expect(verdicts(true)).toEqual([true, true, false]);
    expect(verdicts(false)).toEqual([false, false, false]);
  });
});

describe("privateRangeProblem", () => {
  it.each(["10.0.0.0/8", "192.168.1.0/24", "fd00::/8", "corp.internal", "100.64.0.0/10"])("takes %s", (range) => {
    expect(privateRangeProblem(range, false)).toBeNull();
  });

  it.each([
    "0.0.0.0/0",
    "169.254.0.0/16",
    "169.254.169.254/32",
    "160.0.0.0/4",
    "::/0",
    "fe80::/64",
    "fd00:ec2::254/128",
    "10.0.0.1/8",
    "10.0.0.1",
    "*.corp.internal",
    "localhost",
    "metadata.google.internal",
    "",
  ])("refuses `%s`", (range) => {
    expect(privateRangeProblem(range, false)).not.toBeNull();
  });

  it("takes loopback in the local mesh only", () => {
    expect(privateRangeProblem("127.0.0.0/8", true)).toBeNull();
    expect(privateRangeProblem("127.0.0.0/8", false)).not.toBeNull();
    expect(privateRangeProblem("126.0.0.0/7", true)).not.toBeNull();
  });
});

describe("egressHostProblem", () => {
  it.each([
    ["api.example.com", true],
    ["*.example.com", true],
    ["*", false],
    ["example", false],
    ["10.0.0.1", false],
    ["https://api.example.com", false],
    ["api.example.com:443", false],
    ["localhost", false],
  ])("%s may be listed: %s", (host, allowed) => {
    expect(egressHostProblem(host, false) === null).toBe(allowed);
  });

  it("takes loopback in the local mesh", () => {
    expect(egressHostProblem("127.0.0.1", true)).toBeNull();
  });
});

describe("sliceAddressProblem", () => {
  it.each([
    ["10.0.0.7", "IPv4", true],
    ["10.0.0.7", "IPv6", false],
    ["fd12::7", "IPv6", true],
    ["fd12::7", "IPv4", false],
    ["169.254.169.254", "IPv4", false],
    ["127.0.0.1", "IPv4", false],
    ["db.corp.internal", "FQDN", true],
    ["metadata.google.internal", "FQDN", false],
  ] as const)("%s as %s: %s", (address, type, allowed) => {
    expect(sliceAddressProblem(address, type, false) === null).toBe(allowed);
  });
});
