import { drawsOf } from "../../limits/random.ts";
import type { Way } from "../gate.ts";
import { type Loaded, others } from "../load.ts";
import type { FaultMesh } from "../mesh.ts";
import { atMost, exactly, type Figure, type Row, rounded } from "../row.ts";
import type { Stage } from "../stage.ts";
import { toldTo, takes } from "../telemetry.ts";
import { answers, type Behaviour, isSilent, resets, type Upstream } from "../upstream.ts";
import { hostOf, serviceOf, world } from "../world.ts";

const RATE = 100;
const MINUTES = 30;
/** Of each step a fault lasts two thirds, and then it is mended. */
const STEP_SECONDS = 30;
/** For who writes it: each fault once. The slope of so short a run says nothing, and is no figure then. */
const BRIEF_STEP_SECONDS = 3;
/** Minutes at the beginning whose memory is not looked at: caches fill. */
const WARM_MINUTES = 5;
const SLOPE_MB = 1;
const SLOPE_MINUTES = 10;

const PLACE = "F44";
const SINK = "F44-sink";
const NAMESPACE = PLACE.toLowerCase();

interface Scene {
  readonly mesh: FaultMesh;
  /** Of the service; one of the first two goes bad. */
  readonly endpoints: readonly [Upstream, Upstream, Upstream];
  readonly sink: Upstream;
}

interface SoakFault {
  readonly name: string;
  begin(scene: Scene): void | Promise<void>;
  /** Beside the ways of the mesh, which are mended by themselves. */
  end?(scene: Scene): void | Promise<void>;
  /** How often what is broken was met so far. */
  met(scene: Scene): number | Promise<number>;
  /** Percent of the requests that may fail in its step; absent: none. */
  readonly budget?: number;
}

const way = (name: string, broken: Way, fault: Parameters<FaultMesh["fault"]>[1]): SoakFault => ({
  name,
  begin: async ({ mesh }) => mesh.fault(broken, fault),
  met: async ({ mesh }) => Object.values(await mesh.calls(broken)).reduce((sum, count) => sum + count, 0),
});

const collector = (name: string, behaviour: Behaviour): SoakFault => ({
  name,
  begin: ({ sink }) => void (sink.behaviour = behaviour),
  end: ({ sink }) => void (sink.behaviour = takes),
  met: ({ sink }) => sink.hits,
});

const endpoint = (name: string, at: 0 | 1, behaviour: Behaviour): SoakFault => ({
  name,
  begin: ({ endpoints }) => void (endpoints[at].behaviour = behaviour),
  end: ({ endpoints }) => void (endpoints[at].behaviour = answers),
  met: ({ endpoints }) => endpoints[at].hits,
  budget: 1,
});

const service = { kind: "ServiceEntry", group: "networking.istio.io", name: "service" };

const policy = (...paths: readonly string[]): string =>
  JSON.stringify({
    apiVersion: "security.istio.io/v1",
    kind: "AuthorizationPolicy",
    metadata: { name: "shut", namespace: NAMESPACE },
    spec: { action: "DENY", targetRefs: [service], rules: [{ to: [{ operation: { paths: ["/shut", ...paths] } }] }] },
  });

const rehearsal = (forMs: number): string =>
  JSON.stringify({
    apiVersion: "tulle.dev/v1alpha1",
    kind: "FaultRehearsal",
    metadata: { name: "slow", namespace: NAMESPACE },
    spec: {
      targetRef: service,
      percentage: { value: 20 },
      delay: { fixedDelay: "200ms" },
      endsAt: new Date(Date.now() + forMs).toISOString(),
    },
  });

/** Calls of the service, all of them. */
const calls = ({ endpoints }: Scene): number => endpoints.reduce((sum, { hits }) => sum + hits, 0);

const FAULTS: readonly SoakFault[] = [
  way("control throws", "control", { kind: "throws" }),
  way("control hangs", "control", { kind: "hangs" }),
  way("control answers nonsense", "control", { kind: "answers", value: "{" }),
  way("control's answers are lost", "control", { kind: "loses" }),
  way("nobody takes metrics", "control", { kind: "hangs", methods: ["report"] }),
  way("the cell throws", "cell", { kind: "throws" }),
  way("the cell hangs", "cell", { kind: "hangs" }),
  way("the cell answers late", "cell", { kind: "waits", ms: 1_500 }),
  collector("the collector hangs", isSilent),
  collector("the collector resets", resets),
  endpoint("an endpoint resets", 0, resets),
  endpoint("an endpoint is silent", 1, isSilent),
  { name: "a rehearsal holds calls", begin: async ({ mesh }) => mesh.mustApply(rehearsal(10_000)), met: calls },
  {
    name: "a policy changes",
    begin: async ({ mesh }) => mesh.mustApply(policy("/too")),
    end: async ({ mesh }) => mesh.mustApply(policy()),
    met: calls,
  },
];

async function begun(stage: Stage): Promise<Scene> {
  const mesh = await stage.ownMesh();
  const endpoints = [await stage.upstream(), await stage.upstream(), await stage.upstream()] as const;
  const sink = await stage.upstream();
  sink.behaviour = takes;
  const ports = endpoints.map(({ port }) => port);
  // Longer than this process, where the endpoints are, is away on a busy machine.
  const retries = { attempts: 2, perTryTimeout: "2s", retryOn: "reset,connect-failure,gateway-error" };
  const rule = {
    apiVersion: "networking.istio.io/v1",
    kind: "DestinationRule",
    metadata: { name: "service", namespace: NAMESPACE },
    spec: {
      host: serviceOf(PLACE),
      trafficPolicy: { outlierDetection: { consecutive5xxErrors: 5, interval: "1s", baseEjectionTime: "5s" } },
    },
  };
  const texts = [toldTo(SINK), world(PLACE, ports, { retries }), world(SINK, [sink.port]), policy()];
  await mesh.mustApply([...texts, JSON.stringify(rule)].join("\n---\n"));
  await mesh.settled();
  return { mesh, endpoints, sink };
}

/** What came of all steps under one fault. */
interface Sum {
  readonly name: string;
  readonly budget: number;
  met: number;
  sent: number;
  failed: number;
  wrong: number;
}

async function soak(stage: Stage): Promise<readonly Figure[]> {
  const [draws, scene] = [drawsOf(stage.seed), await begun(stage)];
  const load = async (seconds: number): Promise<Loaded> =>
    stage.load(scene.mesh.portOf(), [{ host: hostOf(PLACE) }, { host: hostOf(PLACE), path: "/shut" }], {
      rate: RATE,
      seconds,
    });
  await load(stage.all ? STEP_SECONDS : BRIEF_STEP_SECONDS);
  const sums = new Map<string, Sum>();
  const memory: (readonly [minutes: number, mb: number])[] = [];
  const seconds = stage.all ? STEP_SECONDS : BRIEF_STEP_SECONDS;
  const since = performance.now();
  const minutes = () => (performance.now() - since) / 60_000;
  for (let step = 0; stage.all ? minutes() < MINUTES : step < FAULTS.length; step += 1) {
    const fault = FAULTS[stage.all ? draws.int(0, FAULTS.length - 1) : step] as SoakFault;
    const before = await fault.met(scene);
    await fault.begin(scene);
    const broken = await load((seconds * 2) / 3);
    const met = (await fault.met(scene)) - before;
    await scene.mesh.mend();
    await fault.end?.(scene);
    const mended = await load(seconds / 3);
    add(sums, fault, met, [broken, mended]);
    const mb = await scene.mesh.heapMb();
    memory.push([minutes(), mb]);
    const statuses = [broken, mended].map((loaded) => JSON.stringify(loaded.statuses)).join(", then ");
    stage.say(`  minute ${rounded(minutes())}, ${fault.name}: ${rounded(mb)} MB, ${statuses}`);
  }
  const all = [...sums.values()];
  // An endpoint may be ejected yet from the last time; not each time.
  const unmet = all.find(({ met }) => met === 0);
  if (unmet !== undefined) throw new Error(`nothing met the fault: ${unmet.name}`);
  return [
    exactly(
      "decided otherwise",
      all.map(({ wrong }) => wrong).reduce((sum, count) => sum + count, 0),
      0,
    ),
    ...all.map(({ name, budget, sent, failed }) =>
      atMost(`${name}: failed of ${sent}`, (100 * failed) / sent, budget, " %"),
    ),
    ...(stage.all
      ? [atMost(`memory per ${SLOPE_MINUTES} minutes`, SLOPE_MINUTES * slope(memory), SLOPE_MB, " MB")]
      : []),
  ];
}

function add(sums: Map<string, Sum>, { name, budget = 0 }: SoakFault, met: number, loads: readonly Loaded[]): void {
  const sum = sums.get(name) ?? { name, budget, met: 0, sent: 0, failed: 0, wrong: 0 };
  sums.set(name, sum);
  sum.met += met;
  for (const loaded of loads) {
    const [open = {}, shut = {}] = loaded.byRequest;
    sum.sent += loaded.sent;
    sum.failed += others(loaded, 200, 403);
    sum.wrong += (open[403] ?? 0) + (shut[200] ?? 0);
  }
}

/** MB a minute, by least squares, of what comes once all is warm. */
function slope(memory: readonly (readonly [minutes: number, mb: number])[]): number {
  const points = memory.filter(([minutes]) => minutes >= WARM_MINUTES);
  const mean = (of: (point: readonly [number, number]) => number): number =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const [x, y] = [mean(([minutes]) => minutes), mean(([, mb]) => mb)];
  return mean(([minutes, mb]) => (minutes - x) * (mb - y)) / mean(([minutes]) => (minutes - x) ** 2);
}

export const SOAK_ROW: Row = {
  id: "F44",
  fault: "half an hour of mixed faults, another each 30 s",
  promise: "each keeps to its budget of errors, and no memory leaks",
  short: false,
  run: soak,
};
