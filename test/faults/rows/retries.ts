import { others } from "../load.ts";
import { atLeast, atMost, exactly, type Row } from "../row.ts";
import { fails, resets, type Upstream } from "../upstream.ts";
import { hostOf, world } from "../world.ts";
import type { Stage } from "../stage.ts";

const ENDPOINTS = 3;
/** A break-off before the headers is one, for methods that do no harm twice. */
const RETRIES = { attempts: 2, retryOn: "connect-failure,refused-stream" };
const EVEN = { simple: "ROUND_ROBIN" };
/** What a second adds to the budget. */
const A_SECOND = 10;

export const RETRY_ROWS: readonly Row[] = [
  {
    id: "F23",
    fault: "1 of 3 endpoints resets before its headers",
    promise: "GET is tried elsewhere, within the budget, POST is not",
    short: true,
    async run(stage) {
      const mesh = await stage.mesh();
      const services = {
        ejecting: await endpoints(stage),
        quiet: await endpoints(stage),
        orders: await endpoints(stage),
      };
      const texts = Object.entries(services).map(([name, upstreams]) => {
        for (const bad of upstreams.slice(0, 1)) bad.behaviour = resets;
        const policy = { loadBalancer: EVEN, ...(name === "ejecting" && { outlierDetection: {} }) };
        return world(
          `F23-${name}`,
          upstreams.map(({ port }) => port),
          { retries: RETRIES },
          { policy },
        );
      });
      await mesh.mustApply(texts.join("\n---\n"));
      await mesh.settled();
      const ejecting = { host: hostOf("F23-ejecting") };
      const quiet = { host: hostOf("F23-quiet") };
      const order = { host: hostOf("F23-orders"), method: "POST", body: "order", headers: { "content-length": "5" } };
      // Where nothing is ejected a third of the calls is tried again: at 60 a second the budget reaches for it.
      const rate = stage.all ? 300 : 100;
      const loaded = await stage.load(mesh.portOf(), [ejecting, ejecting, ejecting, quiet, order], { rate });
      const [one = {}, two = {}, three = {}, still = {}, ordered = {}] = loaded.byRequest;
      const of = (counts: Readonly<Record<string, number>>) =>
        Object.values(counts).reduce((sum, count) => sum + count, 0);
      const sum = (status: number) => (one[status] ?? 0) + (two[status] ?? 0) + (three[status] ?? 0);
      const reset = [services.ejecting[0]?.hits, services.quiet[0]?.hits, services.orders[0]?.hits];
      if (reset.some((hits) => !hits)) throw new Error(`endpoints that reset got ${reset.join(", ")} calls`);
      const orders = services.orders.reduce((hits, upstream) => hits + upstream.hits, 0);
      return [
        atLeast("GET that succeed, until it is ejected", (100 * sum(200)) / (of(one) + of(two) + of(three)), 99, " %"),
        atLeast("GET that succeed, nothing ejected", (100 * (still[200] ?? 0)) / of(still), 99, " %"),
        exactly(`calls of ${of(ordered)} POST`, orders, of(ordered)),
        atMost("POST that succeed", (100 * (ordered[200] ?? 0)) / of(ordered), 70, " %"),
      ];
    },
  },
  {
    id: "F28",
    fault: "retry storm: the service fails, and its route wants 5 attempts more",
    promise: "its load grows by a fifth, and 10 a second",
    short: true,
    async run(stage) {
      const mesh = await stage.mesh();
      const upstreams = await endpoints(stage);
      for (const upstream of upstreams) upstream.behaviour = fails;
      const ports = upstreams.map(({ port }) => port);
      const route = { retries: { attempts: 5, retryOn: "5xx" } };
      await mesh.mustApply(world("F28", ports, route, { policy: { loadBalancer: EVEN } }));
      await mesh.settled();
      const since = performance.now();
      const loaded = await stage.load(mesh.portOf(), [{ host: hostOf("F28") }]);
      // As long as it really took; a second's reserve is there from the start.
      const seconds = (performance.now() - since) / 1_000 + 1;
      const hits = upstreams.reduce((sum, upstream) => sum + upstream.hits, 0);
      if (hits <= 1.15 * loaded.sent) throw new Error(`${hits} calls of ${loaded.sent} requests are no storm`);
      return [
        atMost(`calls for ${loaded.sent} requests`, hits, 1.2 * loaded.sent + A_SECOND * seconds),
        exactly("answered otherwise than by 503", others(loaded, 503), 0),
      ];
    },
  },
];

async function endpoints(stage: Stage): Promise<readonly Upstream[]> {
  return Promise.all(Array.from({ length: ENDPOINTS }, async () => stage.upstream()));
}
