import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { tailLine } from "../../cli/tulle/tail-line.ts";
import { refused, useFakeControl } from "./fake-control.ts";
import { ran } from "./in-process.ts";

const ID = "6f1c6c1e-7d0a-4a53-9f3c-0a5d0c8f1c11";
const PASSED = {
  time: "2026-01-02T20:15:03.120Z",
  request_id: ID,
  method: "GET",
  protocol: "http",
  authority: "reviews:9080",
  path: "/reviews/1",
  status: 200,
  response_flags: "-",
  details: "via_upstream",
  policy: null,
  source_principal: "cluster.local/ns/web/sa/page",
  source_workload: "page-v1",
  destination_service: "reviews.shop.svc.cluster.local",
  duration_ms: 3,
};
const REFUSED = { ...PASSED, status: 403, response_flags: "UAEX", details: "rbac_denied", policy: "shop/deny" };

const control = useFakeControl();
beforeEach(() => {
  control.asked.length = 0;
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** What a tail sends until control ends it. */
function sends(...events: readonly (readonly [event: string, data: object])[]): void {
  const body = events.map(([event, data]) => `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`).join("");
  control.routes = { "GET /api/v1/tail": () => ({ body }) };
}

const tail = async (args: readonly string[] = [], columns?: number) =>
  ran(
    ["tail", ...args, "--kubeconfig", join(control.folder, ".tulle/kubeconfig")],
    columns === undefined ? {} : { columns },
  );

describe("tulle tail", () => {
  it("prints a line a request, whole in a pipe, and says how it began and ended", async () => {
    sends(["ready", { all: true }], ["line", PASSED], ["line", REFUSED]);
    const { code, stdout, stderr } = await tail();
    expect(code).toBe(1);
    expect(stdout.split("\n")).toEqual([
      `20:15:03.120 200 3ms GET shop/reviews /reviews/1 < web/page ${ID}`,
      `20:15:03.120 403 UAEX 3ms GET shop/reviews /reviews/1 < web/page rbac_denied shop/deny ${ID}`,
      "",
    ]);
    expect(stderr).toMatch(/^ready: requests appear as they end.*\nerror: control ended the tail: /);
  });

  it.each([
    { columns: 60, second: "20:15:03.120 403 UAEX 3ms GET shop/reviews /reviews/1 < web…" },
    { columns: 80, second: "20:15:03.120 403 UAEX 3ms GET shop/reviews /reviews/1 < web/page rbac_denied sh…" },
  ])("keeps within $columns columns: the id of what was refused below it", async ({ columns, second }) => {
    sends(["line", PASSED], ["line", REFUSED]);
    const { stdout } = await tail([], columns);
    expect(stdout.split("\n")).toEqual([
      "20:15:03.120 200 3ms GET shop/reviews /reviews/1 < web/page",
      second,
      ` ${ID}`,
      "",
    ]);
  });

  it("prints the records themselves as JSON, one a line", async () => {
    sends(["ready", { all: true }], ["line", PASSED], ["line", REFUSED]);
    const { stdout } = await tail(["-o", "json"], 60);
    const lines = stdout.trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line) as object)).toEqual([PASSED, REFUSED]);
  });

  it("colours on a terminal that takes it, and not with NO_COLOR", async () => {
    sends(["line", REFUSED]);
    const args = ["tail", "--kubeconfig", join(control.folder, ".tulle/kubeconfig")];
    expect((await ran(args, { color: true })).stdout).toContain("\u001B[33m403\u001B[39m");
    expect((await ran([...args, "--no-color"], { color: true })).stdout).not.toContain("\u001B");
    expect((await ran(args)).stdout).not.toContain("\u001B");
  });

  it("warns of conditions that name nothing, of gateways that are late, and of what is not shown", async () => {
    sends(
      ["ready", { all: false, warnings: ["there is no service `revews`; did you mean `shop/reviews`?"] }],
      ["note", { dropped: 5, reasons: { max_rps: 3, on_the_way: 2 } }],
    );
    const { stderr } = await tail(["--service", "revews"]);
    expect(stderr.split("\n").slice(0, 3)).toEqual([
      "warning: there is no service `revews`; did you mean `shop/reviews`?",
      "ready, though not all gateways have said so; ^C ends this",
      "warning: 5 requests are not shown: 3 beyond --max-rps, 2 on the way from the gateways",
    ]);
  });

  it("ends at once when it is refused, and leaves nothing that would keep the program alive", async () => {
    control.routes = { "GET /api/v1/tail": () => refused("BadRequest", "status: must be statuses from 100 to 599") };
    const [set, cleared] = [vi.spyOn(globalThis, "setTimeout"), vi.spyOn(globalThis, "clearTimeout")];
    const { code, stdout, stderr } = await tail(["--status", "999", "--timeout", "7d"]);
    expect([code, stdout, stderr]).toEqual([1, "", "error: status: must be statuses from 100 to 599\n"]);
    // Of that length there is one timer, and it would hold the program until it is over.
    const at = set.mock.calls.findIndex(([, delay]) => delay === 7 * 86_400_000);
    expect(cleared.mock.calls.flat()).toContain(set.mock.results[at]?.value);
  });

  it("sends its conditions as they are named in the API", async () => {
    sends();
    await tail(["--service", "shop/reviews", "--status", "5xx", "-n", "shop", "--max-rps", "7"]);
    const [asked] = control.asked;
    expect(asked?.path).toBe("/api/v1/tail?service=shop%2Freviews&status=5xx&namespace=shop&maxRps=7");
  });
});

describe("a line", () => {
  it("gives the path what room there is, and is never wider than the terminal", () => {
    const long = { ...REFUSED, path: `/${"a".repeat(500)}` };
    for (let width = 20; width < 300; width += 1)
      for (const record of [PASSED, REFUSED, long])
        for (const line of tailLine(record, width).split("\n")) expect(line.length).toBeLessThanOrEqual(width);
    expect(tailLine(long, 140)).toMatch(new RegExp(`/a{10,}… < web/page rbac_denied shop/deny ${ID}$`));
  });
});
