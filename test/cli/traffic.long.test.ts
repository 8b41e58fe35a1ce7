import { beforeEach, describe, expect, it } from "vitest";
import { refused, useFakeControl } from "./fake-control.ts";
import { tulle } from "./tulle.ts";

const control = useFakeControl();

const FINE = {
  requests: 600,
  rps: 2,
  errorRate: 0,
  refusedRate: 0.015,
  p50: 4.2,
  p95: 180,
  p99: 1_250,
  mtls: 1,
  flags: {},
};
const ILL = { ...FINE, requests: 30, rps: 0.1, errorRate: 0.2, mtls: 0.5, flags: { DI: 2, UO: 6 }, p50: null };

function node(name: string, inbound: object | null, kind = "workload") {
  const namespace = kind === "unknown" ? "unknown" : "default";
  return { id: name, kind, namespace, name, app: name, version: "v1", principal: null, inbound };
}

const GRAPH = {
  window: 300,
  covered: 300,
  nodes: [node("page", ILL), node("reviews", FINE), node("unknown", null, "unknown")],
  edges: [
    { from: "page", to: "reviews", protocol: "http", ...FINE },
    { from: "unknown", to: "page", protocol: "http", ...ILL },
  ],
};

beforeEach(() => {
  control.asked.length = 0;
  control.routes = { "GET /api/v1/graph": () => ({ body: GRAPH }) };
});

describe("tulle stat, edges and top", () => {
  it("shows what reaches each workload, the busiest first", async () => {
    const { code, stdout } = await tulle(control.folder, ["stat", "--window", "5m", "-n", "default"]);
    expect(code).toBe(0);
    expect(
      stdout
        .split("\n")
        .slice(0, 3)
        .map((line) => line.split(/ {3,}/)),
    ).toEqual([
      ["WORKLOAD", "RPS", "SUCCESS", "4XX", "P50", "P95", "P99", "MTLS"],
      ["default/reviews", "2.0", "100%", "1.5%", "4ms", "180ms", "1.3s", "100%"],
      ["default/page", "0.10", "80%", "1.5%", "-", "180ms", "1.3s", "50%"],
    ]);
    expect(control.asked.map(({ path }) => path)).toEqual(["/api/v1/graph?window=300&namespace=default"]);
  });

  it("shows who calls whom", async () => {
    const { stdout } = await tulle(control.folder, ["edges"]);
    expect(stdout).toMatch(/^unknown {3,}default\/page .* 50% {3,}UO:6 DI:2$/m);
  });

  it("prints a look at the busiest once where it goes to no terminal", async () => {
    const { code, stdout } = await tulle(control.folder, ["top", "--window", "15s"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^2\.1 requests\/s, 0\.02 of them failed; last 300 s\n\nWORKLOAD/);
    expect(control.asked).toHaveLength(1);
  });

  it.each(["stat", "edges", "top"])("gives the graph itself as JSON: %s", async (name) => {
    const { stdout } = await tulle(control.folder, [name, "-o", "json"]);
    expect(JSON.parse(stdout)).toMatchObject({ window: 300, edges: [{ from: "page" }, { from: "unknown" }] });
  });

  it("says where nothing was counted, and where the history is shorter", async () => {
    control.routes = { "GET /api/v1/graph": () => ({ body: { ...GRAPH, edges: [], nodes: [] } }) };
    expect((await tulle(control.folder, ["stat"])).stderr).toContain("no requests were counted");
    control.routes = { "GET /api/v1/graph": () => ({ body: { ...GRAPH, covered: 75 } }) };
    expect((await tulle(control.folder, ["edges"])).stderr).toContain("the history covers 1m15s of it");
  });

  it("refuses a window that is too short or too long", async () => {
    const { code, stderr } = await tulle(control.folder, ["stat", "--window", "2d"]);
    expect([code, stderr]).toEqual([2, expect.stringContaining("from 15s to 24h")]);
  });
});

describe("tulle query", () => {
  const vector = { resultType: "vector", result: [{ metric: { __name__: "up", a: 'x"y' }, value: [1_500.5, "0.25"] }] };

  it("shows series as expressions write them", async () => {
    control.routes = { "GET /api/v1/query": () => ({ body: { status: "success", data: vector } }) };
    const { stdout } = await tulle(control.folder, ["query", "up > 0"]);
    expect(stdout).toContain('up{a="x\\"y"}   1970-01-01T00:25:00Z   0.25');
    expect(control.asked[0]?.path).toBe("/api/v1/query?query=up+%3E+0");
  });

  it("asks at steps back from now", async () => {
    const data = {
      resultType: "matrix",
      result: [
        {
          metric: {},
          values: [
            [60, "1"],
            [120, "2"],
          ],
        },
      ],
    };
    control.routes = { "GET /api/v1/query_range": () => ({ body: { status: "success", data } }) };
    const { stdout } = await tulle(control.folder, ["query", "1", "--range", "1h", "--step", "30s", "-o", "json"]);
    expect(JSON.parse(stdout)).toEqual(data);
    const { searchParams } = new URL(control.asked[0]?.path ?? "", control.url);
    expect(Number(searchParams.get("end")) - Number(searchParams.get("start"))).toBeCloseTo(3_600, 2);
    expect(searchParams.get("step")).toBe("30");
  });

  it.each([
    [["--range", "1h", "--time", "0"], "--time is of one moment"],
    [["--step", "30s"], "--step is of a --range"],
  ])("refuses %j, and says what to do", async (flags, message) => {
    const { code, stderr } = await tulle(control.folder, ["query", "1", ...flags]);
    expect([code, stderr, control.asked]).toEqual([2, expect.stringContaining(message), []]);
  });

  it("tells what is wrong with an expression, and of a refusal of control", async () => {
    const error = { status: "error", errorType: "bad_data", error: "1:1: `abs` is not supported" };
    control.routes = { "GET /api/v1/query": () => ({ status: 422, body: error }) };
    expect(await tulle(control.folder, ["query", "abs(up)"])).toMatchObject({
      code: 1,
      stderr: "error: 1:1: `abs` is not supported\n",
    });
    control.routes = { "GET /api/v1/query": () => refused("Forbidden", "no") };
    expect((await tulle(control.folder, ["query", "1"])).stderr).toContain("forbidden: no");
  });
});

describe("tulle explain", () => {
  it("refuses a hop of a request that nobody sent", async () => {
    const { code, stderr } = await tulle(control.folder, [
      "explain",
      "--hop",
      "1",
      "--",
      "curl",
      "http://reviews.shop:9080/",
    ]);
    expect([code, stderr, control.asked]).toEqual([2, expect.stringContaining("--hop is of a request that was"), []]);
  });
});
