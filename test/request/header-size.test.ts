import { expect, it } from "vitest";
import { headerSize, MAX_HEADER_BYTES } from "../../src/request/header-size.ts";

it.each([
  { name: "nothing", headers: [], size: 0 },
  { name: "one header with what stands around it", headers: [["host", "a.test"]], size: 14 },
  { name: "an empty value", headers: [["x", ""]], size: 5 },
  {
    name: "a header that comes twice",
    headers: [
      ["x", "1"],
      ["x", "2"],
    ],
    size: 12,
  },
  {
    name: "nothing of what the platform adds",
    headers: [
      ["CF-Ray", "abc"],
      ["mf-cf-blob", "{}"],
      ["cf-", "1"],
    ],
    size: 0,
  },
  {
    name: "names that only look like the platform's",
    headers: [
      ["cfx", "1"],
      ["xcf-a", "1"],
      ["c-f", ""],
    ],
    size: 8 + 10 + 7,
  },
] as const)("the size of headers counts $name", ({ headers, size }) => {
  expect(headerSize(headers)).toBe(size);
});

it("takes what a Worker's Headers give", () => {
  const headers = new Headers([["a", "x".repeat(MAX_HEADER_BYTES - 5)]]);
  expect(headerSize(headers)).toBe(MAX_HEADER_BYTES);
});
