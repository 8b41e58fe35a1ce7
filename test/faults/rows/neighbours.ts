import { lately, latency } from "../latency.ts";
import { LoadProcess, others } from "../load.ts";
import { exactly, type Figure, type Row } from "../row.ts";
import { type Behaviour, drips, isSilent, resets, says } from "../upstream.ts";
import { hostOf, world } from "../world.ts";

const SERVICES = 10;
const FAULTY = "F29-s1";
const OK = "HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n";

/** What the one service does, while it is there. */
const FAULTS: Readonly<Record<string, Behaviour>> = {
  silence: isSilent,
  "reset before the headers": resets,
  "reset in the body": (socket, path, method) => {
    says(`${OK}abc`)(socket, path, method);
    setTimeout(() => socket.resetAndDestroy(), 10);
  },
  garbage: says("garbage\r\n\r\n"),
  drip: drips(OK, 100, 100),
};

export const NEIGHBOUR_ROWS: readonly Row[] = [
  {
    id: "F29",
    fault: "1 of 10 services behaves as in F21 to F26",
    promise: "the others are untouched",
    short: false,
    async run(stage) {
      const mesh = await stage.mesh();
      const upstreams = await Promise.all(Array.from({ length: SERVICES }, async () => stage.upstream()));
      const ids = upstreams.map((_, at) => `F29-s${at + 1}`);
      const texts = ids.map((id, at) => world(id, [upstreams[at]?.port ?? 0], { timeout: "2s" }));
      await mesh.mustApply(texts.join("\n---\n"));
      await mesh.settled();
      const well = ids.filter((id) => id !== FAULTY).map((id) => ({ host: hostOf(id) }));
      const beside = { rate: (stage.rate * well.length) / SERVICES };
      const load = async () => stage.load(mesh.portOf(), well, beside);
      // What is cold is warmed by a run that does not count.
      await load();
      // The service is never called meanwhile, so it stays as it is.
      const baseline = lately(load);
      const faulty = new LoadProcess();
      stage.atEnd(async () => faulty.stop());
      const figures: Figure[] = [];
      const [bad] = upstreams;
      if (bad === undefined) throw new Error("there is no service");
      const tried = async (name: string): Promise<void> => {
        const { runs, figures: times } = await latency(baseline, async () => {
          const [loaded, met] = await Promise.all([
            load(),
            faulty.run({
              port: mesh.portOf(),
              requests: [{ host: hostOf(FAULTY) }],
              rate: stage.rate / SERVICES,
              seconds: stage.seconds,
              connections: 1_000,
              patienceMs: 15_000,
            }),
          ]);
          if (others(met, 200) !== met.sent)
            throw new Error(`${name}: ${met.statuses[200]} calls of the service were well`);
          return loaded;
        });
        const failed = runs.reduce((sum, run) => sum + others(run, 200), 0);
        figures.push(exactly(`${name}: failed of the others`, failed, 0));
        figures.push(...times.map((figure) => ({ ...figure, what: `${name}: ${figure.what}` })));
      };
      for (const [name, behaviour] of Object.entries(FAULTS)) {
        bad.behaviour = behaviour;
        await tried(name);
      }
      await bad.stop();
      await tried("connection refused");
      return figures;
    },
  },
];
