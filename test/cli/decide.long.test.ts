import { beforeEach, describe, expect, it } from "vitest";
import { useFakeControl } from "./fake-control.ts";
import { tulle } from "./tulle.ts";

const control = useFakeControl();
beforeEach(() => {
  control.asked.length = 0;
});

const DECIDED = {
  generation: 7,
  scope: "mesh/default",
  host: "reviews",
  slice: "s",
  decision: { effect: "answer", code: "rbac_denied_no_allow", status: 403, policy: null, route: "r", cluster: "c" },
  trace: [{ stage: "destination", name: "default/readers", outcome: "no rule holds" }],
  endpoints: [],
};

describe("tulle decide", () => {
  it("tells what external authorizers answer", async () => {
    control.routes = { "POST /api/v1/decide": () => ({ body: DECIDED }) };
    const { code } = await tulle(control.folder, [
      "decide",
      "--host",
      "a",
      "--check",
      "opa=200",
      "--check",
      "plans=error",
    ]);
    expect(code).toBe(0);
    expect(JSON.parse(control.asked[0]?.body ?? "")).toMatchObject({
      facts: { checks: [{ provider: "opa", status: 200 }, { provider: "plans" }] },
    });
    expect((await tulle(control.folder, ["decide", "--host", "a", "--check", "opa"])).stderr).toContain(
      "PROVIDER=STATUS",
    );
  });

  it("tells control the request, and prints what would become of it", async () => {
    control.routes = { "POST /api/v1/decide": () => ({ body: DECIDED }) };
    const line = ["decide", "--host", "reviews:9080", "--path", "/api?x=1", "--method", "POST", "--as", "default/web"];
    const more = ["--header", "X-A: one", "--header", "X-A: two: three", "--scope", "mesh/default"];
    const { code, stdout, stderr } = await tulle(control.folder, [...line, ...more]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(JSON.parse(control.asked[0]?.body ?? "")).toEqual({
      scope: "mesh/default",
      facts: {
        host: "reviews:9080",
        method: "POST",
        path: "/api",
        query: "x=1",
        headers: { "X-A": ["one", "two: three"] },
        peer: { principal: "cluster.local/ns/default/sa/web" },
      },
    });
    expect(stdout.split("\n")).toEqual([
      "decision     403 rbac_denied_no_allow",
      "route        r",
      "cluster      c",
      "scope        mesh/default",
      "generation   7",
      "",
      "STAGE         NAME              OUTCOME",
      "destination   default/readers   no rule holds",
      "",
    ]);
  });

  it.each([
    { rpc: "add", path: "/default/add" },
    { rpc: "Admin/add", path: "/Admin/add" },
  ])("tells control a call of Workers RPC: $rpc", async ({ rpc, path }) => {
    control.routes = { "POST /api/v1/decide": () => ({ body: DECIDED }) };
    const { code } = await tulle(control.folder, ["decide", "--host", "orders", "--rpc", rpc]);
    expect(code).toBe(0);
    expect(JSON.parse(control.asked.at(-1)?.body ?? "")).toEqual({
      facts: { host: "orders", protocol: "workers-rpc", method: "POST", path },
    });
  });

  it.each([
    ["--rpc", "a/b/c"],
    ["--rpc", "/"],
    ["--rpc", "add", "--path", "/x"],
    ["--rpc", "add", "--header", "a: b"],
  ])("refuses %s %s %s %s", async (...line) => {
    const { code } = await tulle(control.folder, ["decide", "--host", "orders", ...line]);
    expect(code).not.toBe(0);
  });

  it("prints what a fault would do first, and who would get a copy", async () => {
    const mirrors = [
      { cluster: "m", refused: null },
      { cluster: "n", refused: "rbac_denied_no_allow" },
    ];
    const decision = { effect: "forward", route: "r", cluster: "c", path: "/api", delayMs: 7_000, mirrors };
    control.routes = { "POST /api/v1/decide": () => ({ body: { ...DECIDED, decision } }) };
    const { stdout } = await tulle(control.folder, ["decide", "--host", "reviews"]);
    expect(stdout.split("\n").slice(0, 6)).toEqual([
      "decision     forward /api",
      "route        r",
      "cluster      c",
      "delay        7000 ms",
      "mirror       m",
      "mirror       n (rbac_denied_no_allow)",
    ]);
  });

  it("prints how long it may take, what is tried again, and which headers change", async () => {
    const retries = { attempts: 3, perTryTimeoutMs: 2_000, on: ["reset"], statusCodes: [503], backoffMs: 25 };
    const decision = {
      effect: "forward",
      route: "r",
      cluster: "c",
      path: "/api",
      retries,
      timeoutMs: 500,
      idleTimeoutMs: 9_000,
      request: [{ op: "set", name: "x-test", value: "true" }],
      response: [{ op: "remove", name: "server" }],
    };
    control.routes = { "POST /api/v1/decide": () => ({ body: { ...DECIDED, decision } }) };
    const { stdout } = await tulle(control.folder, ["decide", "--host", "reviews"]);
    expect(stdout.split("\n").slice(3, 8)).toEqual([
      "timeout        500 ms",
      "idle timeout   9000 ms",
      "retries        3, each 2000 ms: reset, 503",
      "request        set x-test: true",
      "response       remove server",
    ]);
  });

  it.each(["nonsense", ": nameless", "two words: x"])("refuses the header `%s`, and asks nothing", async (header) => {
    const { code, stderr } = await tulle(control.folder, ["decide", "--host", "reviews", "--header", header]);
    expect(code).toBe(2);
    expect(stderr).toContain("Give `name: value`");
    expect(control.asked).toEqual([]);
  });

  it("prints JSON as control answers it", async () => {
    control.routes = { "POST /api/v1/decide": () => ({ body: DECIDED }) };
    const { stdout } = await tulle(control.folder, ["decide", "--host", "reviews", "-o", "json"]);
    expect(JSON.parse(stdout)).toEqual(DECIDED);
  });

  it("says what control does not understand, with the field", async () => {
    const causes = [{ reason: "FieldValueInvalid", field: "facts.path", message: "must begin with `/`" }];
    const message = "nothing can be decided: facts.path: must begin with `/`";
    control.routes = {
      "POST /api/v1/decide": () => ({
        status: 422,
        body: { kind: "Status", status: "Failure", reason: "Invalid", message, details: { causes }, code: 422 },
      }),
    };
    const { code, stderr } = await tulle(control.folder, ["decide", "--host", "a", "--path", "x"]);
    expect([code, stderr]).toEqual([1, `error: ${message}\n`]);
  });

  it.each([
    { name: "no host", args: [], says: "--host" },
    { name: "half a caller", args: ["--host", "a", "--as", "web"], says: "Give NAMESPACE/SERVICE_ACCOUNT" },
  ])("is called wrongly: $name", async ({ args, says }) => {
    const { code, stderr } = await tulle(control.folder, ["decide", ...args]);
    expect(code).toBe(2);
    expect(stderr).toContain(says);
    expect(control.asked).toEqual([]);
  });
});
