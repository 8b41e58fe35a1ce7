import { describe, expect, it } from "vitest";
import { HostIndex } from "../../src/routing/host.ts";

const index = new HostIndex({
  "gw/a/b/80": { "x.example.com": "exact", "*.example.com": "wide", "*.b.example.com": "narrow", "*": "any" },
  "mesh/*": { reviews: "all", hidden: "secret", "*.wild.test": "wild" },
  "mesh/shop": { reviews: "own", hidden: null, cart: "cart" },
  "mesh/shop/web": { reviews: null, cart: "web's", "*.wild.test": null, "a.wild.test": "a" },
  "mesh/shop/till": { "~": null, cart: "till's" },
  "mesh/bank": { "~": null, vault: "vault", "*.test": "test" },
  "mesh/bank/clerk": { vault: null },
});

const partial = new HostIndex({
  "gw/a/b/80": { "*-eu.example.com": "eu", "*.example.com": "wide", "*ample.com": "ample", "*u.example.com": "u" },
  "mesh/*": { "*-x.test": "all", "*.test": "test" },
  "mesh/shop": { "*-x.test": null },
});

describe("HostIndex", () => {
  it.each([
    ["gw/a/b/80", "shop-eu.example.com", "eu"],
    ["gw/a/b/80", "a.shop-eu.example.com", "eu"],
    ["gw/a/b/80", "-eu.example.com", "u"],
    ["gw/a/b/80", "shopeu.example.com", "u"],
    ["gw/a/b/80", "shop.example.com", "wide"],
    ["gw/a/b/80", "example.com", "ample"],
    ["gw/a/b/80", "ample.com", null],
    ["gw/a/b/80", "eu.example.org", null],
    ["mesh/*", "a-x.test", "all"],
    ["mesh/shop", "a-x.test", "test"],
    ["mesh/other", "a-x.test", "all"],
  ])("by a `*` for a part of a label, the longest first: in %s finds %s as %s", (scope, host, id) => {
    expect(partial.lookup(scope, host)).toBe(id);
  });

  it.each([
    ["gw/a/b/80", "x.example.com", "exact"],
    ["gw/a/b/80", "y.example.com", "wide"],
    ["gw/a/b/80", "y.b.example.com", "narrow"],
    ["gw/a/b/80", "example.com", "any"],
    ["gw/a/b/80", "b.example.com", "wide"],
    ["gw/a/b/81", "x.example.com", null],
    ["mesh/shop", "reviews", "own"],
    ["mesh/shop", "cart", "cart"],
    ["mesh/shop", "hidden", null],
    ["mesh/shop", "a.wild.test", "wild"],
    ["mesh/shop/web", "reviews", null],
    ["mesh/shop/web", "cart", "web's"],
    ["mesh/shop/web", "hidden", null],
    ["mesh/shop/web", "a.wild.test", "a"],
    ["mesh/shop/web", "b.wild.test", null],
    ["mesh/shop/other", "reviews", "own"],
    ["mesh/shop/other", "hidden", null],
    ["mesh/other/web", "reviews", "all"],
    ["mesh/shop/till", "cart", "till's"],
    ["mesh/shop/till", "reviews", null],
    ["mesh/shop/till", "~", null],
    ["mesh/bank", "reviews", null],
    ["mesh/bank", "a.wild.test", "test"],
    ["mesh/bank/clerk", "vault", null],
    ["mesh/bank/clerk", "reviews", null],
    ["mesh/bank/clerk", "x.test", "test"],
    ["mesh/other", "reviews", "all"],
    ["mesh/other", "cart", null],
    ["mesh/*", "hidden", "secret"],
    ["gw/a/b/80", "", "any"],
  ])("in %s finds %s as %s", (scope, host, id) => {
    expect(index.lookup(scope, host)).toBe(id);
  });

  it("tells which service accounts have a scope of their own, and null where none has", () => {
    expect([...(index.accounts ?? [])]).toEqual(["mesh/shop/web", "mesh/shop/till", "mesh/bank/clerk"]);
    expect(new HostIndex({ "gw/a/b/80": {}, "mesh/shop": {} }).accounts).toBeNull();
  });
});
