import { generateKeyPairSync } from "node:crypto";
import { calculateJwkThumbprint } from "jose";
import { describe, expect, it } from "vitest";
import { assertionKeySet } from "../../src/identity/assertion-keys.ts";

const key = () => generateKeyPairSync("ed25519").publicKey.export({ format: "jwk" });

describe("assertionKeySet", () => {
  it("names each key by its thumbprint, as another implementation counts it, and its gateway", async () => {
    const [current, next, other] = [key(), key(), key()];
    const json = JSON.stringify({ a: [current.x, next.x], b: [other.x] });
    const { keys } = await assertionKeySet(json, "mesh.test");
    expect(keys.map(({ iss }) => iss)).toEqual([
      "spiffe://mesh.test/gateway/a",
      "spiffe://mesh.test/gateway/a",
      "spiffe://mesh.test/gateway/b",
    ]);
    expect(keys.map(({ kid }) => kid)).toEqual(
      await Promise.all([current, next, other].map(async (jwk) => calculateJwkThumbprint(jwk))),
    );
  });

  it.each(["", "[]", '{"a": "x"}', '{"a": ["short"]}', '{"a": [1]}', "null"])("throws at %s", async (json) => {
    await expect(assertionKeySet(json, "mesh.test")).rejects.toThrow(/./);
  });
});
