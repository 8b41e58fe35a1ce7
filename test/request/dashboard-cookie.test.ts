import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isDashboardCookie, withoutDashboardCookies } from "../../src/request/dashboard-cookie.ts";
import { readHeaders } from "../../src/request/headers.ts";

const OURS = ["tulle-session", "__Host-tulle-session"];

function sent(cookie: string): string | undefined {
  return readHeaders(new Headers({ cookie }), true, "GET").headers["cookie"];
}

describe("the dashboard's cookies", () => {
  it.each([
    { name: "alone", came: "tulle-session=browser_x", want: undefined },
    { name: "of https", came: "__Host-tulle-session=browser_x", want: undefined },
    { name: "among others", came: "a=1; tulle-session=x; b=2", want: "a=1; b=2" },
    { name: "first", came: "tulle-session=x;b=2", want: "b=2" },
    { name: "twice", came: "tulle-session=x; tulle-session=y; b=2", want: "b=2" },
    { name: "of another line", came: "a=1, tulle-session=x", want: "a=1" },
    { name: "without a value", came: "tulle-session; a=1", want: "a=1" },
    { name: "with blanks around", came: "a=1;   tulle-session =x", want: "a=1" },
  ])("reach no service: $name", ({ came, want }) => {
    expect(sent(came)).toBe(want);
  });

  it("take no other cookie along", () => {
    for (const cookies of ["tulle-sessions=1; a=2", "x-tulle-session=1", 'a="tulle-session"; b=tulle-session'])
      expect(sent(cookies)).toBe(cookies);
  });

  it("are gone from any list, and everything else stays in its order", () => {
    const name = fc.oneof(
      fc.constantFrom(...OURS, "tulle-sessionx", "TULLE-SESSION"),
      fc.stringMatching(/^[a-z]{1,8}$/),
    );
    const value = fc.stringMatching(/^[\w.=-]{0,12}$/);
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value), { maxLength: 8 }), fc.constantFrom("; ", ";"), (pairs, between) => {
        const came = pairs.map((pair) => pair.join("=")).join(between);
        const left = withoutDashboardCookies(came)
          .split(";")
          .map((pair) => pair.trim())
          .filter((pair) => pair !== "");
        expect(left).toEqual(pairs.filter(([each]) => !isDashboardCookie(each)).map((pair) => pair.join("=")));
      }),
    );
  });
});
