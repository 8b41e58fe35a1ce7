import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isOtherSpelling, namedHeaders } from "../../src/request/header-names.ts";

describe("another spelling of a header that a rule names", () => {
  it.each([
    { named: ["x-role"], sent: "x_role", other: true },
    { named: ["x-role"], sent: "x.role", other: true },
    { named: ["x-role"], sent: "x-role", other: false },
    { named: ["x_role"], sent: "x-role", other: true },
    { named: ["x_role"], sent: "x.role", other: true },
    { named: ["x-user-role"], sent: "x-user_role", other: true },
    { named: ["x_role", "x-role"], sent: "x-role", other: false },
    { named: ["x-role"], sent: "x-roles", other: false },
    { named: ["content_type"], sent: "content-type", other: false },
    { named: [], sent: "x_role", other: false },
  ])("$sent beside $named: $other", ({ named, sent, other }) => {
    expect(isOtherSpelling(sent, namedHeaders(named))).toBe(other);
  });

  it("is every name that folds to the same, and no other", () => {
    const name = fc
      .array(fc.constantFrom("x", "y", "-", "_", "."), { minLength: 1, maxLength: 4 })
      .map((all) => all.join(""));
    const fold = (text: string): string => text.split("_").join("-").split(".").join("-");
    fc.assert(
      fc.property(fc.array(name, { maxLength: 3 }), name, (named, sent) => {
        const want = !named.includes(sent) && named.some((one) => fold(one) === fold(sent));
        return isOtherSpelling(sent, namedHeaders(named)) === want;
      }),
    );
  });
});
