import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import type { LimitModel } from "../../src/snapshot/limit-model.ts";
import type { RemoteAsk } from "../../src/snapshot/rpc.ts";
import { control } from "./support/control.ts";
import { env } from "./support/env.ts";
import { callInMesh, callMethod, logged, serveSlices, until } from "./support/gateway.ts";
import { serve, serveRpc } from "./support/services.ts";
import { sliceOf } from "./support/slices.ts";
import { tapOf } from "./support/wire.ts";

const HOST = "a.default.svc.cluster.local";
/** So that no pause of a busy machine is taken for a limiter that is away. */
const PATIENT = { timeoutMs: 60_000 };
const WAIT = { timeout: 60_000, interval: 5 };
const RATES = [{ limit: 3, windowMs: 60_000 }];
const BY_USER: LimitModel = {
  name: "default/users/per-user",
  target: "Service/a",
  scope: "GLOBAL",
  key: [{ kind: "header", of: "request", name: "x-user" }],
  missing: "SHARE",
  rates: RATES,
  told: true,
  ...PATIENT,
};

/** The limits of the route for each path. */
const LIMITS: Readonly<Record<string, readonly LimitModel[]>> = {
  "/none": [],
  "/users": [BY_USER],
  "/pair": [
    { ...BY_USER, name: "default/pair/narrow" },
    { ...BY_USER, name: "default/pair/wide", key: [], rates: [{ limit: 5, windowMs: 60_000 }] },
  ],
  "/audit": [{ ...BY_USER, name: "default/audit/one", audit: true }],
  "/open": [{ ...BY_USER, name: "default/open/one" }],
  "/closed": [{ ...BY_USER, name: "default/closed/one", closed: true }],
  "/answers": [
    {
      ...BY_USER,
      name: "default/answers/one",
      answerCost: { kind: "call", name: "int", args: [{ kind: "header", of: "response", name: "x-cost" }] },
    },
  ],
  "/default/does": [{ ...BY_USER, name: "default/rpc/one", scope: "LOCAL", key: [] }],
};

beforeAll(async () => {
  serve("a", ({ headers }) => new Response("ok", { headers: { "x-cost": headers.get("x-wants") ?? "0" } }));
  serveRpc("a", () => "called");
  const slice = sliceOf(HOST);
  const [route] = slice.routes;
  if (route === undefined) throw new Error("a slice has a route");
  const all = Object.values(LIMITS).flat();
  const routes = Object.entries(LIMITS).map(([value, limits]) => ({
    ...route,
    name: value,
    matches: [{ uri: { kind: "exact", value } as const }],
    ...(limits.length > 0 && { limits: limits.map((limit) => all.indexOf(limit)) }),
  }));
  await serveSlices({ "mesh/*": { [HOST]: { ...slice, routes, limits: all } } });
});

const call = (path: string, user?: string) =>
  callInMesh(`http://${HOST}${path}`, user === undefined ? {} : { headers: { "x-user": user } });

async function statuses(count: number, path: string, user?: string): Promise<readonly number[]> {
  const all: number[] = [];
  for (let at = 0; at < count; at += 1) {
    const response = await call(path, user);
    await response.text();
    all.push(response.status);
  }
  return all;
}

describe("limits of a route", () => {
  it("are counted for each key apart, by the limiter, and told to clients", async () => {
    const first = await call("/users", "anna");
    expect(await first.text()).toBe("ok");
    expect([first.status, first.headers.get("ratelimit-policy"), first.headers.get("ratelimit")]).toEqual([
      200,
      '"per-user";q=3;w=60',
      '"per-user";r=2;t=40',
    ]);
    expect(await statuses(3, "/users", "anna")).toEqual([200, 200, 429]);
    expect(await statuses(1, "/users", "bert")).toEqual([200]);
    const lines = await logged(async () => {
      const refused = await call("/users", "anna");
      expect(await refused.text()).toBe("local_rate_limited");
      expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
      expect(refused.headers.get("x-envoy-ratelimited")).toBe("true");
    });
    const line = { status: 429, response_flags: "RL", details: "request_rate_limited", policy: BY_USER.name };
    expect(lines).toContainEqual(expect.objectContaining(line));
  });

  it("ask nobody where there are none", async () => {
    const before = tapOf("gateway").takes;
    expect(await statuses(2, "/none", "anna")).toEqual([200, 200]);
    expect(tapOf("gateway").takes).toBe(before);
  });

  it("are charged all or none", async () => {
    expect(await statuses(8, "/pair", "anna")).toEqual([200, 200, 200, 429, 429, 429, 429, 429]);
    expect(await statuses(3, "/pair", "bert")).toEqual([200, 200, 429]);
  });

  it("that are audited refuse nobody, and are told in the log", async () => {
    expect(await statuses(3, "/audit")).toEqual([200, 200, 200]);
    const lines = await logged(async () => expect(await statuses(1, "/audit")).toEqual([200]));
    const observed = [{ details: "request_rate_limited", policy: "default/audit/one" }];
    expect(lines).toContainEqual(expect.objectContaining({ observed }));
  });

  it("are charged what an answer costs, behind it: whoever made a debt waits until it is paid", async () => {
    const tap = tapOf("gateway");
    const before = tap.charges;
    const wants = async (user: string, cost: string) => {
      const response = await callInMesh(`http://${HOST}/answers`, { headers: { "x-user": user, "x-wants": cost } });
      await response.text();
      return response;
    };
    expect((await wants("anna", "7")).status).toBe(200);
    await until(() => tap.charges === before + 1);
    const refused = await wants("anna", "1");
    // Of 8 that were taken 3 may be: 5 more must go, and one for the next, each in 20 s.
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(60);
    expect([refused.status, refused.headers.get("ratelimit")]).toEqual([429, expect.stringMatching(/^"one";r=0;/)]);
    expect((await wants("bert", "0")).status).toBe(200);
    expect(tap.charges).toBe(before + 1);
  });

  it("hold in the isolate where the limiter is away, and a closed one refuses", async () => {
    const tap = tapOf("gateway");
    tap.limiterIsAway = true;
    onTestFinished(() => void (tap.limiterIsAway = false));
    expect(await statuses(5, "/open", "anna")).toEqual([200, 200, 200, 429, 429]);
    const refused = await call("/closed", "anna");
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "1"]);
  });

  it("count calls of Workers RPC like requests", async () => {
    const results: unknown[] = [];
    for (let at = 0; at < 4; at += 1)
      results.push(await callMethod({ service: HOST }).catch((error: unknown) => (error as { name: string }).name));
    expect(results).toEqual(["called", "called", "called", "MeshUnavailable"]);
  });
});

describe("the limiter", () => {
  const ask = (counter: string, change: Partial<RemoteAsk> = {}): RemoteAsk => ({
    counter,
    name: "ns/p/l",
    scope: "GLOBAL",
    shared: "ns/p/l||+",
    rates: RATES,
    cost: 1,
    want: 1,
    leaseMs: 0,
    audit: false,
    ...change,
  });

  it("goes on in a new life where the last one ended", async () => {
    const object = env.LIMITER.getByName("evicted");
    for (let at = 0; at < 3; at += 1) {
      expect((await object.take([ask("k")])).ok).toBe(true);
      await evictDurableObject(env.LIMITER.getByName("evicted"));
    }
    const over = await env.LIMITER.getByName("evicted").take([ask("k")]);
    expect([over.ok, over.grants[0]?.amount]).toEqual([false, 0]);
  });

  it("tells control who is near to a limit, without what is counted by, and takes a count back once, in whatever life", async () => {
    const object = () => env.LIMITER.getByName("global/7");
    const counter = `ns/told/l||#${"7".repeat(32)}`;
    // None of it comes back while a slow machine is at it.
    const rates = [{ limit: 3, windowMs: 86_400_000 }];
    const take = async () => (await object().take([ask(counter, { shared: "ns/told/l||+", rates })])).ok;
    const resets = [{ counter, at: Date.now() + 60_000 }];
    onTestFinished(() => void (control.orders = { nextMs: 2_000, resets: [] }));
    control.orders = { nextMs: 0, resets: [] };
    const told = () => control.counted.filter((report) => report.object === "global/7");
    await vi.waitUntil(async () => {
      const wasTaken = await take();
      return !wasTaken && told().some(({ counts }) => counts.some((one) => one.counter === counter && one.left === 0));
    }, WAIT);
    control.orders = { nextMs: 0, resets };
    await vi.waitUntil(take, WAIT);
    // The order is still given: it was obeyed.
    for (let life = 0; life < 2; life += 1) {
      const before = told().length;
      await vi.waitUntil(async () => !(await take()) && told().length > before + 3, WAIT);
      expect([await take(), told().at(-1)?.obeyed]).toEqual([false, resets[0]?.at]);
      await evictDurableObject(object());
    }
    expect(await take()).toBe(false);
  });

  it("stores a lease before it hands it out", async () => {
    const lease = { rates: [{ limit: 1_000, windowMs: 1_000 }], want: 400, leaseMs: 500 };
    const one = await env.LIMITER.getByName("lease").take([ask("k", lease)]);
    await evictDurableObject(env.LIMITER.getByName("lease"));
    const next = await env.LIMITER.getByName("lease").take([ask("k", { ...lease, want: 1_000 })]);
    const elapsed = next.at - one.at;
    expect(one.grants[0]?.amount).toBe(400);
    // Half of the burst is held back for what leases may still use.
    expect(next.grants[0]?.amount ?? 0).toBeLessThanOrEqual(100 + elapsed);
  });

  it("knows in a new life what isolates may have in hand that fades, and holds nothing back beside", async () => {
    const plain = { rates: [{ limit: 1_000, windowMs: 1_000 }], want: 800, leaseMs: 500 };
    const lease = { ...plain, fadesMs: 1_333 };
    const one = await env.LIMITER.getByName("fading").take([ask("k", lease)]);
    await evictDurableObject(env.LIMITER.getByName("fading"));
    const next = await env.LIMITER.getByName("fading").take([ask("k", { ...lease, want: 1_000 })]);
    expect(one.grants[0]).toMatchObject({ amount: 800, fadesMs: 1_333 });
    // A gateway that lets nothing fade would be refused for what is out: nobody's does from then on.
    const refused = await env.LIMITER.getByName("fading").take([ask("k", plain)]);
    expect(next.grants[0]?.amount ?? 0).toBeLessThanOrEqual(200 + next.at - one.at);
    expect(refused.grants[0]?.amount ?? 0).toBeLessThanOrEqual(refused.at - next.at);
    const after = await env.LIMITER.getByName("fading").take([ask("k", { ...lease, want: 1 })]);
    expect(after.grants[0]).not.toHaveProperty("fadesMs");
  });

  it("counts a new key apart, however many were asked for and refused before", async () => {
    const object = env.LIMITER.getByName("refused");
    for (let at = 0; at < 3; at += 1) await object.take([ask("k")]);
    const many = Array.from({ length: 10_000 }, (_, at) => ask(`other ${at}`));
    expect((await object.take([ask("k"), ...many])).ok).toBe(false);
    const once = { rates: [{ limit: 1, windowMs: 60_000 }] };
    for (const key of ["new", "newer"]) expect((await object.take([ask(key, once)])).ok, key).toBe(true);
  });

  it("keeps nothing of keys that nobody has asked for any more", async () => {
    const object = env.LIMITER.getByName("idle");
    await object.take([ask("k", { rates: [{ limit: 1_000, windowMs: 1_000 }] })]);
    const rows = () =>
      runInDurableObject(env.LIMITER.getByName("idle"), (_, { storage }) =>
        storage.sql.exec("SELECT name FROM sqlite_master WHERE name = 'counters'").toArray(),
      );
    expect(await rows()).toHaveLength(1);
    expect(await runDurableObjectAlarm(env.LIMITER.getByName("idle"))).toBe(true);
    expect(await rows()).toHaveLength(0);
  });
});
