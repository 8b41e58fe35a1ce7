import { describe, expect, it } from "vitest";
import { didYouMean, namesLike, unmetConditions } from "../../src/kube/known-names.ts";
import type { KubeObject } from "../../src/resources/object.ts";
import { readTailFilter } from "../../src/telemetry/tail-filter.ts";

function object(kind: string, namespace: string, name: string, spec: object = {}): KubeObject {
  const group = { Service: "v1", AuthorizationPolicy: "security.istio.io/v1" }[kind] ?? "networking.istio.io/v1";
  return { apiVersion: group, kind, metadata: { name, namespace }, spec };
}

const OBJECTS = [
  object("Service", "shop", "reviews"),
  object("Service", "shop", "ratings"),
  object("Service", "bank", "reviews"),
  object("Service", "bank", "accounts"),
  object("ServiceEntry", "shop", "outside", { hosts: ["api.example.com"] }),
  object("ServiceEntry", "shop", "own", { hosts: ["own.shop.corp"], exportTo: ["bank"] }),
  object("ServiceEntry", "bank", "open", { hosts: ["open.shop.corp"] }),
  object("ServiceEntry", "bank", "hidden", { hosts: ["hidden.shop.corp"], exportTo: ["."] }),
  object("VirtualService", "shop", "reviews"),
  object("AuthorizationPolicy", "bank", "deny-all"),
  object("WorkloadEntry", "shop", "reviews-v1"),
];

describe("names like one that there is not", () => {
  it.each([
    { kind: "service", at: "shop/revews", near: ["shop/reviews", "bank/reviews"] },
    { kind: "service", at: "default/reviews", near: ["bank/reviews", "shop/reviews"] },
    { kind: "service", at: "bank/Accounts", near: ["bank/accounts"] },
    { kind: "route", at: "bank/reviews", near: ["shop/reviews"] },
    { kind: "policy", at: "bank/denyall", near: ["bank/deny-all"] },
    { kind: "workload", at: "shop/reviews-v2", near: ["shop/reviews-v1"] },
    { kind: "service", at: "shop/nothing-like-it", near: [] },
  ] as const)("$kind $at", ({ kind, at, near }) => {
    const [namespace = "", name = ""] = at.split("/");
    expect(namesLike(OBJECTS, kind, namespace, name, null)).toEqual(near);
  });

  it("are those of the reader's namespace alone", () => {
    expect(namesLike(OBJECTS, "service", "shop", "revews", "shop")).toEqual(["shop/reviews"]);
    expect(namesLike(OBJECTS, "service", "shop", "acounts", "shop")).toEqual([]);
  });

  it("are three at most, in words", () => {
    const many = ["a1", "a2", "a3", "a4"].map((name) => object("Service", "shop", name));
    const near = namesLike(many, "service", "shop", "a", null);
    expect(near).toEqual(["shop/a1", "shop/a2", "shop/a3"]);
    expect(didYouMean(near)).toBe("; did you mean `shop/a1` or `shop/a2` or `shop/a3`?");
  });
});

describe("conditions of a tail that no request meets as the mesh is", () => {
  const isExported = ({ spec }: KubeObject): boolean => !Object.hasOwn(Object(spec), "exportTo");
  const unmet = (query: Readonly<Record<string, string>>, reader: string | null = null): readonly string[] => {
    const read = readTailFilter(query);
    return read.ok ? unmetConditions(OBJECTS, read.value.filter, reader, isExported) : [read.error.message];
  };

  it.each([
    { service: "reviews" },
    { service: "shop/reviews" },
    { service: "reviews.shop" },
    { service: "reviews.shop.svc.cluster.local" },
    { service: "api.example.com" },
    { route: "shop" },
    { route: "shop/reviews" },
    { route: "shop/reviews/canary.0" },
    { policy: "bank/deny-all" },
    { status: "404,5xx" },
  ])("are none of %o", (query) => {
    expect(unmet(query)).toEqual([]);
  });

  it.each([
    { query: { service: "revews" }, says: /no service `revews`, .*did you mean `bank\/reviews` or `shop\/reviews`\?$/ },
    { query: { service: "shop/revews" }, says: /no service `revews.shop`.*did you mean `shop\/reviews` or/ },
    { query: { route: "shop/ratings" }, says: /no route `shop\/ratings`/ },
    { query: { route: "bank" }, says: /no route `bank`/ },
    { query: { policy: "shop/deny-all" }, says: /no policy `shop\/deny-all`.*did you mean `bank\/deny-all`\?$/ },
  ])("are told of $query", ({ query, says }) => {
    expect(unmet(query)).toEqual([expect.stringMatching(says)]);
  });

  it("say nothing of what other namespaces have", () => {
    const said = [
      unmet({ service: "accounts" }, "shop"),
      unmet({ service: "accounts.bank" }, "shop"),
      unmet({ service: "nobody.bank" }, "shop"),
    ];
    expect(said.flat()).toEqual([]);
    const hidden = "what a policy of namespace `bank` does is not shown to this token: no request meets that";
    expect(unmet({ policy: "bank/deny-all" }, "shop")).toEqual([hidden]);
    expect(unmet({ policy: "bank/other" }, "shop")).toEqual([hidden]);
    expect(unmet({ service: "accounts.shop" }, "shop")).toEqual([expect.not.stringContaining("bank")]);
  });

  it("take another namespace's service for none where it is not exported to the reader", () => {
    expect(unmet({ service: "hidden.shop" })).toEqual([]);
    expect(unmet({ service: "hidden.shop" }, "shop")).toEqual([expect.stringMatching(/^there is no service `hidden/)]);
    expect(unmet({ service: "open.shop" }, "shop")).toEqual([]);
    expect(unmet({ service: "own.shop" }, "shop")).toEqual([]);
  });

  it.each(["999", "600", "099", "4xx,999", "6xx"])("are refused where no answer can have it: status %s", (status) => {
    expect(unmet({ status })[0]).toContain("from 100 to 599");
  });
});
