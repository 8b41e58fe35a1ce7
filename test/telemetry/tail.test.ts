import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readTailFilter } from "../../src/telemetry/tail-filter.ts";
import { type TailSubject, tailTest } from "../../src/telemetry/tail.ts";

const SUBJECT: TailSubject = {
  host: "reviews.shop.svc.cluster.local",
  route: "shop/reviews/0.canary",
  status: 503,
  principal: "cluster.local/ns/web/sa/page",
  policy: "shop/deny",
  path: "/reviews/1",
};

describe("a tail's condition", () => {
  it.each([
    { filter: {}, yes: [{}, { host: null, route: null, status: 0, principal: null, policy: null }], no: [] },
    {
      filter: { service: "reviews" },
      yes: [{}, { host: "reviews" }],
      no: [{ host: "reviews2.shop" }, { host: null }, { host: "my.reviews.shop" }],
    },
    { filter: { service: "reviews.shop" }, yes: [{}], no: [{ host: "reviews.shopping.svc.cluster.local" }] },
    { filter: { service: "reviews.shop.svc.cluster.local" }, yes: [{}], no: [{ host: "shop.svc.cluster.local" }] },
    {
      filter: { route: "shop/reviews" },
      yes: [{}, { route: "shop/reviews" }],
      no: [{ route: "shop/reviews2/0" }, { route: null }, { route: "a/shop/reviews/0" }],
    },
    { filter: { route: "shop/reviews/0" }, yes: [{}], no: [{ route: "shop/reviews/01" }] },
    { filter: { status: ["5xx"] }, yes: [{}, { status: 500 }], no: [{ status: 499 }, { status: 0 }, { status: 600 }] },
    { filter: { status: ["404", "0"] }, yes: [{ status: 404 }, { status: 0 }], no: [{}, { status: 40 }] },
    {
      filter: { principal: "web/page" },
      yes: [{}, { principal: "other.example/ns/web/sa/page" }],
      no: [{ principal: "cluster.local/ns/web/sa/page2" }, { principal: null }],
    },
    { filter: { principal: "cluster.local/ns/web/sa/page" }, yes: [{}], no: [{ principal: "x/ns/web/sa/page" }] },
    { filter: { principal: "-" }, yes: [{ principal: null }], no: [{}] },
    { filter: { policy: "shop/deny" }, yes: [{}], no: [{ policy: "shop/deny2" }, { policy: null }] },
    { filter: { path: "/reviews/1" }, yes: [{}], no: [{ path: "/reviews/12" }] },
    { filter: { path: "/reviews/*" }, yes: [{}, { path: "/reviews/" }], no: [{ path: "/reviews" }] },
    { filter: { path: "*" }, yes: [{}, { path: "" }], no: [] },
    { filter: { path: "/reviews/*", status: ["503"] }, yes: [{}], no: [{ status: 200 }, { path: "/" }] },
  ])("$filter holds where it says", ({ filter, yes, no }) => {
    const test = tailTest(filter);
    for (const change of yes) expect([change, test({ ...SUBJECT, ...change })]).toEqual([change, true]);
    for (const change of no) expect([change, test({ ...SUBJECT, ...change })]).toEqual([change, false]);
  });
});

describe("a tail's parameters", () => {
  it("are read as they are meant", () => {
    expect(readTailFilter({})).toEqual({ ok: true, value: { filter: {}, maxRps: 100 } });
    const all = {
      service: "reviews",
      route: "shop/reviews",
      status: "4xx,503",
      principal: "spiffe://cluster.local/ns/web/sa/page",
      policy: "shop/deny",
      path: "/a*",
      namespace: "shop",
      maxRps: "1000",
    };
    expect(readTailFilter(all)).toEqual({
      ok: true,
      value: {
        filter: {
          ...all,
          status: ["4xx", "503"],
          principal: "cluster.local/ns/web/sa/page",
          maxRps: undefined,
        },
        maxRps: 1_000,
      },
    });
  });

  it.each([
    ["service", ""],
    ["service", "REVIEWS"],
    ["service", "a b"],
    ["route", "a b"],
    ["status", "6xx"],
    ["status", "5XX"],
    ["status", "5xx,"],
    ["status", "99999"],
    ["status", Array.from({ length: 17 }, () => "404").join(",")],
    ["principal", "page"],
    ["principal", ""],
    ["policy", "deny"],
    ["policy", "shop/"],
    ["path", "reviews"],
    ["path", `/${"x".repeat(2_000)}`],
    ["namespace", "*"],
    ["namespace", "Shop"],
    ["maxRps", "0"],
    ["maxRps", "1001"],
    ["maxRps", "1e2"],
    ["maxRps", "-1"],
    ["token", "x"],
    ["toString", "x"],
    ["__proto__", "x"],
  ])("are refused by name: %s=%s", (parameter, value) => {
    const read = readTailFilter(Object.fromEntries([[parameter, value]]));
    expect(read).toMatchObject({ ok: false, error: { parameter } });
  });

  it("never throw, whatever they hold", () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom("service", "route", "status", "path", "maxRps", "x"), fc.string()),
        (query) => {
          const read = readTailFilter(query);
          if (read.ok) expect(tailTest(read.value.filter)(SUBJECT)).toBeTypeOf("boolean");
        },
      ),
    );
  });
});
