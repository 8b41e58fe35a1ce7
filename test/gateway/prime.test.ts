import { expect, it } from "vitest";
import { playCall } from "../../workers/gateway/prime.ts";

it("the sample goes the whole way, up to the call of its service", () => {
  expect(playCall()).toBe("forward");
});
