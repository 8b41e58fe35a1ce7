import { describe, expect, it } from "vitest";
import { formatSpiffeId, parseSpiffeId, workloadOf } from "../../src/identity/spiffe-id.ts";

describe("parseSpiffeId", () => {
  it("takes an id apart, and a workload's id into namespace and account", () => {
    const id = parseSpiffeId("spiffe://cluster.local/ns/default/sa/web");
    expect(id).toEqual({ ok: true, value: { trustDomain: "cluster.local", path: "/ns/default/sa/web" } });
    expect(id.ok && workloadOf(id.value)).toEqual({ namespace: "default", serviceAccount: "web" });
    expect(formatSpiffeId("cluster.local", "default", "web")).toBe("spiffe://cluster.local/ns/default/sa/web");
  });

  it.each([
    ["another scheme", "https://cluster.local/ns/a/sa/b"],
    ["a scheme in capitals", "SPIFFE://cluster.local/ns/a/sa/b"],
    ["no path", "spiffe://cluster.local"],
    ["an empty path", "spiffe://cluster.local/"],
    ["no trust domain", "spiffe:///ns/a"],
    ["capitals in the trust domain", "spiffe://Cluster.local/ns/a"],
    ["a port", "spiffe://cluster.local:8080/ns/a"],
    ["a user", "spiffe://me@cluster.local/ns/a"],
    ["a query", "spiffe://cluster.local/ns/a?x"],
    ["a fragment", "spiffe://cluster.local/ns/a#x"],
    ["an empty segment", "spiffe://cluster.local/ns//a"],
    ["a slash at the end", "spiffe://cluster.local/ns/a/"],
    ["a dot segment", "spiffe://cluster.local/ns/a/./b"],
    ["two dots", "spiffe://cluster.local/ns/a/../b"],
    ["an escape", "spiffe://cluster.local/ns/%61"],
    ["a blank before it", " spiffe://cluster.local/ns/a"],
    ["too many characters", `spiffe://cluster.local/${"a".repeat(2_048)}`],
    ["a long trust domain", `spiffe://${"a".repeat(256)}/ns`],
  ])("refuses %s", (_, text) => {
    expect(parseSpiffeId(text)).toMatchObject({ ok: false, error: { code: "spiffe_id_invalid" } });
  });

  it("takes exactly letters, digits, `.`, `-` and `_` in a path, of all bytes", () => {
    for (let byte = 0; byte < 256; byte += 1) {
      const character = String.fromCharCode(byte);
      const { ok } = parseSpiffeId(`spiffe://td/a${character}b`);
      expect([byte, ok]).toEqual([byte, /[A-Za-z0-9._/-]/.test(character)]);
    }
  });

  it("takes exactly small letters, digits, `.`, `-` and `_` in a trust domain, of all bytes", () => {
    for (let byte = 0; byte < 256; byte += 1) {
      const character = String.fromCharCode(byte);
      const read = parseSpiffeId(`spiffe://t${character}d/a`);
      const domain = read.ok ? read.value.trustDomain : null;
      // A slash ends the domain: what it takes is a shorter one.
      const wanted = character === "/" ? "t" : /[a-z0-9._-]/.test(character) ? `t${character}d` : null;
      expect([byte, domain]).toEqual([byte, wanted]);
    }
  });

  it("takes 2,048 characters and no more", () => {
    const head = "spiffe://td/";
    expect(parseSpiffeId(head + "a".repeat(2_048 - head.length)).ok).toBe(true);
    expect(parseSpiffeId(head + "a".repeat(2_049 - head.length)).ok).toBe(false);
  });

  it.each(["/ns/a", "/ns/a/sa/b/c", "/sa/b/ns/a", "/x/a/sa/b"])("sees no Kubernetes workload in %s", (path) => {
    expect(workloadOf({ trustDomain: "td", path })).toBeNull();
  });
});
