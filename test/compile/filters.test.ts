import { describe, expect, it } from "vitest";
import { service, TestWorld } from "./world.ts";

const REVIEWS = "reviews.default.svc.cluster.local";

/** What becomes of these fields of a rule in the model's route. */
function compiled(fields: string) {
  const world = new TestWorld();
  world.apply(`${service("reviews", { versions: ["v1", "v2"] })}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: reviews }
spec: { hosts: [reviews], http: [{ route: [{ destination: { host: reviews } }], ${fields} }] }`);
  const { fault, cors } = world.slice("mesh/*", REVIEWS)?.routes[0] ?? {};
  return { ...(fault && { fault }), ...(cors && { cors }) };
}

describe("a rule's corsPolicy", () => {
  it("becomes headers as they are sent", () => {
    expect(
      compiled(
        "corsPolicy: { allowOrigins: [{ exact: cors.com }, { prefix: a }, { regex: b }], allowMethods: [POST, GET], allowHeaders: [X-A, X-B], exposeHeaders: [], maxAge: 24h, allowCredentials: false }",
      ),
    ).toEqual({
      cors: {
        origins: [
          { kind: "exact", value: "cors.com" },
          { kind: "prefix", value: "a" },
          { kind: "regex", value: "b" },
        ],
        methods: "POST,GET",
        headers: "X-A,X-B",
        maxAge: 86_400,
        unmatched: "FORWARD",
      },
    });
  });

  it("takes the older origins where there are no newer ones", () => {
    const origins = (fields: string) => compiled(`corsPolicy: { ${fields} }`).cors?.origins;
    expect(origins('allowOrigin: ["*"]')).toEqual([{ kind: "exact", value: "*" }]);
    expect(origins('allowOrigin: ["*"], allowOrigins: [{ prefix: b }]')).toEqual([{ kind: "prefix", value: "b" }]);
  });
});

describe("a rule's fault", () => {
  it.each([
    ["delay: { fixedDelay: 3s, percentage: { value: 50 } }", { delay: { share: 0.5, ms: 3_000 } }],
    ["delay: { fixedDelay: 3s, percent: 10 }", { delay: { share: 0.1, ms: 3_000 } }],
    ["delay: { fixedDelay: 3s, percent: 10, percentage: { value: 0 } }", undefined],
    ["delay: { fixedDelay: 3s }", undefined],
    ["delay: { percentage: { value: 50 } }", undefined],
    ["abort: { httpStatus: 418, percentage: { value: 0.001 } }", { abort: { share: 0.00001, status: 418 } }],
    ["abort: { httpStatus: 418, percentage: { value: 33.33337 } }", { abort: { share: 0.333333, status: 418 } }],
    ["abort: { httpStatus: 418 }", undefined],
    [
      "abort: { grpcStatus: DEADLINE_EXCEEDED, percentage: { value: 50 } }",
      { abort: { share: 0.5, status: 504, grpcStatus: 4 } },
    ],
    ['abort: { grpcStatus: "0", percentage: { value: 100 } }', { abort: { share: 1, status: 200, grpcStatus: 0 } }],
  ])("%s is injected so", (fields, fault) => {
    expect(compiled(`fault: { ${fields} }`).fault).toEqual(fault);
  });
});
