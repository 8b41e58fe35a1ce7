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
  const { fault, cors, mirrors } = world.slice("mesh/*", REVIEWS)?.routes[0] ?? {};
  return { ...(fault && { fault }), ...(cors && { cors }), ...(mirrors && { mirrors }) };
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

describe("a rule's mirrors", () => {
  const id = (host: string) => `outbound|80||${host}.default.svc.cluster.local`;
  const copies = (fields: string) => compiled(fields).mirrors;

  it.each([
    ["mirror: { host: b }", 1],
    ["mirror: { host: b }, mirrorPercentage: { value: 50 }", 0.5],
    ["mirror: { host: b }, mirrorPercentage: { value: 0.00019 }", 0.000001],
    ["mirror: { host: b }, mirrorPercent: 50", 0.5],
    ["mirror: { host: b }, mirror_percent: 25", 0.25],
    ["mirror: { host: b }, mirrorPercent: 50, mirrorPercentage: { value: 10 }", 0.1],
    ["mirrors: [{ destination: { host: b } }]", 1],
    ["mirrors: [{ destination: { host: b }, percentage: { value: 1 } }]", 0.01],
  ])("%s gets a share of %f", (fields, share) => {
    expect(copies(fields)).toEqual([{ cluster: id("b"), share }]);
  });

  it.each([
    "mirror: { host: b }, mirrorPercentage: { value: 0 }",
    "mirror: { host: b }, mirrorPercentage: {}",
    "mirror: { host: b }, mirrorPercent: 0",
    "mirrors: [{ destination: { host: b }, percentage: { value: 0 } }]",
    "mirrors: []",
    "mirrorPercentage: { value: 50 }",
  ])("%s is none", (fields) => {
    expect(copies(fields)).toBeUndefined();
  });

  it("go to clusters that the slice holds, at the port that the request came in on where the service has several", () => {
    const world = new TestWorld();
    world.apply(`${service("reviews")}
---
${service("b").replace("{ app: b }\n  ports: [{ name: http, port: 80 }]", "{ app: b }\n  ports: [{ name: http, port: 80 }, { name: http-admin, port: 81 }]")}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: reviews }
spec: { hosts: [reviews], http: [{ route: [{ destination: { host: reviews } }], mirrors: [{ destination: { host: b } }, { destination: { host: b, port: { number: 81 } } }] }] }`);
    const slice = world.slice("mesh/*", REVIEWS);
    expect(slice?.routes[0]?.mirrors?.map(({ cluster }) => cluster)).toEqual([id("b"), id("b").replace("80", "81")]);
    expect(slice?.clusters[id("b")]?.endpoints).toHaveLength(1);
  });

  it("at a Gateway where VirtualServices are merged keep their clusters", () => {
    const world = new TestWorld();
    world.apply(`${service("reviews")}
---
${service("b")}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge }
spec: { selector: { app: gw }, servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ["*"] }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: one }
spec: { hosts: [api.test], gateways: [edge], http: [{ route: [{ destination: { host: reviews } }], mirror: { host: b } }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: two }
spec: { hosts: [api.test], gateways: [edge], http: [{ match: [{ uri: { prefix: /two } }], route: [{ destination: { host: reviews } }] }] }`);
    expect(Object.keys(world.slice("gw/default/edge/80", "api.test")?.clusters ?? {})).toContain(id("b"));
  });

  it("of a delegate are of its namespace", () => {
    const world = new TestWorld();
    world.apply(`${service("reviews")}
---
${service("b", { namespace: "shop" })}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: reviews }
spec: { hosts: [reviews], http: [{ delegate: { name: more, namespace: shop } }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: more, namespace: shop }
spec: { http: [{ route: [{ destination: { host: reviews.default.svc.cluster.local } }], mirror: { host: b } }] }`);
    const ids = world.slice("mesh/*", REVIEWS)?.routes[0]?.mirrors?.map(({ cluster }) => cluster);
    expect(ids).toEqual(["outbound|80||b.shop.svc.cluster.local"]);
  });

  it("are missed where their service is not there", () => {
    const world = new TestWorld();
    expect(
      world.apply(`${service("reviews")}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: reviews }
spec: { hosts: [reviews], http: [{ route: [{ destination: { host: reviews } }], mirrors: [{ destination: { host: reviews } }, { destination: { host: b } }] }, { route: [{ destination: { host: reviews } }], mirror: { host: reviews, subset: v9 } }] }`),
    ).toEqual(
      expect.arrayContaining([
        expect.stringContaining("spec.http[0].mirrors[1].destination: there is no service"),
        expect.stringContaining("spec.http[1].mirror: no DestinationRule"),
      ]),
    );
  });
});
