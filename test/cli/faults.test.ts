import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { failure } from "../../src/kube/status.ts";
import { useFakeControl } from "./fake-control.ts";
import { ran } from "./in-process.ts";

const control = useFakeControl();

const REHEARSALS = "/k8s/apis/tulle.dev/v1alpha1/namespaces/shop/faultrehearsals";
const SERVICES = "/k8s/api/v1/namespaces/shop/services";
const ENTRIES = "/k8s/apis/networking.istio.io/v1/namespaces/shop/serviceentries";

const rehearsal = (name: string, spec: object) => ({
  metadata: { name, namespace: "shop" },
  spec: { targetRef: { kind: "Service", name: "reviews" }, endsAt: "2126-01-31T12:00:00Z", ...spec },
});

interface Written {
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec: Readonly<Record<string, unknown>> & { readonly endsAt: string };
}

beforeEach(() => {
  control.asked.length = 0;
  control.routes = {
    [`GET ${SERVICES}/reviews`]: () => ({ body: { kind: "Service" } }),
    [`GET ${ENTRIES}/bank`]: () => ({ body: { kind: "ServiceEntry" } }),
    "POST /api/v1/apply": ({ body }) => {
      const { metadata } = JSON.parse(body) as Written;
      const named = { apiVersion: "tulle.dev/v1alpha1", kind: "FaultRehearsal", ...metadata };
      return { body: { generation: 1, results: [{ ...named, action: "created", warnings: ["nobody calls it"] }] } };
    },
    [`GET ${REHEARSALS}`]: () => ({
      body: {
        items: [
          rehearsal("slow", { delay: { fixedDelay: "5s" } }),
          rehearsal("broken", {
            abort: { grpcStatus: "UNAVAILABLE" },
            percentage: { value: 20 },
            route: "canary",
            headers: { "x-tester": { exact: "ann" }, "x-b": {} },
            endsAt: "2026-01-31T12:00:00Z",
          }),
        ],
      },
    }),
    [`DELETE ${REHEARSALS}/slow`]: () => ({ body: { kind: "Status" } }),
  };
});

const fault = async (args: readonly string[], columns?: number) =>
  ran(
    ["fault", ...args, "-n", "shop", "--kubeconfig", join(control.folder, ".tulle/kubeconfig")],
    columns === undefined ? {} : { columns },
  );
const written = () => JSON.parse(control.asked.at(-1)?.body ?? "null") as Written;

describe("tulle fault", () => {
  it("adds one that ends in a quarter of an hour, and tells how to end it before", async () => {
    const before = Date.now();
    const { code, stdout, stderr } = await fault(["add", "reviews", "--delay", "5s"]);
    const { metadata, spec } = written();
    expect([code, stdout]).toEqual([0, `faultrehearsal.tulle.dev/${metadata.name} created (namespace shop)\n`]);
    expect(metadata.name).toMatch(/^reviews-delay-[0-9a-f]{6}$/);
    expect(stderr).toContain("warning: nobody calls it");
    expect(stderr).toContain(`it ends in 15m; before, by \`tulle fault clear ${metadata.name} -n shop\``);
    const { endsAt, ...rest } = spec;
    expect(rest).toEqual({ targetRef: { kind: "Service", name: "reviews" }, delay: { fixedDelay: "5s" } });
    // By control's clock, which tells whole seconds.
    expect(Date.parse(endsAt) - before).toBeGreaterThan(15 * 60_000 - 1_001);
    expect(Date.parse(endsAt) - Date.now()).toBeLessThanOrEqual(15 * 60_000);
  });

  it("adds one for some calls of a ServiceEntry, under a name, as JSON", async () => {
    const which = ["--route", "canary", "--percentage", "0.5", "--header", "x-a=b=c", "--header", "X-B"];
    const args = ["add", "bank", "--abort", "UNAVAILABLE", "--for", "24h", "--name", "mine", ...which];
    const { stdout } = await fault([...args, "-o", "json"]);
    expect(JSON.parse(stdout)).toMatchObject({ results: [{ name: "mine", action: "created" }] });
    expect(written()).toMatchObject({
      metadata: { name: "mine", namespace: "shop" },
      spec: {
        targetRef: { group: "networking.istio.io", kind: "ServiceEntry", name: "bank" },
        route: "canary",
        percentage: { value: 0.5 },
        headers: { "x-a": { exact: "b=c" }, "X-B": {} },
        abort: { grpcStatus: "UNAVAILABLE" },
      },
    });
    await fault(["add", "reviews", "--abort", "503"]);
    expect(written().spec).toMatchObject({ abort: { httpStatus: 503 } });
  });

  it("lists them, in 80 columns and as JSON", async () => {
    const { code, stdout } = await fault(["list"], 80);
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split("\n");
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
    expect(lines[1]).toMatch(/^slow +reviews +delay 5s +all +\d+d/);
    expect(lines[2]).toMatch(/^broken +reviews +abort UNAVAILABLE +20%.* ended$/);
    expect(JSON.parse((await fault(["list", "-o", "json"])).stdout)).toMatchObject({
      rehearsals: [
        { name: "slow", namespace: "shop" },
        { name: "broken", route: "canary" },
      ],
    });
  });

  it("clears one, or all, of which one may have ended meanwhile", async () => {
    expect(await fault(["clear", "slow"])).toMatchObject({
      code: 0,
      stdout: "faultrehearsal.tulle.dev/slow cleared\n",
    });
    expect(JSON.parse((await fault(["clear", "--all", "-o", "json"])).stdout)).toEqual({ cleared: ["slow"] });
    expect(await fault(["clear", "gone"])).toMatchObject({ code: 1, stdout: "" });
  });

  it("clears those that are there of several, says so, and then that one is not", async () => {
    const { code, stdout, stderr } = await fault(["clear", "gone", "slow"]);
    expect([code, stdout]).toEqual([1, "faultrehearsal.tulle.dev/slow cleared\n"]);
    expect(stderr).toMatch(/not found|no route|gone/);
  });

  it("tells what refuses it", async () => {
    control.routes = {
      ...control.routes,
      [`GET ${SERVICES}/reviews`]: () => ({ status: 403, body: failure("Forbidden", "not yours") }),
    };
    expect((await fault(["add", "reviews", "--delay", "1s"])).stderr).toContain("forbidden: not yours");
    expect((await fault(["add", "nobody", "--delay", "1s"])).stderr).toContain(
      "has no Service or ServiceEntry `nobody`; name one of its own",
    );
    expect((await fault(["add", "reviews.default.svc.cluster.local", "--delay", "1s"])).stderr).toContain(
      "of a host give `reviews -n default`",
    );
  });

  it.each([
    [["add", "reviews"], "say what becomes of the calls: give --delay or --abort"],
    [["add", "reviews", "--delay", "1s", "--abort", "503"], "give --delay or --abort"],
    [["add", "reviews", "--delay", "31s"], "1ms to 30s"],
    [["add", "reviews", "--abort", "600"], "200 to 599"],
    [["add", "reviews", "--abort", "14"], "200 to 599"],
    [["add", "reviews", "--delay", "1s", "--percentage", "-5"], "above 0 to 100"],
    [["add", "reviews", "--delay", "1s", "--percentage", "0"], "above 0 to 100"],
    [["add", "reviews", "--delay", "1s", "--for", "25h"], "1s to 24h"],
    [["add", "reviews", "--delay", "1s", "--header", "=b"], "NAME=VALUE"],
    [["add", "reviews", "--delay", "1s", "--name", "A"], "is no name"],
    [["clear"], "or give --all"],
    [["clear", "a", "--all"], "or give --all"],
    [["list", "-A"], "not both"],
  ])("refuses %j before it asks", async (args, why) => {
    const { code, stderr } = await fault(args);
    expect(code).toBe(2);
    expect(stderr).toContain(why);
    expect(control.asked).toEqual([]);
  });
});
