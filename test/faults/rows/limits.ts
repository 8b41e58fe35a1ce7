import { counterDigest, counterPrefix, shardOf } from "../../../src/limits/counter-name.ts";
import { type Loaded, others } from "../load.ts";
import type { FaultMesh } from "../mesh.ts";
import { atLeast, atMost, exactly, type Row } from "../row.ts";
import type { Stage } from "../stage.ts";
import { hostOf, world } from "../world.ts";

interface Limit {
  readonly name: string;
  readonly rates: readonly object[];
  readonly onError?: "Refuse";
  readonly scope?: "Location";
  readonly timeout?: string;
}

/** A host whose requests to `/NAME` have the limit of that name. */
function limited(id: string, ports: readonly number[], limits: readonly Limit[]): string {
  const policy = {
    apiVersion: "tulle.dev/v1alpha1",
    kind: "RateLimitPolicy",
    metadata: { name: "limits", namespace: id.toLowerCase() },
    spec: {
      targetRefs: [{ group: "networking.istio.io", kind: "VirtualService", name: "service" }],
      limits: limits.map((limit) => ({ ...limit, shared: true, when: `request.url_path == "/${limit.name}"` })),
    },
  };
  return `${world(id, ports)}\n---\n${JSON.stringify(policy)}`;
}

/** The object that counts a limit without a key. */
async function objectOf(id: string, name: string): Promise<string> {
  return `global/${shardOf(await counterDigest(counterPrefix(`${id.toLowerCase()}/limits/${name}`)))}`;
}

/** How often the limiter is asked so far, whatever comes of it. */
async function asked(mesh: FaultMesh): Promise<number> {
  return (await mesh.calls("cell"))["take"] ?? 0;
}

/** What a load got, and in how many seconds. */
async function timed(load: () => Promise<Loaded>): Promise<Loaded & { readonly seconds: number }> {
  const startedAt = performance.now();
  const loaded = await load();
  return { ...loaded, seconds: (performance.now() - startedAt) / 1_000 };
}

const count = ({ byRequest }: Loaded, index: number, status: number): number => byRequest[index]?.[status] ?? 0;

/** Ready for a load: the limiter was asked, and its answers came. */
async function ready(stage: Stage, mesh: FaultMesh, id: string, path: string): Promise<void> {
  await mesh.settled();
  const before = await asked(mesh);
  await stage.load(mesh.portOf(), [{ host: hostOf(id), path }], { rate: 20, seconds: 0.2 });
  if ((await asked(mesh)) === before) throw new Error("no limit was asked about");
}

export const LIMIT_ROWS: readonly Row[] = [
  {
    id: "F16",
    fault: "rate-limit object unavailable",
    promise: "a limit of the same size in each isolate; closed where the policy says so",
    short: true,
    async run(stage) {
      const [mesh, upstream] = [await stage.mesh(), await stage.upstream()];
      const rate = { limit: stage.rate / 4, window: "1s", burst: 10 };
      const limits: Limit[] = [
        { name: "open", rates: [rate] },
        { name: "closed", rates: [{ ...rate, limit: 10_000_000 }], onError: "Refuse" },
      ];
      await mesh.mustApply(limited("F16", [upstream.port], limits));
      await ready(stage, mesh, "F16", "/open");
      await mesh.fault("cell", { kind: "throws", methods: ["take"] });
      const before = await asked(mesh);
      const hits = upstream.hits;
      const requests = ["/open", "/closed"].map((path) => ({ host: hostOf("F16"), path }));
      const loaded = await timed(async () => stage.load(mesh.portOf(), requests));
      if ((await asked(mesh)) === before) throw new Error("the limiter was not asked, so it was not away for anybody");
      const passed = count(loaded, 0, 200);
      return [
        exactly(`errors of ${stage.total}`, others(loaded, 200, 429, 503), 0),
        exactly("errors of the open limit", count(loaded, 0, 503), 0),
        atMost("passes of the open limit, one isolate", passed, rate.limit * loaded.seconds + rate.burst),
        atLeast("passes of the open limit", passed, rate.limit),
        exactly("passes of the closed limit", count(loaded, 1, 200), 0),
        exactly("hits of the service", upstream.hits - hits, passed),
      ];
    },
  },
  {
    id: "F17",
    fault: "rate-limit object overloaded",
    promise: "not asked again at once, a limit of the isolate's own",
    short: true,
    async run(stage) {
      const [mesh, upstream] = [await stage.mesh(), await stage.upstream()];
      // Exact: each request is a call as long as all is well.
      const exact = { name: "exact", timeout: "10s", rates: [{ limit: 100, window: "1s", burst: 10_000 }] };
      await mesh.mustApply(limited("F17", [upstream.port], [exact]));
      await ready(stage, mesh, "F17", "/exact");
      const requests = [{ host: hostOf("F17"), path: "/exact" }];
      const load = async (seconds: number) => stage.load(mesh.portOf(), requests, { rate: 100, seconds });
      const callsOf = async (seconds: number) => {
        const before = await asked(mesh);
        const loaded = await load(seconds);
        return { loaded, calls: (await asked(mesh)) - before };
      };
      // After a failure the isolate asks nobody for a while: a machine that stood still may have brought one about.
      let usual = await callsOf(1);
      for (let tries = 1; usual.calls < 0.9 * usual.loaded.sent; tries += 1) {
        if (tries === 4) throw new Error(`only ${usual.calls} of ${usual.loaded.sent} requests asked the limiter`);
        usual = await callsOf(1);
      }
      await mesh.fault("cell", { kind: "throws", overloaded: true, methods: ["take"] });
      const first = await callsOf(1);
      if (first.calls === 0) throw new Error("the limiter was not asked, so it was overloaded for nobody");
      const later = await callsOf(stage.seconds);
      return [
        exactly("failed", others(first.loaded, 200) + others(later.loaded, 200), 0),
        atMost(
          `calls of the object after a second, for ${later.loaded.sent} requests`,
          later.calls,
          later.loaded.sent / 10,
        ),
      ];
    },
  },
  {
    id: "F18",
    fault: "rate-limit object slow",
    promise: "a decision waits at most 50 ms, where the limit is of a location",
    short: true,
    async run(stage) {
      const [mesh, upstream] = [await stage.mesh(), await stage.upstream()];
      const near = { name: "near", scope: "Location", rates: [{ limit: 100, window: "1s", burst: 100_000 }] } as const;
      await mesh.mustApply(limited("F18", [upstream.port], [near]));
      await ready(stage, mesh, "F18", "/near");
      const requests = [{ host: hostOf("F18"), path: "/near" }];
      const load = async () => stage.load(mesh.portOf(), requests);
      const baseline = await stage.baseline("limited", load);
      await mesh.fault("cell", { kind: "waits", ms: 3_000, methods: ["take"] });
      const before = await asked(mesh);
      const bar = baseline.p99Ms + 60;
      const runs: Loaded[] = [];
      while (runs.length < 3 && !runs.some(({ p99Ms }) => p99Ms <= bar)) runs.push(await load());
      if ((await asked(mesh)) === before) throw new Error("the limiter was not asked, so it was slow for nobody");
      const failed = runs.reduce((sum, run) => sum + others(run, 200), 0);
      return [
        exactly(`failed of ${runs.length * stage.total}`, failed, 0),
        atMost(`p99 (B ${Math.round(baseline.p99Ms)} ms)`, runs.at(-1)?.p99Ms ?? Number.NaN, bar, " ms"),
      ];
    },
  },
  {
    id: "F19",
    fault: "rate-limit object evicted, state lost",
    promise: "the limit holds: a lease is stored before it is handed out, state is read back",
    short: true,
    async run(stage) {
      const [mesh, upstream] = [await stage.mesh(), await stage.upstream()];
      const rates = { exact: { limit: 50, window: "1s", burst: 10 }, leased: { limit: 120, window: "1s", burst: 120 } };
      const names = ["exact", "leased"] as const;
      // Closed: nothing passes by an isolate's own limit while the object is away.
      const limits = names.map((name): Limit => ({ name, rates: [rates[name]], onError: "Refuse" }));
      await mesh.mustApply(limited("F19", [upstream.port], limits));
      await ready(stage, mesh, "F19", "/exact");
      const objects = await Promise.all(names.map(async (name) => objectOf("F19", name)));
      // Before the load, too: what that needs is found once.
      for (const object of objects) await mesh.abort("LIMITER", object);
      const everyMs = stage.all ? 2_000 : 1_000;
      let evicted = 0;
      let failure: unknown = null;
      const evicting = setInterval(() => {
        Promise.all(objects.map(async (object) => mesh.abort("LIMITER", object))).then(
          () => (evicted += 1),
          (error: unknown) => (failure ??= error),
        );
      }, everyMs);
      const requests = names.map((name) => ({ host: hostOf("F19"), path: `/${name}` }));
      const load = async () => stage.load(mesh.portOf(), requests, { rate: 500, seconds: stage.seconds });
      const loaded = await timed(load).finally(() => clearInterval(evicting));
      if (evicted === 0) throw new Error(`no object was thrown out: ${String(failure)}`);
      return [
        ...names.map((name, index) =>
          atMost(
            `passes of ${name}, thrown out ${evicted} times`,
            count(loaded, index, 200),
            rates[name].limit * loaded.seconds + rates[name].burst,
          ),
        ),
        // That it was nothing but refusals would show nothing; closed, a second is refused after each loss.
        ...names.map((name, index) => atLeast(`passes of ${name}`, count(loaded, index, 200), rates[name].limit / 2)),
        exactly("errors", others(loaded, 200, 429, 503), 0),
      ];
    },
  },
];
