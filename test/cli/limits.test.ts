import { join } from "node:path";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { storedNameOf } from "../../src/limits/counter-name.ts";
import { useFakeControl } from "./fake-control.ts";
import { ran } from "./in-process.ts";

const control = useFakeControl();
let counter: string;
beforeAll(async () => {
  counter = await storedNameOf("shop/api/per-client", "Gateway/public", ["203.0.113.7"]);
});
beforeEach(() => {
  control.asked.length = 0;
  control.routes = {
    "GET /api/v1/limits": () => ({
      body: { counts: [count("shop", counter, 1), count("other", "other/api/per-client||+", 0.5)] },
    }),
    "POST /api/v1/limits/reset": () => ({ status: 202, body: { counters: [counter] } }),
  };
});

function count(namespace: string, of: string, used: number) {
  const [, target = "", key = ""] = of.split("|");
  const times = { emptyAt: new Date(Date.now() + 7_200_000).toISOString(), seenAt: new Date().toISOString() };
  const named = {
    counter: of,
    namespace,
    policy: "api",
    limit: "per-client",
    target,
    key: key === "+" ? "others" : key.slice(1),
  };
  return {
    ...named,
    location: null,
    used,
    left: Math.round(10 - 10 * used),
    most: 10,
    quota: 10,
    windowSeconds: 86_400,
    ...times,
  };
}

const limits = async (args: readonly string[], columns?: number) =>
  ran(
    ["limits", ...args, "--kubeconfig", join(control.folder, ".tulle/kubeconfig")],
    columns === undefined ? {} : { columns },
  );

describe("tulle limits", () => {
  it("prints who is near, in 80 columns, and as JSON", async () => {
    const { code, stdout } = await limits([], 80);
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split("\n");
    expect(lines).toHaveLength(3);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
    expect(lines[1]).toMatch(/per-client.* 100% +0/);
    const json = JSON.parse((await limits(["-o", "json"])).stdout) as { counts: readonly unknown[] };
    expect(json.counts).toHaveLength(2);
  });

  it("asks for a policy's, and sends no key anywhere", async () => {
    const args = ["--policy", "shop/api", "--limit", "per-client", "--key", "203.0.113.7", "-o", "json"];
    const { counts } = JSON.parse((await limits(args)).stdout) as { counts: readonly { counter: string }[] };
    expect(counts.map((one) => one.counter)).toEqual([counter]);
    expect(control.asked.map(({ path, body }) => path + body)).toEqual([
      "/api/v1/limits?policy=shop%2Fapi&limit=per-client&most=1000",
    ]);
    const other = JSON.parse((await limits(["-n", "other", "-o", "json"])).stdout) as { counts: readonly unknown[] };
    expect(other.counts).toHaveLength(1);
  });

  it("asks for further pages until it has what was asked for", async () => {
    const one = "GET /api/v1/limits";
    const first = control.routes[one];
    if (first === undefined) throw new Error("no counts");
    const isFirst = (path: string): boolean => !path.includes("continue=");
    control.routes = {
      [one]: async (asked) => ({
        body: isFirst(asked.path)
          ? { counts: [], continue: "1000" }
          : { ...((await first(asked))?.body as object), continue: null },
      }),
    };
    const counts = async (...args: readonly string[]) =>
      (JSON.parse((await limits([...args, "-o", "json"])).stdout) as { counts: readonly object[] }).counts.length;
    expect([await counts("--key", "203.0.113.7"), await counts("--most", "1")]).toEqual([1, 1]);
    expect(control.asked.map(({ path }) => isFirst(path))).toEqual([true, false, true, false]);
  });

  it("takes a count back, by a key or by its name", async () => {
    expect((await limits(["reset", "shop/api/per-client", "--key", "203.0.113.7"])).stdout).toBe(`${counter} reset\n`);
    await limits(["reset", "--counter", counter]);
    expect(control.asked.map(({ body }) => JSON.parse(body) as unknown)).toEqual([
      { policy: "shop/api", limit: "per-client", key: ["203.0.113.7"] },
      { counter },
    ]);
  });

  it.each([
    [["reset"]],
    [["reset", "per-client"]],
    [["reset", "a/b/c", "--counter", "x"]],
    [["reset", "--counter", "x", "--key", "y"]],
  ])("refuses %j", async (args) => {
    expect((await limits(args)).code).toBe(2);
    expect(control.asked).toEqual([]);
  });

  it("says of a key only that it is not among those that are told", async () => {
    const { code, stdout, stderr } = await limits(["--key", "203.0.113.8"]);
    expect([code, stdout]).toEqual([0, ""]);
    expect(stderr).toMatch(/^that key is not among the nearest/);
  });

  it("says that there is nothing to see", async () => {
    control.routes = { "GET /api/v1/limits": () => ({ body: { counts: [] } }) };
    expect(await limits([])).toEqual({ code: 0, stdout: "", stderr: "nobody has used anything of a limit lately\n" });
  });
});
