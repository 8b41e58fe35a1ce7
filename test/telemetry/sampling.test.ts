import { describe, expect, it } from "vitest";
import type { ShadowNote } from "../../src/policy/shadow.ts";
import { Journal } from "../../src/telemetry/journal.ts";
import { describeLogOneInError, isLogged, readLogOneIn } from "../../src/telemetry/sampling.ts";

describe("readLogOneIn", () => {
  it.each([
    { variable: undefined, oneIn: 1 },
    { variable: "1", oneIn: 1 },
    { variable: "100", oneIn: 100 },
    { variable: 250, oneIn: 250 },
    { variable: "999999999", oneIn: 999_999_999 },
  ])("reads $variable as one in $oneIn", ({ variable, oneIn }) => {
    expect(readLogOneIn(variable)).toEqual({ ok: true, value: oneIn });
  });

  it.each([
    "",
    "0",
    "-1",
    "1.5",
    "1e3",
    "0x10",
    " 2",
    "2 ",
    "ten",
    "1000000000",
    0,
    -3,
    2.5,
    Number.NaN,
    null,
    true,
    {},
  ])("refuses %j and says what it must be", (variable) => {
    const read = readLogOneIn(variable);
    expect(read).toMatchObject({ ok: false, error: { code: "log_one_in_invalid" } });
    if (read.ok) return;
    expect(describeLogOneInError(read.error)).toContain(`\`${read.error.input}\``);
  });
});

const note: ShadowNote = { stage: "gateway", action: "AUDIT", dryRun: false, result: "matched", policy: "a/b" };

describe("isLogged", () => {
  const journalOf = (changes: Partial<Journal>): Journal =>
    Object.assign(new Journal(0, "id", "GET"), { status: 200, details: "via_upstream" }, changes);
  /** The draw that logs least. */
  const UNLUCKY = 1 - Number.EPSILON;

  it.each([
    { of: "a refusal without a flag", changes: { status: 400, details: "host_invalid" } },
    { of: "a denial", changes: { status: 403, details: "rbac_denied_no_allow", flag: "UAEX" } },
    { of: "a host without a route", changes: { status: 404, details: "no_route", flag: "NR" } },
    { of: "an error of the service", changes: { status: 500 } },
    { of: "an error of the gateway", changes: { status: 503, details: "no_configuration" } },
    { of: "a body that broke off", changes: { status: 200, flag: "UC" } },
    { of: "what an AUDIT policy matches", changes: { notes: [note] } },
    {
      of: "what a dry run would have refused",
      changes: { notes: [{ ...note, dryRun: true, result: "denied" as const }] },
    },
    { of: "a client that went away before an answer", changes: { status: 0, flag: "DC" } },
  ])("is true of $of, whatever the draw", ({ changes }) => {
    expect(isLogged(journalOf(changes), 1_000, UNLUCKY)).toBe(true);
  });

  it.each([
    { of: "a good call", changes: {} },
    { of: "what a dry run lets pass", changes: { notes: [{ ...note, dryRun: true, result: "allowed" as const }] } },
    { of: "a service's own 404", changes: { status: 404 } },
    { of: "a redirect to https", changes: { status: 301, details: "https_redirect" } },
  ])("hangs on the draw for $of", ({ changes }) => {
    expect(isLogged(journalOf(changes), 1_000, 0.000_9)).toBe(true);
    expect(isLogged(journalOf(changes), 1_000, 0.001)).toBe(false);
    expect(isLogged(journalOf(changes), 1, UNLUCKY)).toBe(true);
  });

  it("is true of one in N", () => {
    const draws = Array.from({ length: 1_000 }, (_, at) => at / 1_000);
    expect(draws.filter((draw) => isLogged(journalOf({}), 10, draw))).toHaveLength(100);
  });
});
