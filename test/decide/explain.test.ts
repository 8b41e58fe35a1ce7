import { describe, expect, it } from "vitest";
import { decide } from "../../src/decide/decide.ts";
import { type Step, traceInto } from "../../src/decide/explain.ts";
import { readFacts, writeFacts } from "../../src/decide/written.ts";
import type { RequestFacts } from "../../src/request/facts.ts";
import type { LinkedSlice } from "../../src/snapshot/link.ts";
import type { Route, RouteMatch } from "../../src/snapshot/model.ts";
import { facts, headers, slice } from "./requests.ts";

const route = (name: string, ...matches: readonly RouteMatch[]): Route => ({
  name,
  matches,
  destinations: [{ cluster: "a", weight: 1 }],
});

function traced(of: LinkedSlice, request: RequestFacts): readonly Step[] {
  const steps: Step[] = [];
  decide(of, request, traceInto(steps));
  return steps;
}

describe("the trace of a decision", () => {
  it("names the failing part of each match block before the one that holds, and nothing of those after it", () => {
    const of = slice({
      routes: [
        route("first", { uri: { kind: "exact", value: "/b" } }, { method: { kind: "exact", value: "POST" } }),
        route("second"),
        route("third", { port: 81 }),
      ],
    });
    expect(traced(of, facts({ path: "/a" }))).toEqual([
      { stage: "route", name: "first", outcome: "uri does not match" },
      { stage: "route", name: "first", outcome: "method does not match" },
      { stage: "route", name: "second", outcome: "matched" },
    ]);
  });

  it("is bounded where routes are many", () => {
    const routes = Array.from({ length: 1_000 }, (_, at) =>
      route(`r${at}`, { uri: { kind: "exact", value: `/${at}` } }),
    );
    const steps = traced(slice({ routes }), facts({ path: "/none" }));
    expect(steps).toHaveLength(102);
    expect(steps.slice(-2)).toEqual([
      { stage: "route", name: "others", outcome: "900 more do not match" },
      { stage: "route", name: "none", outcome: "no route" },
    ]);
  });

  it("of a record tells where a value would be needed that the record leaves out", () => {
    const plain = slice({ routes: [route("rest")] });
    const record = writeFacts(plain, facts({ headers: headers({ "x-tier": "gold" }) }));
    // The index finds by the plain header that this block cannot hold, before it would look at the other one.
    const of = slice({
      routes: [
        route("secret", {
          headers: [
            { name: "authorization", match: { kind: "prefix", value: "a" } },
            { name: "x-tier", match: { kind: "exact", value: "free" } },
          ],
        }),
        route("rest"),
      ],
    });
    expect(traced(of, readFacts(of, record))).toContainEqual({
      stage: "route",
      name: "secret",
      outcome: "the record does not say why it does not match",
    });
  });

  it("is not asked for: the decision is the same", () => {
    const of = slice({ routes: [route("first", { port: 81 }), route("second")] });
    expect(decide(of, facts(), traceInto([]))).toEqual(decide(of, facts()));
  });
});
