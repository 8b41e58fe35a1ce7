import { describe, expect, it } from "vitest";
import { readInstantQuery, readRangeQuery } from "../../src/query/parameters.ts";

describe("parameters of a query", () => {
  it("reads times as Prometheus does", () => {
    const at = (time: string) => readInstantQuery({ query: "a", time }, 7);
    expect(readInstantQuery({ query: "a" }, 7)).toMatchObject({ value: { times: { at: 7 } } });
    expect(at("1435781451.781")).toMatchObject({ value: { times: { at: 1_435_781_451_781 } } });
    expect(at("2015-07-01T20:10:51.781Z")).toMatchObject({ value: { times: { at: 1_435_781_451_781 } } });
    expect(at("2015-07-01T22:10:51.781+02:00")).toMatchObject({ value: { times: { at: 1_435_781_451_781 } } });
    const step = (text: string) => readRangeQuery({ query: "a", start: "0", end: "60", step: text });
    expect(step("15")).toMatchObject({ value: { times: { start: 0, end: 60_000, stepMs: 15_000 } } });
    expect(step("1m30s")).toMatchObject({ value: { times: { stepMs: 90_000 } } });
    expect(step("0.5")).toMatchObject({ value: { times: { stepMs: 500 } } });
  });

  it.each([
    [{}, "`query` is the expression"],
    [{ query: "a", start: "yesterday" }, "`start` is a time"],
    [{ query: "a", end: "2015-07-01" }, "`end` is a time"],
    [{ query: "a", start: "61" }, "`end` is before `start`"],
    [{ query: "a", step: "" }, "`step` is a duration"],
    [{ query: "a", step: "0" }, "`step` is a duration"],
    [{ query: "a", step: "-1" }, "`step` is a duration"],
  ])("refuses %j", (given, message) => {
    const parameters = { start: "0", end: "60", step: "15", ...given };
    expect(readRangeQuery(parameters)).toMatchObject({ ok: false, error: expect.stringContaining(message) as string });
  });

  it("warns of what has no effect", () => {
    expect(readInstantQuery({ query: "a", timeout: "5s" }, 7)).toMatchObject({
      value: { warnings: ["the parameter `timeout` has no effect here"] },
    });
  });
});
