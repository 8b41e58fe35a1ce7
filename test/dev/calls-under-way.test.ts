import { describe, expect, it } from "vitest";
import { isOver } from "../../workers/dev/calls-under-way.ts";

describe("whether a version may end that others have called", () => {
  it.each([
    {
      what: "what the last calls left behind has its time",
      calls: 0,
      unanswered: 0,
      quietMs: 149,
      waitedMs: 900,
      is: false,
    },
    { what: "nothing is under way", calls: 0, unanswered: 0, quietMs: 150, waitedMs: 150, is: true },
    { what: "a call has no answer", calls: 2, unanswered: 1, quietMs: 4_999, waitedMs: 4_999, is: false },
    { what: "an answer never comes", calls: 2, unanswered: 1, quietMs: 5_000, waitedMs: 5_000, is: true },
    { what: "a body still flows", calls: 1, unanswered: 0, quietMs: 999, waitedMs: 999, is: false },
    { what: "a body flows on and on", calls: 1, unanswered: 0, quietMs: 1_000, waitedMs: 1_000, is: true },
    {
      what: "bodies end, one after the other, for too long",
      calls: 1,
      unanswered: 0,
      quietMs: 10,
      waitedMs: 5_000,
      is: true,
    },
    { what: "a client went away before its answer", calls: 0, unanswered: 1, quietMs: 150, waitedMs: 150, is: true },
  ])("$what: $is", ({ calls, unanswered, quietMs, waitedMs, is }) => {
    expect(isOver({ calls, unanswered }, quietMs, waitedMs)).toBe(is);
  });
});
