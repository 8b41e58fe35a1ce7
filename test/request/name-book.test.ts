import { describe, expect, it } from "vitest";
import { NameBook } from "../../src/request/name-book.ts";

describe("a book of header names", () => {
  it("tells of each name what is worked out for it, however many come and in whatever order", () => {
    const book = new NameBook((name) => `told of ${name}`);
    // Few letters and lengths, so that many names want one slot.
    const letters = ["a", "b", "-", "_"];
    let seed = 7;
    const next = (below: number) => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return (seed >>> 8) % below;
    };
    for (let round = 0; round < 20_000; round += 1) {
      const name = Array.from({ length: next(9) }, () => letters[next(letters.length)]).join("");
      expect(book.of(name)).toEqual({ name, told: `told of ${name}` });
    }
  });

  it("works a name out once while nobody takes its slot", () => {
    const asked: string[] = [];
    const book = new NameBook((name) => asked.push(name));
    asked.length = 0;
    for (let round = 0; round < 3; round += 1) book.of(["x-", "tier"].join(""));
    expect(asked).toEqual(["x-tier"]);
  });

  it("keeps the text that came first, so that a record finds it at once", () => {
    const book = new NameBook(() => 0);
    const first = book.of("x-tier");
    expect(book.of(["x", "tier"].join("-"))).toBe(first);
  });

  it("remembers no name that is longer than any usual one", () => {
    const asked: string[] = [];
    const book = new NameBook((name) => asked.push(name));
    const name = "x".repeat(65);
    book.of(name);
    book.of(name);
    expect(asked.filter((one) => one === name)).toHaveLength(2);
  });

  it("lets made-up names take slots, and works out the usual one again", () => {
    const asked: string[] = [];
    const book = new NameBook((name) => asked.push(name));
    book.of("x-tier");
    for (let at = 0; at < 20_000; at += 1) book.of(`x-${at}-r`);
    for (let again = 0; again < 3; again += 1) expect(book.of("x-tier").name).toBe("x-tier");
    expect(asked.filter((one) => one === "x-tier").length).toBeLessThanOrEqual(2);
  });
});
