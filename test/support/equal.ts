import { isDeepStrictEqual } from "node:util";
import { expect } from "vitest";

/** `expect(seen).toEqual(wanted)`, for what is asked hundreds of thousands of times: what is the same costs but the look. */
export function expectEqual(seen: unknown, wanted: unknown): void {
  if (!isDeepStrictEqual(seen, wanted)) expect(seen).toEqual(wanted);
}
