import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  fillTemplate,
  matchSubject,
  namesIn,
  patternProblem,
  templateProblem,
} from "../../src/resources/subject-pattern.ts";

describe("matchSubject", () => {
  it.each([
    ["repo:acme/shop:ref:refs/heads/main", "repo:acme/shop:ref:refs/heads/main", {}],
    ["repo:acme/shop:ref:*", "repo:acme/shop:ref:refs/heads/main", {}],
    ["system:serviceaccount:{ns}:{sa}", "system:serviceaccount:shop:web", { ns: "shop", sa: "web" }],
    ["repo:acme/shop:pull_request", "repo:acme/shop:pull_request", {}],
    ["repo:acme/shop:{__proto__x}", "repo:acme/shop:x", null],
  ])("of %s and %s is %j", (pattern, subject, want) => {
    expect(matchSubject(pattern, subject)).toEqual(want);
  });

  it.each([
    ["repo:acme/shop:ref:*", "repo:acme/shop:ref:refs/heads/main:more"],
    ["repo:acme/shop:ref:*", "repo:acme/shop-evil:ref:refs/heads/main"],
    ["repo:acme/shop:ref:*", "repo:acme/shop:ref:"],
    ["repo:acme/shop:ref:*", "repo:acme/shop:ref:refs/pull/7/merge"],
    ["repo:acme/shop:*", "repo:acme/shop:pull_request"],
    ["repo:acme/shop:{event}", "repo:acme/shop:pull_request_target"],
    ["system:serviceaccount:shop:*", "system:serviceaccount:shop"],
    ["system:serviceaccount:shop:web", "System:serviceaccount:shop:web"],
  ])("of %s and %s there is none", (pattern, subject) => {
    expect(matchSubject(pattern, subject)).toBeNull();
  });

  const part = fc.stringMatching(/^[a-z/_.-]{1,4}$/);
  const wild = fc.constantFrom("*", "{a}", "{b}", "{c}");

  it("is what a naive reading by a regular expression of whole parts is", () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(part, wild), { minLength: 1, maxLength: 5 }),
        fc.array(fc.oneof(part, fc.constantFrom("pull_request", "refs/pull/1/merge", "")), {
          minLength: 1,
          maxLength: 5,
        }),
        fc.boolean(),
        (pattern, random, same) => {
          const parts = same ? pattern.map((text, at) => (/^[*{]/.test(text) ? (random[at] ?? "x") : text)) : random;
          const expression = pattern
            .map((text) => (/^[*{]/.test(text) ? "(?!pull_request(:|$)|refs/pull/)[^:]+" : text.replace(/[.]/g, "\\.")))
            .join(":");
          const naive = new RegExp(`^${expression}$`).test(parts.join(":"));
          expect(matchSubject(pattern.join(":"), parts.join(":")) !== null).toBe(naive);
        },
      ),
    );
  });

  it("fills nothing into a label but a label", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const matched = matchSubject("a:{b}", `a:${text}`);
        const filled = matched && fillTemplate("{b}", matched);
        if (filled !== null)
          expect([filled, /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(filled)]).toEqual([text, true]);
      }),
    );
  });
});

describe("patternProblem", () => {
  it("holds of what is no pattern, and else of nothing", () => {
    expect(["a", "a:*", "a:{b}:{c}"].map(patternProblem)).toEqual([null, null, null]);
    for (const pattern of [
      "",
      "*",
      "a:",
      "a:b*",
      "a:{}",
      "a:{B}",
      "a:{b",
      "a:{b}:{b}",
      "{a}:{b}",
      `a:${"b".repeat(2_000)}`,
    ])
      expect([pattern, patternProblem(pattern)]).toEqual([pattern, expect.any(String)]);
  });
});

describe("templateProblem", () => {
  it("holds of templates that make no label, or take what is not there", () => {
    const names = namesIn("a:{b}:{c}");
    expect(["x", "{b}", "x-{c}"].map((template) => templateProblem(template, names))).toEqual([null, null, null]);
    for (const template of ["", "X", "{d}", "{b}{c}", "{b}-{b}", "-{b}", "a/b", "{b"])
      expect([template, templateProblem(template, names)]).toEqual([template, expect.any(String)]);
  });
});
