import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { API_KEY_BYTES, apiKeyHash, apiKeyOf, isApiKey } from "../../src/identity/api-key.ts";

const random = fc.uint8Array({ minLength: API_KEY_BYTES, maxLength: API_KEY_BYTES });
const keyOf = (bytes: Uint8Array): string => apiKeyOf(Uint8Array.from(bytes));

describe("an API key", () => {
  it("has a form that is told from every text with one character changed, more or less", () => {
    fc.assert(
      fc.property(
        random,
        fc.nat(),
        fc.constantFrom("a", "A", "0", "_", "-", ".", " ", "\n"),
        (bytes, at, character) => {
          const key = keyOf(bytes);
          expect(isApiKey(key)).toBe(true);
          const place = at % key.length;
          const changed = key.slice(0, place) + character + key.slice(place + 1);
          expect(isApiKey(changed)).toBe(changed === key);
          expect(isApiKey(key.slice(0, place) + key.slice(place + 1))).toBe(false);
          expect(isApiKey(key.slice(0, place) + character + key.slice(place))).toBe(false);
        },
      ),
      { seed: 20_261_130, numRuns: 500 },
    );
  });

  it("of other bytes is another one, and has another hash", async () => {
    const one = keyOf(new Uint8Array(API_KEY_BYTES));
    const other = keyOf(new Uint8Array(API_KEY_BYTES).fill(1));
    expect(one).toBe(`tk_${"A".repeat(32)}_${one.slice(-8)}`);
    expect(other).not.toBe(one);
    const hashes = [await apiKeyHash(one), await apiKeyHash(other)];
    expect(new Set(hashes).size).toBe(2);
    for (const hash of hashes) expect(hash).toMatch(/^[0-9a-f]{64}$/);
  });

  it.each(["", "tk_", `tulle_${"A".repeat(43)}`, "x".repeat(100_000)])("is no %.20s", (text) =>
    expect(isApiKey(text)).toBe(false),
  );
});
