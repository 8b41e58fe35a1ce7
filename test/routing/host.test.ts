import { describe, expect, it } from "vitest";
import { HostIndex } from "../../src/routing/host.ts";

const index = new HostIndex({
  "gw/a/b/80": { "x.example.com": "exact", "*.example.com": "wide", "*.b.example.com": "narrow", "*": "any" },
  "mesh/*": { reviews: "all", hidden: "secret", "*.wild.test": "wild" },
  "mesh/shop": { reviews: "own", hidden: null, cart: "cart" },
});

describe("HostIndex", () => {
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
    ["mesh/other", "reviews", "all"],
    ["mesh/other", "cart", null],
    ["mesh/*", "hidden", "secret"],
    ["gw/a/b/80", "", "any"],
  ])("in %s finds %s as %s", (scope, host, id) => {
    expect(index.lookup(scope, host)).toBe(id);
  });
});
