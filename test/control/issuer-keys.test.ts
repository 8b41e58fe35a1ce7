import { describe, expect, it } from "vitest";
import { IssuerKeys, type KeySource } from "../../workers/control/authority/issuer-keys.ts";

const KEYS = JSON.stringify({ keys: [{ kty: "EC", kid: "a" }] });
const ISSUER = "https://login.example.com";

describe("an issuer's keys, as control has them", () => {
  it.each<[string, KeySource]>([
    ["at a place of their own", { kind: "remote", uri: "https://keys.example.com/jwks" }],
    ["by OpenID discovery", { kind: "discovered", issuer: ISSUER }],
  ])("%s count no more once their host is off the egress list", async (_, source) => {
    const asked: string[] = [];
    const keys = new IssuerKeys({
      local: false,
      fetch: async (url) => {
        asked.push(url);
        const document = { issuer: ISSUER, jwks_uri: "https://keys.example.com/jwks" };
        return url.endsWith("/jwks") ? new Response(KEYS) : Response.json(document);
      },
    });
    let now = Date.now();
    const get = async (hosts: readonly string[]) =>
      keys.get(
        source,
        hosts,
        () => true,
        () => now,
      );
    expect(await get(["login.example.com", "keys.example.com"])).toMatchObject([{ kid: "a" }]);
    const before = asked.length;
    expect(await get(["login.example.com", "keys.example.com"])).toMatchObject([{ kid: "a" }]);
    expect(asked).toHaveLength(before);
    for (const hosts of [["login.example.com"], []]) {
      asked.length = 0;
      expect(await get(hosts)).toBeNull();
      expect(asked.filter((url) => url.includes("keys."))).toEqual([]);
      now += 60_000;
    }
  });
});
