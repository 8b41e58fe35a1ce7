import { describe, expect, it } from "vitest";
import { useFakeControl } from "./fake-control.ts";
import { tulle } from "./tulle.ts";

const control = useFakeControl();

function seen(ago: number): string {
  return new Date(Date.now() - ago).toISOString();
}

/** Of one that is alive whenever it is asked, however long a test has run. */
const JUST_NOW = "just now";

function gateway(name: string, more: object = {}) {
  return {
    gateway: name,
    generation: 12,
    have: 12,
    seenAt: JUST_NOW,
    format: 1,
    bindings: ["A"],
    problem: null,
    ...more,
  };
}

const CURRENT = gateway("current");
const OLDER = gateway("older", { generation: 9, have: 9 });
const BEHIND = gateway("behind", { have: 10 });
const REFUSING = gateway("refusing", { have: 10, refused: { code: "snapshot_key_unknown", count: 3 } });
const EMPTY = gateway("empty", { have: null });
const UNSEEN = gateway("unseen", { generation: null, have: null, seenAt: null });
const BROKEN = gateway("broken", { problem: "its root is too large" });
const GONE = gateway("gone", { have: 3, seenAt: "2020-01-01T00:00:00Z" });

/** Answers these states one after the other, the last one again and again. */
function answers(...states: readonly (readonly object[])[]): void {
  let next = 0;
  control.routes = {
    "GET /api/v1/status": () => {
      const gateways = (states[Math.min(next, states.length - 1)] ?? []).map((one) => ({
        ...one,
        ...("seenAt" in one && one.seenAt === JUST_NOW && { seenAt: seen(2_000) }),
      }));
      next += 1;
      return { body: { generation: 12, resourceVersion: "40", watches: 1, gateways } };
    },
  };
}

describe("tulle status", () => {
  it("prints a line for each gateway", async () => {
    answers([
      CURRENT,
      OLDER,
      BEHIND,
      REFUSING,
      EMPTY,
      UNSEEN,
      BROKEN,
      gateway("quiet", { have: 3, seenAt: seen(3_600_000 + 2_000) }),
    ]);
    const { code, stdout } = await tulle(control.folder, ["status"]);
    expect(code).toBe(0);
    expect(stdout.replaceAll(/\b[1-9]s /g, "2s ").split("\n")).toEqual([
      "mesh generation 12",
      "GATEWAY    GENERATION   LAST SEEN   FORMAT   STATE",
      "current    12           2s          1        current",
      "older      9            2s          1        current",
      "behind     10           2s          1        behind by 2",
      "refusing   10           2s          1        behind by 2, refuses what comes: snapshot_key_unknown",
      "empty      -            2s          1        behind by 12",
      "unseen     -            -           1        not seen lately",
      "broken     12           2s          1        its root is too large",
      "quiet      3            1h          1        idle, behind by 9",
      "",
    ]);
  });

  it("prints JSON as it was answered", async () => {
    answers([CURRENT]);
    const { stdout } = await tulle(control.folder, ["status", "-o", "json"]);
    const current = { ...CURRENT, seenAt: expect.any(String) };
    expect(JSON.parse(stdout)).toEqual({ generation: 12, resourceVersion: "40", watches: 1, gateways: [current] });
  });

  it.each([
    { name: "current ones", gateways: [CURRENT, OLDER, UNSEEN], code: 0 },
    { name: "no gateway", gateways: [], code: 0 },
    { name: "one behind that nobody uses", gateways: [GONE], code: 0 },
    { name: "one behind", gateways: [CURRENT, BEHIND], code: 1 },
    { name: "one that refuses what comes", gateways: [REFUSING], code: 1 },
    { name: "one without any", gateways: [EMPTY], code: 1 },
    { name: "one with a problem", gateways: [BROKEN], code: 1 },
  ])("--check ends with $code for $name", async ({ gateways, code }) => {
    answers(gateways);
    expect((await tulle(control.folder, ["status", "--check"])).code).toBe(code);
  });

  it("--wait asks until all that are alive are current", async () => {
    answers([CURRENT, BEHIND, GONE], [CURRENT, BEHIND, GONE], [CURRENT, gateway("behind"), GONE]);
    control.asked.length = 0;
    const { code, stdout } = await tulle(control.folder, ["status", "--wait", "60"]);
    expect(code).toBe(0);
    expect(control.asked).toHaveLength(3);
    expect(stdout).toContain("behind    12");
  });

  it("--wait does not wait for what is stored meanwhile", async () => {
    answers([BEHIND], [gateway("behind", { generation: 13, have: 12 })]);
    expect((await tulle(control.folder, ["status", "--wait"])).code).toBe(0);
  });

  it("--wait ends with 1 when time is up, and says who is late", async () => {
    answers([CURRENT, BEHIND, BROKEN]);
    const { code, stdout, stderr } = await tulle(control.folder, ["status", "--wait", "1"]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain("not current after 1 s: `behind`: behind by 2, `broken`: its root is too large");
  });

  it("--wait does not wait for those that nobody calls, and says so", async () => {
    answers([GONE, UNSEEN]);
    const { code, stderr } = await tulle(control.folder, ["status", "--wait", "1"]);
    expect(code).toBe(0);
    expect(stderr).toMatch(/^warning: no gateway was called in the last 10 s.*next request\n$/);
  });

  it.each([
    { name: "a gateway that is late", next: BEHIND, shows: /current +12 .* current\n/ },
    { name: "one that nobody calls", next: GONE, shows: /gone +3 .* idle, behind by 9\n/ },
  ])("--wait gives control, which may have slept, the time to see $name", async ({ next, shows }) => {
    answers([UNSEEN, UNSEEN], [UNSEEN, UNSEEN], [UNSEEN, next], [UNSEEN, CURRENT]);
    const { code, stdout } = await tulle(control.folder, ["status", "--wait"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(shows);
  });

  it("--wait does not wait for gateways that control does not see in the time that it needs", async () => {
    answers([UNSEEN]);
    const { code, stdout, stderr } = await tulle(control.folder, ["status", "--wait", "1"]);
    expect(code).toBe(0);
    expect(stdout).toContain("not seen lately");
    expect(stderr).toMatch(/^warning: no gateway was called in the last 10 s.*next request\n$/);
  });

  it("--wait waits for one to come where there is no gateway, and ends with 1 when time is up", async () => {
    answers([]);
    const { code, stdout, stderr } = await tulle(control.folder, ["status", "--wait", "1"]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain("not current after 1 s: no gateway was ever seen");
    answers([], [], [CURRENT]);
    expect((await tulle(control.folder, ["status", "--wait", "60"])).code).toBe(0);
  });

  it("refuses a time that is none", async () => {
    const { code, stderr } = await tulle(control.folder, ["status", "--wait", "soon"]);
    expect(code).toBe(2);
    expect(stderr).toContain("Give a whole number");
  });
});
