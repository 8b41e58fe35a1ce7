import { describe, expect, it } from "vitest";
import { fieldSelector, labelSelector } from "../../src/kube/selectors.ts";
import type { KubeObject } from "../../src/resources/object.ts";
import { HANG_MS } from "../support/until.ts";

function labelled(labels?: Readonly<Record<string, string>>): KubeObject {
  return { apiVersion: "v1", kind: "Service", metadata: { name: "a", namespace: "shop", ...(labels && { labels }) } };
}

describe("a label selector", () => {
  const selects = (text: string, labels?: Readonly<Record<string, string>>): boolean | number => {
    const read = labelSelector(text);
    return read.ok ? read.value(labelled(labels)) : read.error.code;
  };

  it.each<{ text: string; labels?: Record<string, string>; want: boolean | number }>([
    { text: "", want: true },
    { text: " , ,", want: true },
    { text: "a=b", labels: { a: "b" }, want: true },
    { text: "a==b", labels: { a: "c" }, want: false },
    { text: "a!=b", want: true },
    { text: "a in (b,c),d", labels: { a: "c", d: "" }, want: true },
    { text: "a in (b,c),d", labels: { a: "c" }, want: false },
    { text: "a notin (b, c) , !d", labels: { a: "x" }, want: true },
    { text: "a notin (b,c)", want: true },
    { text: "a in ()", labels: { a: "" }, want: true },
    { text: "a in (b", want: 400 },
    { text: "a in b)", want: 400 },
    { text: "a in ((b),c)", want: 400 },
    { text: "a,b)", want: 400 },
    { text: "a=b=c", want: 400 },
    { text: "a>1", want: 400 },
    // Every object of JavaScript has these.
    { text: "constructor", labels: { a: "b" }, want: false },
    { text: "!toString", labels: { a: "b" }, want: true },
    { text: "__proto__", want: false },
    { text: "constructor", labels: JSON.parse('{"constructor":"x"}') as Record<string, string>, want: true },
  ])("`$text` of $labels: $want", ({ text, labels, want }) => {
    expect(selects(text, labels)).toBe(want);
  });

  it("has at most 100 requirements, with as many values as there are", () => {
    // Each would be asked of every object.
    expect(selects("!a,".repeat(100), {})).toBe(true);
    expect(selects("!a,".repeat(101), {})).toBe(400);
    expect(selects(`a in (${"b,".repeat(5_000)}c)`, { a: "c" })).toBe(true);
    expect(selects("a in (\0)", {})).toBe(false);
  });

  it.each([",", "a,", "(,", "a in (b,", "()", "(", "a=b ", "a!"])(
    "of very many `%s` is read in linear time",
    (part) => {
      // A look at what is left for each comma would take minutes, and run into the timeout.
      selects(part.repeat(500_000 / part.length));
      selects(`(${part.repeat(500_000 / part.length)}`);
    },
    HANG_MS,
  );
});

describe("a field selector", () => {
  it.each([
    { text: "metadata.name=a", want: true },
    { text: "metadata.name!=a", want: false },
    { text: "metadata.name=a,metadata.namespace==shop", want: true },
    { text: "spec.host=a", want: 400 },
    { text: "constructor=a", want: 400 },
    { text: "metadata.name", want: 400 },
    { text: "metadata.name=a,".repeat(100), want: true },
    { text: "metadata.name=a,".repeat(101), want: 400 },
  ])("`$text`: $want", ({ text, want }) => {
    const read = fieldSelector(text, { group: "", kind: "Service" });
    expect(read.ok ? read.value(labelled()) : read.error.code).toBe(want);
  });
});
