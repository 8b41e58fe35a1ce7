import { describe, expect, it } from "vitest";
import { placesOf } from "../../edge/dev/places.ts";
import type { MeshGateway } from "../../src/deployment/topology.ts";

const gateway: MeshGateway = {
  name: "shop-gateway",
  settings: { fronts: ["*"], domains: [], certificates: {} },
  gateway: null,
  makesGateway: false,
  endpoints: [
    { binding: "EP_ORDERS", worker: "orders" },
    { binding: "EP_ORDERS__Admin_x1", worker: "orders", entrypoint: "Admin", props: { role: "auditor" } },
    { binding: "EP_STOCK", worker: "stock" },
  ],
};

describe("where a gateway finds its endpoints", () => {
  it("is the process of each Worker that runs, with entrypoint and props of the variant", () => {
    const running = new Map([["orders", { address: "127.0.0.1:1", hasAssets: false }]]);
    expect(placesOf(gateway, running)).toEqual({
      EP_ORDERS: { address: "127.0.0.1:1", service: "core:user:orders" },
      EP_ORDERS__Admin_x1: {
        address: "127.0.0.1:1",
        service: "core:user:orders",
        entrypoint: "Admin",
        props: { role: "auditor" },
      },
    });
  });

  it("keeps calls waiting of a Worker whose process is about to end, and no other's", () => {
    const running = new Map([
      ["orders", { address: "127.0.0.1:1", hasAssets: false, held: true as const }],
      ["stock", { address: "127.0.0.1:2", hasAssets: false }],
    ]);
    const held = Object.entries(placesOf(gateway, running)).map(([binding, place]) => [binding, place.held ?? false]);
    expect(held).toEqual([
      ["EP_ORDERS", true],
      ["EP_ORDERS__Admin_x1", true],
      ["EP_STOCK", false],
    ]);
  });

  it("is what serves a Worker's assets, for requests to its default entrypoint", () => {
    const running = new Map([["orders", { address: "127.0.0.1:1", hasAssets: true }]]);
    const places = placesOf(gateway, running);
    expect(places["EP_ORDERS"]).toMatchObject({ fetchService: "assets:rpc-proxy:orders", service: "core:user:orders" });
    expect(places["EP_ORDERS__Admin_x1"]).not.toHaveProperty("fetchService");
  });
});
