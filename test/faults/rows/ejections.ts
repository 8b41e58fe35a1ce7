import { connect } from "node:net";
import { percentile } from "../../../bench/percentile.ts";
import { ask, askInTurn, untilOpened } from "../ask.ts";
import { others } from "../load.ts";
import type { FaultMesh } from "../mesh.ts";
import { atMost, exactly, type Figure, type Row } from "../row.ts";
import type { Stage } from "../stage.ts";
import { type Behaviour, fails, type Upstream } from "../upstream.ts";
import { hostOf, world } from "../world.ts";

/** Nobody listens there. */
const CLOSED_PORT = 1;
/** Errors in a row that eject. */
const ERRORS = 5;
/** Of all gateways on this machine. */
const CELL = "LOC";

/** Ends in a moment, so that it is seen to end. */
const SHORT = { consecutive5xxErrors: ERRORS, interval: "200ms", baseEjectionTime: "300ms" };
/** Outlasts the row. */
const LONG = { consecutive5xxErrors: ERRORS, interval: "600s", baseEjectionTime: "600s" };
const EVEN = { simple: "ROUND_ROBIN" };

export const EJECTION_ROWS: readonly Row[] = [
  {
    id: "F20",
    fault: "breaker object lost or away",
    promise: "the circuit stays closed, and opens by what the isolate counts",
    short: true,
    async run(stage) {
      const mesh = await stage.mesh();
      const [well, ill] = [stage.fresh("F20-good"), stage.fresh("F20-bad")];
      const [good, bad] = [await stage.upstream(), await stage.upstream()];
      await mesh.mustApply(
        [
          world(well, [good.port], {}, { policy: { outlierDetection: LONG } }),
          world(ill, [bad.port], {}, { policy: { outlierDetection: SHORT } }),
        ].join("\n---\n"),
      );
      await mesh.settled();
      // From now on the gateway has what is needed to serve them.
      for (const id of [well, ill]) await ask(mesh, id);
      bad.behaviour = fails;
      await mesh.fault("cell", { kind: "throws" });
      const before = await exchanges(mesh);
      const loading = stage.load(mesh.portOf(), [{ host: hostOf(well) }]);
      const [first, again] = await untilOpened(mesh, ill, 2);
      const loaded = await loading;
      if ((await exchanges(mesh)) === before) throw new Error("no exchange came to the gate: the cell was not missed");
      await mesh.mend();
      await mesh.abort("CELL", CELL);
      const [lost] = await untilOpened(mesh, ill, 1);
      return [
        exactly(`failed of ${loaded.sent}, the service well`, others(loaded, 200), 0),
        exactly("opens at error", first?.through ?? 0, ERRORS),
        atMost("opens again, the cell away, after", again?.ms ?? Infinity, 10_000, " ms"),
        atMost("opens again, the cell's memory lost, after", lost?.ms ?? Infinity, 10_000, " ms"),
      ];
    },
  },
  {
    id: "F21",
    fault: "upstream refuses connections",
    promise: "503, and the circuit opens after 5",
    short: true,
    async run(stage) {
      const mesh = await stage.mesh();
      await refused(CLOSED_PORT);
      const [long, short] = [stage.fresh("F21-long"), stage.fresh("F21-short")];
      await mesh.mustApply(
        [
          world(long, [CLOSED_PORT], {}, { policy: { outlierDetection: LONG } }),
          world(short, [CLOSED_PORT], {}, { policy: { outlierDetection: SHORT } }),
        ].join("\n---\n"),
      );
      await mesh.settled();
      const first = await askInTurn(mesh, long, ERRORS);
      const open = await askInTurn(mesh, long, stage.total);
      const openMs = open.map(({ ms }) => ms);
      const openings = await untilOpened(mesh, short, 3);
      const all = [...first, ...open];
      return [
        exactly(`other than 503 of ${all.length}`, all.filter(({ status }) => status !== 503).length, 0),
        exactly("opens at error", first.filter(({ isOpen }) => !isOpen).length, ERRORS),
        exactly("called while it is open", open.filter(({ isOpen }) => !isOpen).length, 0),
        atMost("calls after an ejection's end", Math.max(...openings.map(({ through }) => through)), ERRORS),
        atMost("p99 of an answer while it is open", percentile(openMs, 0.99), 20, " ms"),
      ];
    },
  },
  {
    id: "F27",
    fault: "all endpoints fail",
    promise:
      "one of them is ejected; with one endpoint, or 100 %, the circuit is open; with minHealthPercent all are used",
    short: true,
    async run(stage) {
      const mesh = await stage.mesh();
      const trials = [
        { name: "default", hosts: 3, policy: {}, used: 2 },
        { name: "one", hosts: 1, policy: {}, used: 0 },
        { name: "all", hosts: 3, policy: { maxEjectionPercent: 100 }, used: 0 },
        { name: "panic", hosts: 3, policy: { maxEjectionPercent: 100, minHealthPercent: 50 }, used: 3 },
      ].map((trial) => ({ ...trial, id: stage.fresh(`F27-${trial.name}`) }));
      const upstreams = await Promise.all(trials.map(async ({ hosts }) => failing(stage, hosts, fails)));
      const texts = trials.map(({ id, policy }, at) =>
        world(
          id,
          (upstreams[at] ?? []).map(({ port }) => port),
          {},
          {
            policy: { loadBalancer: EVEN, outlierDetection: { ...LONG, ...policy } },
          },
        ),
      );
      await mesh.mustApply(texts.join("\n---\n"));
      await mesh.settled();
      const figures: Figure[] = [];
      for (const [at, { name, id, hosts, used }] of trials.entries()) {
        const services = upstreams[at] ?? [];
        // So many that each of them has had its errors in a row.
        await askInTurn(mesh, id, 4 * ERRORS * hosts);
        const before = services.map(({ hits }) => hits);
        const answers = await askInTurn(mesh, id, 10 * hosts);
        const called = services.filter(({ hits }, one) => hits > (before[one] ?? 0)).length;
        figures.push(exactly(`${name}: endpoints called, of ${hosts}`, called, used));
        const open = answers.filter(({ isOpen }) => isOpen).length;
        figures.push(exactly(`${name}: answered 503 UH, of ${answers.length}`, open, used === 0 ? answers.length : 0));
      }
      // As a deployment replaces one that fails: what is ejected and gone leaves room for what came in its place.
      const { id } = trials[1] as (typeof trials)[number];
      const [next] = await failing(stage, 1, fails);
      await mesh.mustApply(
        world(id, [next?.port ?? 0], {}, { policy: { loadBalancer: EVEN, outlierDetection: LONG } }),
      );
      await mesh.settled();
      const through = (await askInTurn(mesh, id, 2 * ERRORS)).filter(({ isOpen }) => !isOpen).length;
      figures.push(exactly("another in place of the one: opens at error", through, ERRORS));
      return figures;
    },
  },
];

async function failing(stage: Stage, count: number, behaviour: Behaviour): Promise<readonly Upstream[]> {
  const upstreams = await Promise.all(Array.from({ length: count }, async () => stage.upstream()));
  for (const upstream of upstreams) upstream.behaviour = behaviour;
  return upstreams;
}

async function exchanges(mesh: FaultMesh): Promise<number> {
  return (await mesh.calls("cell"))["exchange"] ?? 0;
}

/** @throws where somebody listens */
async function refused(port: number): Promise<void> {
  const code = await new Promise<string | undefined>((resolve) => {
    const socket = connect(port, "127.0.0.1", () => resolve(undefined));
    socket.on("error", ({ code: why }: NodeJS.ErrnoException) => resolve(why));
  });
  if (code !== "ECONNREFUSED") throw new Error(`port ${port} refuses nobody`);
}
