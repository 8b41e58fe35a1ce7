import { mock } from "node:test";
import { SvidKeeper } from "../../../net/svid-keeper.ts";
import type { Svid } from "../../../net/svid.ts";
import { TestAuthority } from "../../identity/svids.ts";
import { RunningMesh } from "../../support/mesh.ts";
import { svidBy } from "../../support/svid.ts";
import { until } from "../../support/until.ts";
import { atMost, exactly, type Row } from "../row.ts";

const WORKLOADS = 2_000;
const LIFE_SECONDS = 3_600;
/** Before the first comes to renew, until the last has long been due, and a tenth of its life is left to all of them. */
const AWAY_FROM = 0.3 * LIFE_SECONDS;
const AWAY_UNTIL = 0.9 * LIFE_SECONDS;

/** The authority away on a model clock, for workloads that all got their certificates at one time. */
async function authorityAway() {
  const template = await svidBy(await TestAuthority.create(), "spiffe://cluster.local/ns/default/sa/web");
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: 0 });
  try {
    let [second, refused, without] = [0, 0, 0];
    const renewals: number[] = [];
    const isAway = () => second >= AWAY_FROM && second < AWAY_UNTIL;
    const obtain = async (): Promise<Svid> => {
      if (isAway()) {
        refused += 1;
        throw new Error("nobody listens");
      }
      if (second >= AWAY_UNTIL) renewals.push(second);
      return { ...template, issuedAt: Date.now(), expiresAt: Date.now() + LIFE_SECONDS * 1_000 };
    };
    const keepers = Array.from(
      { length: WORKLOADS },
      () => new SvidKeeper({ kept: null, obtain, tell: () => undefined }),
    );
    await Promise.all(keepers.map(async (keeper) => keeper.start()));
    for (; renewals.length < WORKLOADS && second < LIFE_SECONDS; second += 1) {
      mock.timers.tick(1_000);
      // What the timers began goes on until it waits again.
      await new Promise((turned) => setImmediate(turned));
      without += keepers.filter(({ svid }) => svid === null).length;
    }
    for (const keeper of keepers) keeper.stop();
    return { refused, without, renewals };
  } finally {
    mock.timers.reset();
  }
}

/** Those of the second that had most, and of a second on average, from the first to the last. */
function burstOf(renewals: readonly number[]): { readonly most: number; readonly mean: number } {
  const bySecond = Map.groupBy(renewals, (second) => second);
  const seconds = Math.max(...renewals) - Math.min(...renewals) + 1;
  return { most: Math.max(...[...bySecond.values()].map(({ length }) => length)), mean: renewals.length / seconds };
}

const ONLY_PROVEN = `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: proven, namespace: default }
spec:
  selector: { matchLabels: { app: reviews } }
  rules: [{ from: [{ source: { principals: ["cluster.local/ns/default/sa/*"] } }] }]
`;

const REQUESTS = 4_000;
const CLIENTS = 4;
/** Longer than the edge takes to ask for the roots again. */
const ROTATE_AFTER_SECONDS = 15;

/** The root changes under the load of clients with certificates of the old one, and then also of the new one. */
async function rotated(mesh: RunningMesh) {
  await mesh.mustApply(ONLY_PROVEN);
  await mesh.settled();
  const svids = [await mesh.enrol("default", "web")];
  const load = { runs: true };
  const statuses: number[] = [];
  const clients = Array.from({ length: CLIENTS }, async (_, at) => {
    while (load.runs) {
      const svid = svids[at % svids.length] ?? null;
      const answer = await mesh.asWorkload(svid, "http://reviews-service/").catch(() => null);
      statuses.push(answer?.status ?? 0);
    }
  });
  try {
    const answer = await mesh.control("/api/v1/ca/rotate", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ what: "root", afterSeconds: ROTATE_AFTER_SECONDS }),
    });
    if (answer.status > 299) throw new Error(`the rotation: ${answer.status} ${answer.text}`);
    const { signsFrom } = JSON.parse(answer.text) as { readonly signsFrom: number };
    await until("the next root to sign", () => Date.now() > signsFrom);
    const before = statuses.length;
    svids.push(await mesh.enrol("default", "late"));
    await until("load with both", () => statuses.length >= Math.max(REQUESTS, before + REQUESTS / 4));
  } finally {
    load.runs = false;
    await Promise.all(clients);
  }
  const roots = new Set(svids.map(({ cert }) => cert.split("-----BEGIN CERTIFICATE-----")[2]));
  return { statuses, roots: roots.size };
}

export const CERTIFICATE_ROWS: readonly Row[] = [
  {
    id: "F41",
    fault: "CA down past half life, then back",
    promise: "certificates live on; renewal with jitter",
    short: false,
    async run() {
      const { refused, without, renewals } = await authorityAway();
      if (refused < WORKLOADS) throw new Error(`${refused} of ${WORKLOADS} came to renew while the authority was away`);
      const { most, mean } = burstOf(renewals);
      return [
        exactly(`of ${WORKLOADS} workloads were without a certificate, seconds`, without, 0),
        exactly("renewed before the old one ended", renewals.length, WORKLOADS),
        atMost("renewals in one second", most, 2 * mean),
      ];
    },
  },
  {
    id: "F42",
    fault: "root rotation under load",
    promise: "no gap",
    short: false,
    async run(stage) {
      const mesh = await RunningMesh.start(["--port-base", "28700", "--loopback", "127.0.87.0/24"]);
      stage.atEnd(async () => mesh.stop());
      const { statuses, roots } = await rotated(mesh);
      if (roots !== 2) throw new Error("both certificates are of one root: nothing was rotated");
      return [exactly(`failed of ${statuses.length}`, statuses.filter((status) => status !== 200).length, 0)];
    },
  },
];
