import { expect, it } from "vitest";
import { ERASED_FOR_MS, LOOK_MS, nextLook } from "../../workers/control/record-looks.ts";

it("records are looked at again while any is kept, or the hash of whom somebody wanted forgotten", () => {
  const now = 1_000_000_000;
  expect(nextLook({ records: 0, erasedAt: null }, now)).toBeNull();
  expect(nextLook({ records: 3, erasedAt: null }, now)).toBe(now + LOOK_MS);
  expect(nextLook({ records: 0, erasedAt: now - 1 }, now)).toBe(now - 1 + ERASED_FOR_MS);
  expect(nextLook({ records: 3, erasedAt: now }, now)).toBe(now + ERASED_FOR_MS);
  expect(nextLook({ records: 3, erasedAt: 0 }, now)).toBe(now + 1);
});
