import { describe, expect, it } from "vitest";
import { canWait, restingSlices } from "../../src/exchange/newer-root.ts";
import { FORMAT, type Root } from "../../src/snapshot/model.ts";

const SCOPE = "mesh/*";

function rootOf(hosts: Readonly<Record<string, string | null>>, changes: Partial<Root> = {}): Root {
  const trust = { domain: "cluster.local", aliases: [], authorities: ["QQ=="] };
  return { format: FORMAT, gateway: "g", generation: 1, issuedAt: 1, trust, scopes: { [SCOPE]: hosts }, ...changes };
}

const LAST = rootOf({ used: "used-1", rests: "rests-1", hidden: null });
const NEWER = { generation: 2, issuedAt: 2 };

describe("a newer root waits for slices of hosts that rest", () => {
  const waits = (hosts: Readonly<Record<string, string | null>>, changes: Partial<Root> = {}): boolean =>
    canWait(LAST, rootOf(hosts, { ...NEWER, ...changes }), (id) => id === "used-2");

  it("where all that it changes is slices that are not here", () => {
    expect(waits({ used: "used-1", rests: "rests-2", hidden: null })).toBe(true);
    expect(waits({ used: "used-1", rests: "rests-2", hidden: null, added: "added-1" })).toBe(true);
  });

  it.each([
    ["hides a host", { used: "used-1", rests: null, hidden: null }],
    ["has a host no more", { used: "used-1", hidden: null }],
    [
      "has a host no more whose name every object knows",
      { used: "used-1", rests: "rests-2", hidden: null },
      "constructor",
    ],
    ["changes a host whose slice is here", { used: "used-2", rests: "rests-2", hidden: null }],
  ] as const)("not where it %s", (_, hosts, removed: string | null = null) => {
    const last = removed === null ? LAST : rootOf({ ...LAST.scopes[SCOPE], [removed]: "one" });
    expect(canWait(last, rootOf(hosts, NEWER), (id) => id === "used-2")).toBe(false);
  });

  it("not where a scope is there no more, or trust, its revocations or its age change", () => {
    const hosts = { ...LAST.scopes[SCOPE], rests: "rests-2" };
    expect(waits(hosts, { scopes: {} })).toBe(false);
    expect(waits(hosts, { maxAgeMs: 1_000 })).toBe(false);
    expect(waits(hosts, { trust: { ...LAST.trust, authorities: [] } })).toBe(false);
    const revoked = { serials: ["ab"], ids: [] };
    expect(waits(hosts, { trust: { ...LAST.trust, revoked } })).toBe(false);
  });
});

describe("slices of hosts that rest", () => {
  const next = rootOf({ used: "used-2", rests: "rests-2", hidden: "hidden-1" });

  it("are those in place of some that are here, without those in use", () => {
    expect(restingSlices(LAST, next, ["used-1", "rests-1"], ["used-2"])).toEqual(["rests-2"]);
    expect(restingSlices(LAST, next, ["used-1"], ["used-2"])).toEqual([]);
  });

  it("are the latest 200, once each however many scopes list them", () => {
    const hosts = (age: number) =>
      Object.fromEntries(Array.from({ length: 250 }, (_, at) => [`h${at}`, `${at}-${age}`]));
    const [last, newer] = [1, 2].map((age) => ({ scopes: { a: hosts(age), b: hosts(age) } }));
    const got = restingSlices(last ?? LAST, newer ?? next, Object.values(hosts(1)), []);
    expect(got).toEqual(Array.from({ length: 200 }, (_, at) => `${249 - at}-2`));
  });
});
