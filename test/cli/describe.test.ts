import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { type Asked, refused, useFakeControl } from "./fake-control.ts";
import { ran } from "./in-process.ts";

const SERVICE = {
  kind: "service",
  namespace: "shop",
  name: "reviews",
  generation: 7,
  parts: [
    {
      part: "port 9080",
      value: "http, to 9080",
      object: { apiVersion: "v1", kind: "Service", namespace: "shop", name: "reviews" },
      field: "spec.ports[0]",
    },
    {
      part: "ALLOW",
      value: "nobody",
      object: { apiVersion: "tulle.dev/v1alpha1", kind: "MeshConfig", namespace: "", name: "default" },
      field: "spec.defaultDeny",
    },
  ],
  hidden: 2,
  findings: [
    { code: "TULLE0101", severity: "warning", field: "spec", message: "look here", object: {} },
    { code: "TULLE0503", severity: "info", field: "spec.subsets[0].name", message: "so far unused", object: {} },
  ],
  gateways: [{ gateway: "public", generation: 7, have: null }],
};

const control = useFakeControl();
beforeEach(() => {
  control.asked.length = 0;
  control.routes = { "GET /api/v1/describe/service/shop/reviews": () => ({ body: SERVICE }) };
});

const described = async (args: readonly string[], columns?: number) =>
  ran(
    ["describe", ...args, "--kubeconfig", join(control.folder, ".tulle/kubeconfig")],
    columns === undefined ? {} : { columns },
  );

const paths = (): readonly string[] => control.asked.map(({ path }: Asked) => path.replace("/api/v1/describe/", ""));

describe("tulle describe", () => {
  it.each([
    { args: ["service", "reviews", "-n", "shop"], asks: ["service/shop/reviews"] },
    { args: ["service", "shop/reviews"], asks: ["service/shop/reviews"] },
    { args: ["service", "shop/reviews", "-n", "shop"], asks: ["service/shop/reviews"] },
    { args: ["service", "reviews.shop"], asks: ["service/default/reviews.shop", "service/shop/reviews"] },
    {
      args: ["service", "reviews.shop.svc.cluster.local"],
      asks: ["service/default/reviews.shop.svc.cluster.local", "service/shop/reviews"],
    },
  ])("finds $args", async ({ args, asks }) => {
    const { code, stdout, stderr } = await described(args);
    expect(code, stderr).toBe(0);
    expect(paths()).toEqual(asks);
    expect(stdout.split("\n", 1)[0]).toBe("service shop/reviews, generation 7");
  });

  it("takes routes and policies as the log names them", async () => {
    await described(["policy", "shop/deny-all"]);
    await described(["route", "shop/reviews/canary.0"]);
    await described(["workload", "reviews.v1"]);
    expect(paths()).toEqual(["policy/shop/deny-all", "route/shop/reviews", "workload/default/reviews.v1"]);
  });

  it.each([80, 60])("prints each part with the object and field that says so, on %i columns", async (columns) => {
    const { stdout, stderr } = await described(["service", "shop/reviews"], columns);
    expect(stdout.split("\n")).toEqual([
      "service shop/reviews, generation 7",
      "served by public (not seen lately)",
      "",
      "port 9080",
      "  http, to 9080",
      "  Service shop/reviews spec.ports[0]",
      "",
      "ALLOW",
      "  nobody",
      "  MeshConfig default spec.defaultDeny",
      "",
      "2 more that objects of other namespaces say, which this token does not read",
      "",
    ]);
    expect(stderr).toBe("warning: TULLE0101 spec: look here\ninfo: TULLE0503 spec.subsets[0].name: so far unused\n");
  });

  it("prints JSON as it was answered", async () => {
    const { stdout } = await described(["service", "shop/reviews", "-o", "json"]);
    expect(JSON.parse(stdout)).toEqual(SERVICE);
  });

  it("passes on what control says of a name that there is not, the last place's", async () => {
    control.routes = {
      "GET /api/v1/describe/service/shop/revews": () => refused("NotFound", "none; did you mean `shop/reviews`?"),
    };
    const { code, stderr } = await described(["service", "revews.shop"]);
    expect([code, stderr]).toEqual([1, "error: none; did you mean `shop/reviews`?\n"]);
  });

  it.each([
    { args: ["service", "shop/reviews", "-n", "bank"], says: "leave one of them out" },
    { args: ["service", "shop/"], says: "give NAME, or NAMESPACE/NAME" },
    { args: ["policy", "a/b/c"], says: "give NAME, or NAMESPACE/NAME" },
    { args: ["gateway", "x"], says: "service, route, policy, workload" },
  ])("refuses $args", async ({ args, says }) => {
    const { code, stderr } = await described(args);
    expect(code).toBe(2);
    expect(stderr).toContain(says);
    expect(control.asked).toEqual([]);
  });
});
