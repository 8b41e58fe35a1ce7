import { expect, it } from "vitest";
import { randomHex, randomId } from "../../workers/gateway/random.ts";

/** More than one pool holds. */
const MANY = 2_000;

it("request ids are version 4 UUIDs, each another", () => {
  const ids = Array.from({ length: MANY }, randomId);
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(new Set(ids).size).toBe(MANY);
  expect(new Set(ids.map((id) => id.charAt(19)))).toEqual(new Set("89ab"));
});

it("random hex text is of the length asked for and never the same twice", () => {
  const texts = Array.from({ length: MANY }, () => randomHex(48));
  for (const text of texts) expect(text).toMatch(/^[0-9a-f]{48}$/);
  expect(new Set(texts.flatMap((text) => [text.slice(0, 16), text.slice(16, 32), text.slice(32)])).size).toBe(3 * MANY);
});

it("random hex text has every digit in every place about as often", () => {
  const counts = new Map<string, number>();
  for (let at = 0; at < MANY; at += 1) {
    for (const [place, digit] of randomHex(8).split("").entries()) {
      const key = `${place}${digit}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  }
  expect(counts.size).toBe(8 * 16);
  // 125 are expected of each, with a deviation of 11.
  for (const count of counts.values()) expect(count).toBeGreaterThan(50);
});
