import { describe, expect, it } from "vitest";
import { NO_PEER, type Peer } from "../../src/identity/peer.ts";
import type { Entrance, Listener } from "../../src/request/entrance.ts";
import { placesOf } from "../../src/request/places.ts";
import { receive } from "../../src/request/receive.ts";
import { peer } from "../decide/requests.ts";

const WEB: Peer = { ...peer("web"), by: "certificate" };

function front(listener: Partial<Listener> = {}): Entrance {
  return {
    kind: "public",
    listener: { gateway: null, port: 80, mesh: false, sni: null, scope: "gw/*", ...listener },
    clientAuth: null,
    whereabouts: { colo: null, country: null, continent: null },
    tlsVersion: undefined,
    tlsCipher: undefined,
    scheme: "http",
  };
}

function places(url: string, entrance: Entrance, by: Peer, host?: string, accounts: readonly string[] = []) {
  const authority = host ?? new URL(url).host;
  const received = receive(
    new Request(url, { headers: entrance.kind === "public" || host !== undefined ? { host: authority } : {} }),
    entrance,
  );
  if (!received.ok) throw new Error(received.error.code);
  const own = accounts.length === 0 ? null : new Set(accounts);
  return placesOf(received.value, entrance, by, own).map((place) => `${place.scope} ${place.host}:${place.port}`);
}

describe("where a host is looked for", () => {
  it("is the Gateway's listener from outside, and nowhere in the mesh without a certificate", () => {
    expect(places("http://a.test/", front(), NO_PEER)).toEqual(["gw/* a.test:80"]);
    expect(
      places("http://a.test/", front({ gateway: "default/x", port: 8080, scope: "gw/default/x/8080" }), NO_PEER),
    ).toEqual(["gw/default/x/8080 a.test:8080"]);
    expect(places("http://a.test/", front({ mesh: true }), NO_PEER)).toEqual([]);
    expect(places("http://a.test/", front(), peer("web"))).toEqual(["gw/* a.test:80"]);
  });

  it("is the mesh as its namespace sees it with one, but a Gateway's own listener serves its hosts first", () => {
    expect(places("http://reviews:9080/", front(), WEB)).toEqual(["mesh/default reviews:9080", "gw/* reviews:80"]);
    expect(
      places("http://a.test/", front({ gateway: "default/x", port: 443, scope: "gw/default/x/443" }), WEB),
    ).toEqual(["gw/default/x/443 a.test:443", "mesh/default a.test:80"]);
    expect(places("http://reviews/", front({ mesh: true, port: 18_030 }), WEB)).toEqual(["mesh/default reviews:80"]);
  });

  it("takes the listener's own port in Host for none", () => {
    expect(places("http://reviews:18030/", front({ mesh: true, port: 18_030 }), WEB)).toEqual([
      "mesh/default reviews:80",
    ]);
  });

  it("is what the agent's SNI names, whatever Host says", () => {
    const by = (sni: string) => places("http://other.test/", front({ mesh: true, sni }), WEB);
    expect(by("reviews.default")).toEqual(["mesh/default reviews.default:80"]);
    expect(by("outbound_.9080_.v1_.reviews.default.svc.cluster.local")).toEqual([
      "mesh/default reviews.default.svc.cluster.local:9080",
    ]);
  });

  it("is what was dialled over a binding, as the caller's namespace sees it", () => {
    const mesh: Entrance = { kind: "mesh", props: {} };
    expect(places("http://reviews:9080/", mesh, peer("web"))).toEqual(["mesh/default reviews:9080"]);
    expect(places("http://reviews./", mesh, NO_PEER)).toEqual(["mesh/* reviews:80"]);
  });

  it("is what a binding's props name, whatever URL and Host say", () => {
    const props = { service: "orders.shop.svc.cluster.local" };
    const orders: Entrance = { kind: "mesh", props };
    expect(places("https://reviews:9080/", orders, peer("web"))).toEqual([`mesh/default ${props.service}:80`]);
    expect(places("http://a/", orders, peer("web"), "reviews")).toEqual([`mesh/default ${props.service}:80`]);
    const at: Entrance = { kind: "mesh", props: { ...props, port: 9080 } };
    expect(places("http://reviews/", at, NO_PEER)).toEqual([`mesh/* ${props.service}:9080`]);
  });

  it("is the mesh as the caller's service account sees it, where this has a scope of its own", () => {
    const mesh: Entrance = { kind: "mesh", props: {} };
    const own = ["mesh/default/web"];
    expect(places("http://reviews/", mesh, peer("web"), undefined, own)).toEqual(["mesh/default/web reviews:80"]);
    expect(places("http://reviews/", mesh, peer("cart"), undefined, own)).toEqual(["mesh/default reviews:80"]);
    expect(places("http://reviews/", mesh, peer("web", "shop"), undefined, own)).toEqual(["mesh/shop reviews:80"]);
    expect(places("http://reviews/", mesh, NO_PEER, undefined, own)).toEqual(["mesh/* reviews:80"]);
    expect(places("http://reviews/", front({ mesh: true }), WEB, undefined, own)).toEqual([
      "mesh/default/web reviews:80",
    ]);
  });
});
