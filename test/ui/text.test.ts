import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { diffLines } from "../../ui/diff.ts";
import { duration, latency, moment, percent, rate } from "../../ui/format.ts";
import { codeIn, placeOf, readPlace } from "../../ui/state/place.ts";
import { verdictOf } from "../../ui/verdict.ts";
import { showPlainly, visible } from "../../ui/visible.ts";
import { asYaml } from "../../ui/yaml.ts";

describe("numbers for people", () => {
  it.each([
    [percent(1), "100 %"],
    [percent(0.9999), "99.9 %"],
    [percent(0.00001), "0.1 %"],
    [percent(0), "0 %"],
    [percent(null), "-"],
    [percent(Number.NaN), "-"],
    [rate(0), "0/s"],
    [rate(0.001), "<0.01/s"],
    [rate(12.345), "12.3/s"],
    [rate(1234.5), "1235/s"],
    [rate(null), "-"],
    [latency(3.1449), "3.14 ms"],
    [latency(1234), "1.23 s"],
    [latency(null), "-"],
    [duration(900), "1 s"],
    [duration(61_000), "1 min"],
    [duration(3_700_000), "1 h 1 min"],
    [duration(90_000_000), "1 d 1 h"],
    [duration(-5_000), "5 s ago"],
    [moment(0), "1970-01-01 00:00:00Z"],
    [moment("nonsense"), "-"],
  ])("are %s", (text, want) => expect(text).toBe(want));
});

describe("YAML", () => {
  it("is read as what was written", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(parse(asYaml(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it.each([
    "yes",
    "null",
    "1",
    "1e3",
    "- a",
    "a: b",
    "#x",
    "two\nlines",
    " lead",
    "trail ",
    "\ttab",
    "",
    "&a",
    "*",
    "a\n\nb",
  ])("keeps the text %j a text", (text) => {
    expect(parse(asYaml({ text, [text]: [text, { text }] }))).toEqual({ text, [text]: [text, { text }] });
  });
});

describe("a diff", () => {
  const lines = fc.array(fc.constantFrom("a", "b", "c", "d"), { maxLength: 12 });
  it("holds all lines before and all lines after, in their order", () => {
    fc.assert(
      fc.property(lines, lines, (before, after) => {
        const diff = diffLines(before, after);
        const side = (left: "removed" | "added") =>
          diff.filter(({ kind }) => kind === "same" || kind === left).map(({ text }) => text);
        expect([side("removed"), side("added")]).toEqual([before, after]);
      }),
    );
  });

  it("marks only what differs", () => {
    expect(diffLines(["a", "b", "c"], ["a", "x", "c"]).map(({ kind, text }) => `${kind} ${text}`)).toEqual([
      "same a",
      "removed b",
      "added x",
      "same c",
    ]);
  });
});

describe("an address of the dashboard", () => {
  it("is read as it was made, whatever names hold", () => {
    const part = fc.string({ minLength: 1 });
    fc.assert(
      fc.property(
        fc.array(part, { maxLength: 4 }),
        fc.dictionary(part, part, { noNullPrototype: true }),
        (path, query) => {
          fc.pre(!Object.keys(query).includes("__proto__"));
          expect(readPlace(placeOf(path, query))).toEqual({ path, query });
        },
      ),
    );
  });

  it("is the first page where it is nothing", () => {
    for (const hash of ["", "#", "#/", "#content", "#/%"]) expect(readPlace(hash).query).toEqual({});
  });

  it("gives a sign-in code only where it is nothing else", () => {
    expect(codeIn("#code=code_a-B_9")).toBe("code_a-B_9");
    for (const hash of [
      "",
      "#/code=code_a",
      "#code=",
      "#code=tulle_a",
      "#code=code_a&x",
      `#code=code_${"a".repeat(200)}`,
    ])
      expect(codeIn(hash)).toBeNull();
  });
});

describe("what a policy does", () => {
  const policy = (spec: object, annotations = {}) =>
    verdictOf({ kind: "AuthorizationPolicy", metadata: { name: "x", annotations }, spec: { ...spec } });
  it.each([
    { name: "ALLOW without rules refuses", spec: {}, says: /^refuses every request that no other/, tone: "bad" },
    { name: "ALLOW of all allows", spec: { rules: [{}] }, says: /^allows every request/, tone: "warn" },
    {
      name: "ALLOW with a rule does both",
      spec: { rules: [{ from: [] }] },
      says: /allows what its rule matches, and refuses/,
      tone: "good",
    },
    { name: "DENY without rules does nothing", spec: { action: "DENY" }, says: /^refuses nothing/, tone: "warn" },
    {
      name: "DENY of all refuses",
      spec: { action: "DENY", rules: [{}] },
      says: /^refuses every request$/,
      tone: "bad",
    },
    {
      name: "DENY with rules refuses those",
      spec: { action: "DENY", rules: [{ a: 1 }, { b: 1 }] },
      says: /its 2 rules match/,
      tone: "good",
    },
    {
      name: "CUSTOM asks",
      spec: { action: "CUSTOM", rules: [{}] },
      says: /^asks its provider about every/,
      tone: "good",
    },
    { name: "AUDIT decides nothing", spec: { action: "AUDIT", rules: [{}] }, says: /^decides nothing/, tone: "plain" },
    { name: "an unknown one is said to be so", spec: { action: "MAYBE" }, says: /not known/, tone: "warn" },
  ])("$name", ({ spec, says, tone }) => {
    expect(policy(spec)).toEqual({ text: expect.stringMatching(says), tone });
  });

  it("is nothing in a dry run", () => {
    expect(policy({ action: "DENY", rules: [{}] }, { "istio.io/dry-run": "true" })).toEqual({
      text: "decides nothing (dry run); it refuses every request",
      tone: "plain",
    });
  });

  it.each([
    ["STRICT", /^refuses callers without/],
    ["PERMISSIVE", /lets callers without an identity in/],
    ["DISABLE", /^takes no identity/],
    ["UNSET", /^says nothing/],
  ])("of mutual TLS, %s", (mode, says) => {
    const spec = { mtls: { mode } };
    expect(verdictOf({ kind: "PeerAuthentication", metadata: { name: "x" }, spec }).text).toMatch(says);
  });
});

describe("what a rate limit does", () => {
  const limit = (name: string, onExceeded?: string) => ({
    name,
    rates: [
      { limit: 20, window: "1s" },
      { limit: 10_000, window: "24h" },
    ],
    ...(onExceeded && { onExceeded }),
  });

  it.each([
    [[limit("a")], "refuses what is over 20 in 1s and 10000 in 24h (a)", "good"],
    [[limit("a", "Audit")], "only counts what is over 20 in 1s and 10000 in 24h (a)", "plain"],
    [[limit("a", "Audit"), limit("b", "Block")], /^refuses what is over .* \(b\); only counts .* \(a\)$/, "good"],
    [[], "refuses nothing: it has no limits", "warn"],
  ])("is told with its amounts", (limits, text, tone) => {
    const verdict = verdictOf({ kind: "RateLimitPolicy", metadata: { name: "x" }, spec: { limits } });
    expect(verdict.text).toMatch(text);
    expect(verdict.tone).toBe(tone);
  });
});

describe("what a rehearsal does", () => {
  it.each([
    [{ delay: { fixedDelay: "5s" } }, "holds 100 % of the calls of a for 5s, until 2026-01-31T12:00:00Z"],
    [
      { abort: { httpStatus: 503 }, percentage: { value: 20 }, route: "canary" },
      "answers 20 % of some calls of a with 503, until 2026-01-31T12:00:00Z",
    ],
  ])("is told with its end", (fault, text) => {
    const spec = { targetRef: { kind: "Service", name: "a" }, endsAt: "2026-01-31T12:00:00Z", ...fault };
    expect(verdictOf({ kind: "FaultRehearsal", metadata: { name: "x" }, spec })).toEqual({ text, tone: "bad" });
  });
});

describe("a text that is drawn", () => {
  it("is so in attributes that are shown or read out, and stays as it is where it is edited, or is a component's", () => {
    const text = "a\u202eb";
    const props = () => ({ title: text, "aria-label": text, placeholder: text, value: text, href: text });
    const [element, component] = [
      { type: "a", props: props() },
      { type: () => null, props: props() },
    ];
    showPlainly(element);
    showPlainly(component);
    const shown = "a\\u202eb";
    expect(element.props).toEqual({ title: shown, "aria-label": shown, placeholder: shown, value: text, href: text });
    expect(component.props).toEqual(props());
  });

  it("is as it was written, but that nothing in it turns other characters about", () => {
    expect(visible("a\u202egpj.exe \u2066x\u2069 \u200f")).toBe("a\\u202egpj.exe \\u2066x\\u2069 \\u200f");
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom("a", "<", "\\", "\u202e", "\u2066", "\u200f", "\u061c") }),
        (text) => {
          expect(visible(text)).not.toMatch(/\p{Bidi_Control}/u);
          expect(visible(visible(text))).toBe(visible(text));
          if (!/\p{Bidi_Control}/u.test(text)) expect(visible(text)).toBe(text);
        },
      ),
    );
  });
});
