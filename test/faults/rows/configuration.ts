import { latency } from "../latency.ts";
import type { Root } from "../../../src/snapshot/model.ts";
import { send } from "../../support/http.ts";
import { until } from "../../support/until.ts";
import { type Loaded, others } from "../load.ts";
import { MESH_CONFIG, type MeshOptions } from "../mesh.ts";
import { atMost, exactly, type Row } from "../row.ts";
import { hostOf, world } from "../world.ts";

const deny = (id: string): string => `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: shut, namespace: ${id.toLowerCase()} }
spec:
  action: DENY
  targetRefs: [{ kind: ServiceEntry, group: networking.istio.io, name: service }]
  rules: [{ to: [{ operation: { paths: ["/shut"] } }] }]
`;

export const CONFIGURATION_ROWS: readonly Row[] = [
  {
    id: "F1",
    fault: "control down, gateway warm",
    promise: "traffic and policy go on",
    short: true,
    async run(stage) {
      const [mesh, upstream] = [await stage.mesh(), await stage.upstream()];
      await mesh.mustApply(`${world("F1", [upstream.port])}\n---${deny("F1")}`);
      await mesh.settled();
      const requests = [{ host: hostOf("F1") }, { host: hostOf("F1"), path: "/shut" }];
      const load = async () => stage.load(mesh.portOf(), requests);
      const baseline = await stage.baseline("usual", load);
      // Another row's host may have been measured: this one's must be here before control is away.
      await stage.load(mesh.portOf(), requests, { seconds: 0.5 });
      for (const way of ["control", "registration"] as const) await mesh.fault(way, { kind: "throws" });
      const { roots: before = 0 } = await mesh.calls("control");
      const { runs, figures } = await latency(async () => baseline, load);
      const { roots: after = 0 } = await mesh.calls("control");
      if (after === before) throw new Error("nobody missed control meanwhile");
      const wrong = runs.flatMap(({ byRequest: [open = {}, shut = {}] }) => [open[403] ?? 0, shut[200] ?? 0]);
      const failed = runs.map((run) => others(run, 200, 403)).reduce((sum, count) => sum + count, 0);
      return [
        exactly(`failed of ${stage.total}`, failed, 0),
        exactly(
          "decided otherwise",
          wrong.reduce((sum, count) => sum + count, 0),
          0,
        ),
        ...figures,
      ];
    },
  },
  {
    id: "F4",
    fault: "control hangs",
    promise: "refresh is off the request path, and is given up",
    short: true,
    async run(stage) {
      const [mesh, upstream] = [await stage.mesh(), await stage.upstream()];
      await mesh.mustApply(`${world("F4", [upstream.port])}\n---${deny("F4")}`);
      await mesh.settled();
      const requests = [{ host: hostOf("F4") }, { host: hostOf("F4"), path: "/shut" }];
      const load = async () => stage.load(mesh.portOf(), requests);
      const baseline = await stage.baseline("usual", load);
      // Another row's host may have been measured: this one's must be here before control is away.
      await stage.load(mesh.portOf(), requests, { seconds: 0.5 });
      for (const way of ["control", "registration"] as const) await mesh.fault(way, { kind: "hangs" });
      const looks = async (): Promise<number> => (await mesh.calls("control"))["roots"] ?? 0;
      const before = await looks();
      // Requests of the load keep the exchanges going, until the first look was given up and another began.
      const begun = async (count: number): Promise<number> => {
        await until("a look", async () => (await looks()) - before >= count);
        return performance.now();
      };
      const lasting = begun(1).then(async (first) => (await begun(2)) - first);
      const { runs, figures } = await latency(async () => baseline, load);
      const watch = { isOver: false };
      const ended = lasting.finally(() => (watch.isOver = true));
      while (!watch.isOver) await stage.load(mesh.portOf(), requests, { seconds: 0.5 });
      const lastedMs = await ended;
      const [failed, wrong] = outcome(runs);
      return [
        exactly(`failed of ${stage.total * runs.length}`, failed, 0),
        exactly("decided otherwise", wrong, 0),
        ...figures,
        // It is given up after 2 s, and the next exchange, within a second, begins another.
        atMost("the next look begun after", lastedMs, 3_500, " ms"),
      ];
    },
  },
  {
    id: "F5",
    fault: "control answers 500, HTML, `{`, nothing, a stack trace",
    promise: "refused, the old one stays, and it is told",
    short: true,
    async run(stage) {
      const [mesh, upstream] = [await stage.mesh(), await stage.upstream()];
      await mesh.mustApply(`${world("F5", [upstream.port])}\n---${deny("F5")}\n---\n${LACKING}`);
      await mesh.settled();
      const url = (path: string): string => `http://127.0.0.1:${mesh.portOf()}${path}`;
      const rejected = (): number =>
        mesh.lines.filter((line) => line.includes('"snapshot_rejected"') && line.includes('"gateway":"one"')).length;
      let [sent, failed, leaked, told, unreadable] = [0, 0, 0, 0, 0];
      const tried = async (): Promise<void> => {
        const [open, closed, lacking] = await Promise.all([
          send(url("/"), { host: hostOf("F5") }),
          send(url("/shut"), { host: hostOf("F5") }),
          send(url("/"), { host: "f5-lacking.test" }),
        ]);
        sent += 2;
        if (open.status !== 200) failed += 1;
        if (closed.status !== 403) failed += 1;
        for (const { text, headers } of [open, closed, lacking])
          if ((text + JSON.stringify(headers)).includes(MARK)) leaked += 1;
      };
      await tried();
      // A cell asks control once a second: the short run has some of all.
      const some = <T>(all: readonly T[]): readonly T[] => (stage.all ? all : all.slice(stage.seed % 4).slice(0, 2));
      const rounds = [
        ...some(GARBAGE).map((value) => ({ way: "control", fault: { kind: "answers", value } }) as const),
        { way: "control", fault: { kind: "throws", message: `${MARK}\n    at control.js:1:1` } } as const,
        // Roots that nobody can read, in answers of the form that they should have.
        ...some(GARBAGE).map((value) => {
          const root = { payload: typeof value === "string" ? value : "", signature: "", keyId: MARK };
          return { way: "control", fault: { kind: "answers", value: [{ kind: "root", root }] }, isRoot: true } as const;
        }),
        ...GARBAGE.map((value) => ({ way: "cell", fault: { kind: "answers", value } }) as const),
      ];
      for (const { way, fault, ...rest } of rounds) {
        const before = [rejected(), (await mesh.calls(way))[way === "cell" ? "exchange" : "roots"] ?? 0] as const;
        await mesh.fault(way, { ...fault, methods: way === "cell" ? ["exchange"] : ["roots", "slices"] });
        await until("the answer to be given", async () => {
          await tried();
          return ((await mesh.calls(way))[way === "cell" ? "exchange" : "roots"] ?? 0) > before[1];
        });
        await tried();
        if ("isRoot" in rest) {
          unreadable += 1;
          const isTold = await until("it to be told", () => rejected() > before[0], 3_000).catch(() => false);
          if (isTold) told += 1;
        }
        await mesh.mend();
      }
      return [
        exactly(`failed of ${sent}`, failed, 0),
        exactly("answers with a byte of it", leaked, 0),
        exactly("unreadable roots that the log tells of", told, unreadable),
      ];
    },
  },
  {
    id: "F8",
    fault: "stale snapshot: control away past its age",
    promise: "it serves until then, and fails closed",
    short: false,
    async run(stage) {
      const changed: NonNullable<MeshOptions["changed"]> = (worker) =>
        worker.name === "one" ? { ...worker, modules: aheadModules(worker.modules) } : worker;
      const [mesh, upstream] = [await stage.ownMesh({ changed }), await stage.upstream()];
      await mesh.mustApply(`${world("F8", [upstream.port])}\n---${deny("F8")}\n---\n${AGE}`);
      await mesh.settled();
      const ask = async (aheadMs: number, path = "/"): Promise<number> =>
        (
          await send(`http://127.0.0.1:${mesh.portOf()}${path}`, {
            host: hostOf("F8"),
            headers: { [AHEAD]: String(aheadMs) },
          })
        ).status;
      await until("the policy", async () => (await ask(0, "/shut")) === 403);
      const issued = /tulle_gateway_root_issued_timestamp_seconds\{[^}]*\} ([0-9.e+]+)/;
      const aged = await until("its age to be told", async () => issued.exec(await mesh.metrics())?.[1]);
      for (const way of ["control", "registration"] as const) await mesh.fault(way, { kind: "throws" });
      const root = await until("a root", async () => (await mesh.seen()).news.root);
      const { issuedAt, maxAgeMs } = JSON.parse(root.payload) as Root;
      if (maxAgeMs !== AGE_MS) throw new Error("the root has no age");
      const past = (ms: number): number => issuedAt + AGE_MS + ms - Date.now();
      return [
        exactly("a second before its age", `${await ask(past(-1_000))} ${await ask(past(-1_000), "/shut")}`, "200 403"),
        exactly("a second after", `${await ask(past(1_000))} ${await ask(past(1_000), "/shut")}`, "503 503"),
        exactly(
          "the metric tells when it was signed",
          Math.abs(Number(aged) * 1_000 - issuedAt) < 1_000 ? "yes" : aged,
          "yes",
        ),
      ];
    },
  },
];

/** Failed, and decided otherwise, of loads whose second request is denied. */
function outcome(runs: readonly Loaded[]): readonly [failed: number, wrong: number] {
  const wrong = runs.map(({ byRequest: [open = {}, shut = {}] }) => (open[403] ?? 0) + (shut[200] ?? 0));
  const failed = runs.map((run) => others(run, 200, 403));
  const sum = (counts: readonly number[]): number => counts.reduce((all, count) => all + count, 0);
  return [sum(failed), sum(wrong)];
}

/** In all that control should not say: no client may see it. */
const MARK = "TRIAL-MARK";
const GARBAGE: readonly (string | null)[] = [
  `<html><body>Error 1101 ${MARK}</body></html>`,
  `{ "${MARK}`,
  "",
  null,
  `TypeError: ${MARK}\n    at Control.roots (control.js:1:1)`,
];

const LACKING = JSON.stringify({
  apiVersion: "networking.istio.io/v1",
  kind: "VirtualService",
  metadata: { name: "lacking", namespace: "f5" },
  spec: { hosts: ["f5-lacking.test"], gateways: ["default/front"], http: [{ directResponse: { status: 204 } }] },
});

const AGE_MS = 3_600_000;
const AGE = JSON.stringify({
  ...MESH_CONFIG,
  spec: { ...MESH_CONFIG.spec, snapshot: { maxAge: "1h" } },
});

const AHEAD = "x-trial-ahead";

/** The gateway as it is deployed, under a clock that a request puts ahead. */
function aheadModules(modules: unknown) {
  const [module] = modules as readonly { readonly contents: string }[];
  const entry = `
import deployed from "./deployed.js";
export { MeshEntrypoint } from "./deployed.js";
const real = Date.now.bind(Date);
let ahead = 0;
Date.now = () => real() + ahead;
export default {
  fetch(request, env, ctx) {
    ahead = Number(request.headers.get("${AHEAD}") ?? ahead);
    return deployed.fetch(request, env, ctx);
  },
};`;
  return [
    { type: "ESModule" as const, path: "index.js", contents: entry },
    { type: "ESModule" as const, path: "deployed.js", contents: module?.contents ?? "" },
  ];
}
