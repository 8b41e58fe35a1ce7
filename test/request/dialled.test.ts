import { describe, expect, it } from "vitest";
import type { Peer } from "../../src/identity/peer.ts";
import { NO_PEER } from "../../src/identity/peer.ts";
import { readDialled } from "../../src/request/dialled.ts";
import type { Entrance } from "../../src/request/entrance.ts";
import { placesOf } from "../../src/request/places.ts";
import { receive } from "../../src/request/receive.ts";
import { peer } from "../decide/requests.ts";

const WEB: Peer = { ...peer("web"), by: "certificate" };

const GATEWAY: Entrance = {
  kind: "public",
  listener: { gateway: null, port: 443, mesh: false, sni: null, scope: "gw/*" },
  clientAuth: null,
  whereabouts: { colo: null, country: null, continent: null },
  tlsVersion: undefined,
  tlsCipher: undefined,
  scheme: "https",
};

function received(headers: Readonly<Record<string, string>>, entrance: Entrance = GATEWAY) {
  const got = receive(
    new Request("https://gateway.example.com/api", { headers: { host: "gateway.example.com", ...headers } }),
    entrance,
  );
  if (!got.ok) throw new Error(got.error.code);
  return got.value;
}

function dialled(word: string) {
  const read = readDialled(received({}), word);
  return read.ok ? read.value : read.error.code;
}

describe("what an agent says was dialled", () => {
  it("chooses the service, and stands for Host", () => {
    expect(dialled("orders.shop:8080")).toMatchObject({
      dialled: { host: "orders.shop", port: 8080 },
      authority: "orders.shop:8080",
      host: "orders.shop",
      scheme: "http",
      headers: { host: "orders.shop:8080" },
    });
    expect(dialled("orders.shop")).toMatchObject({ dialled: { host: "orders.shop", port: 80 } });
  });

  it("leaves Host to the program where it names another", () => {
    expect(dialled("orders.shop:8080 API.example.com")).toMatchObject({
      dialled: { host: "orders.shop", port: 8080 },
      authority: "api.example.com",
      headers: { host: "api.example.com" },
    });
  });

  it.each([
    "",
    " ",
    "a?x",
    "orders:0",
    "orders:65536",
    "a b c",
    "orders.shop:8080, other",
    "http://orders",
    ".",
    "a..b",
  ])("is refused where it is no host: `%s`", (word) => expect(dialled(word)).toBe("host_invalid"));

  it("leads into the mesh alone, as the caller sees it", () => {
    const read = readDialled(received({}), "orders.shop:8080");
    if (!read.ok) throw new Error(read.error.code);
    expect(placesOf(read.value, GATEWAY, WEB, null)).toEqual([
      { scope: "mesh/default", host: "orders.shop", port: 8080 },
    ]);
    expect(placesOf(read.value, GATEWAY, NO_PEER, null)).toEqual([{ scope: "gw/*", host: "orders.shop", port: 443 }]);
  });

  it("never stands among the request's headers, however it is spelt, and is none over a binding (R9)", () => {
    const { headers, agent } = received({ "x-tulle-dialled": "orders" });
    expect(agent).toBe("orders");
    expect(headers["x-tulle-dialled"]).toBeUndefined();
    for (const name of ["x_tulle_dialled", "x-tulle_dialled", "x.tulle.dialled"])
      expect(received({ [name]: "orders" })).toMatchObject({ agent: null });
    expect(received({ "x-tulle-dialled": "orders" }, { kind: "mesh", props: {} }).agent).toBeNull();
  });
});
