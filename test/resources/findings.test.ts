import { describe, expect, it } from "vitest";
import { errorAt, findingText, unsuppressed, warningAt } from "../../src/resources/finding.ts";
import { parsed } from "./parsed.ts";

const dead = warningAt("spec.http[1]", "never reached", "TULLE0201");
const gone = warningAt("spec.http[0].route[0].destination", "there is no service", "TULLE0102");
const wrong = errorAt("spec.hosts", "must not be empty");
const all = [dead, gone, wrong];

describe("a finding's text", () => {
  it("ends with its code", () => {
    expect(findingText(dead)).toBe("spec.http[1]: never reached [TULLE0201]");
    expect(findingText(warningAt("", "not accepted", "TULLE0306"))).toBe("not accepted [TULLE0306]");
  });

  it("of a plain error is its place and message", () => {
    expect(findingText(wrong)).toBe("spec.hosts: must not be empty");
  });

  it("that must be short keeps its code", () => {
    expect(findingText(dead, 24)).toBe("spec.http[1] [TULLE0201]");
  });
});

describe("an author who silences", () => {
  it.each([
    ["nothing", {}, all],
    ["a code", { "tulle.dev/analyze-suppress": "TULLE0201" }, [gone, wrong]],
    ["codes, with blanks, in small letters", { "tulle.dev/analyze-suppress": " tulle0201 , TULLE0102" }, [wrong]],
    ["everything", { "tulle.dev/analyze-suppress": "*" }, [wrong]],
    ["an error", { "tulle.dev/analyze-suppress": "TULLE0001" }, all],
    ["a code of Istio's", { "galley.istio.io/analyze-suppress": "IST0101" }, [dead, wrong]],
    ["everything, in Istio's words", { "galley.istio.io/analyze-suppress": "*" }, [wrong]],
    ["by both", { "tulle.dev/analyze-suppress": "TULLE0201", "galley.istio.io/analyze-suppress": "IST0101" }, [wrong]],
    ["what is no code", { "tulle.dev/analyze-suppress": "dead rules" }, all],
    ["with an empty list", { "tulle.dev/analyze-suppress": "" }, all],
  ])("%s", (_, annotations, left) => {
    expect(unsuppressed({ annotations }, all)).toEqual(left);
  });

  it("hears nothing of it when the object is read", () => {
    const yaml = (annotations: string) => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: a, annotations: { ${annotations} } }
spec:
  hosts: [a]
  http: [{ route: [{ destination: { host: a } }] }, { route: [{ destination: { host: b } }] }]`;
    const codes = (annotations: string) => parsed(yaml(annotations)).findings.map(({ code }) => code);
    expect(codes("")).toEqual(["TULLE0201"]);
    expect(codes("tulle.dev/analyze-suppress: TULLE0201")).toEqual([]);
    expect(codes("galley.istio.io/analyze-suppress: 'IST0101, IST0130'")).toEqual([]);
    expect(codes("galley.istio.io/analyze-suppress: IST0101")).toEqual(["TULLE0201"]);
  });
});
