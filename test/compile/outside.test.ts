import { describe, expect, it } from "vitest";
import { lookupSlice } from "../../src/compile/lookup.ts";
import { link } from "../../src/snapshot/link.ts";
import { sliceId } from "../../src/snapshot/hash.ts";
import { readSlice } from "../../src/snapshot/signature.ts";
import { decided, facts } from "../decide/requests.ts";
import { service, TestWorld } from "./world.ts";

const REVIEWS = "reviews.default.svc.cluster.local";

function document(kind: string, spec: string, namespace = "default", name = "default"): string {
  const group = kind === "MeshConfig" ? "tulle.dev/v1alpha1" : "networking.istio.io/v1";
  return `
---
apiVersion: ${group}
kind: ${kind}
metadata: { name: ${name}, namespace: ${namespace} }
spec: ${spec}`;
}

const settings = (policy: string): string =>
  document(
    "MeshConfig",
    `{ egress: { allowedHosts: [api.example.com, "*.Vendor.example", 127.0.0.1] }, ${policy} }`,
    "istio-system",
  );
const sidecar = (policy: string, more = 'egress: [{ hosts: ["*/*"] }],'): string =>
  document("Sidecar", `{ ${more} outboundTrafficPolicy: ${policy} }`);
const REGISTRY_ONLY = "outboundTrafficPolicy: { mode: REGISTRY_ONLY }";

function entry(host: string, exportTo: string, resolution = "DNS"): string {
  return document(
    "ServiceEntry",
    `{ hosts: ["${host}"], exportTo: [${exportTo}], ports: [{ number: 80, name: http, protocol: HTTP }], resolution: ${resolution} }`,
    "shop",
  );
}

function world(...documents: readonly string[]) {
  const made = new TestWorld();
  made.apply([service("reviews"), ...documents].join(""));
  const find = (scope: string, host: string) =>
    lookupSlice(made.compiler.scopes({ fronts: ["*"], gateways: ["*"] }), scope, host)?.slice ?? null;
  /** What comes of a call: the endpoint's id, `blocked`, or null where nobody serves the host. */
  const called = (scope: string, host: string): string | null => {
    const slice = find(scope, host);
    const [route] = slice?.routes ?? [];
    if (route?.direct?.blocked) return "blocked";
    const [endpoint] = Object.values(slice?.clusters ?? {})[0]?.endpoints ?? [];
    return endpoint?.id ?? null;
  };
  return { made, find, called };
}

it("what is said of hosts outside is what gateways read and link", async () => {
  const { made } = world(settings(""), sidecar("{}"));
  const scopes = made.compiler.scopes({ fronts: ["*"], gateways: ["*"] });
  for (const [scope, host] of [
    ["mesh/*", "api.example.com"],
    ["mesh/*", "a.vendor.example"],
    ["mesh/default", "evil.test"],
  ] as const) {
    const found = lookupSlice(scopes, scope, host);
    const text = found?.text ?? "";
    const read = await readSlice(text, await sliceId(text));
    if (!read.ok) throw new Error(JSON.stringify(read.error));
    const answer = decided(link(read.value), facts({ host, authority: host, port: 80 }));
    if (scope === "mesh/default")
      expect(answer).toMatchObject({ effect: "answer", code: "egress_blocked", status: 502, body: "", flag: "" });
    else
      expect(answer).toMatchObject({
        effect: "forward",
        origin: scope === "mesh/*" && host.startsWith("a.") ? `https://${host}` : null,
        cluster: { model: { anonymous: true } },
      });
  }
});

describe("a call to a host that its caller does not see", () => {
  it.each(["", "outboundTrafficPolicy: { mode: ALLOW_ANY }", "outboundTrafficPolicy: { mode: ALLOW_ANY_DYNAMIC_DNS }"])(
    "goes to hosts on the egress list, and to no others: %s",
    (policy) => {
      const { called, find } = world(settings(policy));
      expect(called("mesh/*", "api.example.com")).toBe("https://api.example.com");
      expect(called("mesh/default", "shop.vendor.example")).toBe("dynamic:*.vendor.example");
      for (const host of ["other.example.com", "a.api.example.com", "vendor.example", "127.0.0.1", "evil.test"])
        expect(called("mesh/*", host)).toBeNull();
      expect(find("mesh/*", "api.example.com")?.ports).toEqual([80, 443]);
      expect(called("mesh/*", REVIEWS)).toBe("binding:EP_DEFAULT_REVIEWS_V1");
    },
  );

  it.each([REGISTRY_ONLY, "outboundTrafficPolicy: {}"])("is blocked under %s", (policy) => {
    const { called } = world(settings(policy));
    for (const host of ["api.example.com", "shop.vendor.example", "evil.test", "nowhere"])
      expect(called("mesh/default", host)).toBe("blocked");
    expect(called("mesh/*", REVIEWS)).toBe("binding:EP_DEFAULT_REVIEWS_V1");
  });

  it.each([
    ["{ mode: REGISTRY_ONLY }", "", "blocked", "https://api.example.com"],
    ["{}", "", "blocked", "https://api.example.com"],
    ["{ mode: ALLOW_ANY }", REGISTRY_ONLY, "https://api.example.com", "blocked"],
  ])("is what the caller's Sidecar says, %s, else the mesh: %s", (own, mesh, inDefault, inShop) => {
    for (const imports of ['egress: [{ hosts: ["*/*"] }],', 'egress: [{ hosts: ["./*"] }],', ""]) {
      const { called } = world(settings(mesh), sidecar(own, imports));
      expect(called("mesh/default", "api.example.com")).toBe(inDefault);
      expect(called("mesh/shop", "api.example.com")).toBe(inShop);
      expect(called("mesh/default", "evil.test")).toBe(inDefault === "blocked" ? "blocked" : null);
      expect(called("mesh/default", REVIEWS)).toBe("binding:EP_DEFAULT_REVIEWS_V1");
    }
  });

  it("is blocked also where the host is a service that the Sidecar does not import, or that is exported to others", () => {
    const { called } = world(
      settings(""),
      "\n---",
      service("cart", { namespace: "shop" }),
      entry("hidden.test", ".", "STATIC").replace("STATIC", 'STATIC, endpoints: [{ address: "binding:EP_H" }]'),
      sidecar("{}", 'egress: [{ hosts: ["./*"] }],'),
    );
    for (const host of ["cart.shop", "cart.shop.svc.cluster.local", "hidden.test"])
      expect(called("mesh/default", host)).toBe("blocked");
    expect(called("mesh/shop", "hidden.test")).toBe("binding:EP_H");
  });

  it("never goes where a namespace has an endpoint of its own, seen by the caller or not", () => {
    const { called, find } = world(
      settings(""),
      entry("api.example.com", "."),
      entry("a.vendor.example", ".").replace("name: default", "name: b"),
    );
    expect(called("mesh/shop", "api.example.com")).toBe("https://api.example.com");
    expect(called("mesh/default", "api.example.com")).toBeNull();
    const [cluster] = Object.values(find("mesh/default", "a.vendor.example")?.clusters ?? {});
    expect(cluster?.endpoints[0]?.address).toMatchObject({ kind: "dynamic", except: ["a.vendor.example"] });
  });

  it("goes to the Sidecar's proxy, all of it", () => {
    const to = (port: number) =>
      sidecar(`{ mode: ALLOW_ANY, egressProxy: { host: reviews, port: { number: ${port} } } }`);
    const { made, called, find } = world(settings(REGISTRY_ONLY), to(80));
    for (const host of ["api.example.com", "evil.test"])
      expect(called("mesh/default", host)).toBe("binding:EP_DEFAULT_REVIEWS_V1");
    expect(find("mesh/default", "evil.test")?.host).toBe("*");
    expect(called("mesh/shop", "evil.test")).toBe("blocked");
    expect(made.apply(to(81))).toEqual([
      expect.stringMatching(/egressProxy: there is no service `reviews\.default.*port 81/),
    ]);
    expect(Object.values(find("mesh/default", "evil.test")?.clusters ?? {})).toMatchObject([{ unknown: true }]);
  });

  it("follows the mesh's settings", () => {
    const { made, called } = world(settings(""));
    expect(called("mesh/*", "api.example.com")).toBe("https://api.example.com");
    made.apply(settings(REGISTRY_ONLY));
    expect(called("mesh/*", "api.example.com")).toBe("blocked");
    made.apply(document("MeshConfig", "{}", "istio-system"));
    expect(called("mesh/*", "api.example.com")).toBeNull();
  });

  it("leaves Gateways alone, and gateways that front single services", () => {
    const { made } = world(settings(REGISTRY_ONLY));
    const scopes = made.compiler.scopes({ fronts: ["default/reviews"], gateways: ["*"] });
    expect(lookupSlice(scopes, "mesh/default", "evil.test")).toBeNull();
    expect([...scopes.keys()].filter((scope) => scope.startsWith("gw/"))).toEqual([]);
  });
});
