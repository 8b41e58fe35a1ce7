import { setTimeout } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { send } from "../support/http.ts";
import { RunningMesh, type Svid } from "../support/mesh.ts";
import { RunningPrometheus } from "../support/prometheus.ts";
import { toolPath } from "../support/tools.ts";
import { until } from "../support/until.ts";

const CALLS = 400;
/** One in so many fails: never two in a row, so that nothing is ejected. */
const FAILS_EACH = 20;
const AT_ONCE = 10;
/** Between two samples, of either. */
const EVERY_SECONDS = 15;
/** Those between the last two samples of both. */
const LAST_CALLS = 20;
/** What they take, and the way of their numbers, where the machine is very busy. */
const LAST_SECONDS = 5;
const OF_CALLS = '{reporter="source",destination_service_name="reviews-service"}';
const WORKLOAD = "reviews-service.*";
const NAMESPACE = "default";

/** What Flagger asks by itself of a canary in an Istio mesh, and what Argo Rollouts' page on Istio has in its example. */
const QUERIES: Readonly<Record<string, string>> = {
  "Flagger's success rate": `sum(rate(istio_requests_total{reporter="destination",destination_workload_namespace="${NAMESPACE}",destination_workload=~"${WORKLOAD}",response_code!~"5.*"}[1m])) / sum(rate(istio_requests_total{reporter="destination",destination_workload_namespace="${NAMESPACE}",destination_workload=~"${WORKLOAD}"}[1m])) * 100`,
  "Flagger's duration": `histogram_quantile(0.99, sum(rate(istio_request_duration_milliseconds_bucket{reporter="destination",destination_workload_namespace="${NAMESPACE}",destination_workload=~"${WORKLOAD}"}[1m])) by (le))`,
  "Argo's success rate": `sum(irate(istio_requests_total{reporter="source",destination_service=~"reviews-service.default.svc.cluster.local",response_code!~"5.*"}[5m])) / sum(irate(istio_requests_total{reporter="source",destination_service=~"reviews-service.default.svc.cluster.local"}[5m]))`,
  "the median by service": `histogram_quantile(0.5, sum by (destination_service, le) (increase(istio_request_duration_milliseconds_bucket{reporter="source",destination_service_name="reviews-service"}[1m])))`,
  "requests a second": `sum(rate(istio_requests_total{reporter="source"}[1m]))`,
  "the mean time": `sum(increase(istio_request_duration_milliseconds_sum[1m])) / sum(increase(istio_request_duration_milliseconds_count[1m]))`,
  "the rounded rate of Istio's dashboards": `round(sum(rate(istio_requests_total{reporter=~"source|waypoint"}[1m])), 0.001)`,
  "the success rate of Istio's dashboards": `sum(irate(istio_requests_total{reporter="source",response_code!~"5.*"}[1m])) / (sum(irate(istio_requests_total{reporter="source"}[1m])) or on () vector(1))`,
  "workloads with their namespace in one label": `label_join(sum by (destination_workload, destination_workload_namespace) (rate(istio_requests_total{reporter="destination",destination_workload="reviews-service-v1"}[1m])), "at", ".", "destination_workload", "destination_workload_namespace")`,
  "what there is, and what there is not": `sum(vector(2) or ignoring (a) label_join(vector(1), "a", "", "b") or on (job) label_join(vector(3), "job", "-", "gone", "gone"))`,
  "who is asked most": `topk(1, sum by (response_code) (increase(istio_requests_total{reporter="source"}[1m])))`,
};

type Matrix = readonly {
  readonly metric: Readonly<Record<string, string>>;
  readonly values: readonly (readonly [time: number, value: string])[];
}[];
interface History {
  /** Seconds. */
  readonly times: readonly number[];
  readonly sums: readonly number[];
}
type Vector = readonly {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}[];

describe.skipIf(toolPath("prometheus") === null)("control's own queries, beside a real Prometheus", () => {
  let mesh: RunningMesh;
  let prometheus: RunningPrometheus;
  let calls = 0;
  /** When windows of both hold the same samples; seconds. */
  let compared: { readonly own: number; readonly real: number };

  beforeAll(async () => {
    mesh = await RunningMesh.start(["--port-base", "30600", "--loopback", "127.0.73.0/24", "--example", "article"]);
    prometheus = await RunningPrometheus.start(
      30_690,
      { url: mesh.info.metrics, tokenFile: mesh.info.tokenFile },
      `${EVERY_SECONDS}s`,
    );
    const web = await mesh.enrol(NAMESPACE, "web");
    // Series are there before what is measured begins: of a series' first value nobody knows when it came.
    await callTimes(web, 40);
    const comparable = async (first: number): Promise<typeof compared> => {
      await until("samples of both that know of all calls", async () => knowsAll(await histories(), first > 0 ? 2 : 3));
      await callTimes(web, first);
      await until("samples that do, and a moment long before the next one", async () => {
        const both = await histories();
        return (
          knowsAll(both, 1) && both.every(({ times }) => (times.at(-1) ?? 0) + EVERY_SECONDS > now() + LAST_SECONDS)
        );
      });
      await callTimes(web, LAST_CALLS);
      // Where the first calls took too long for one window, the last are compared alone.
      return (await until("samples of all, of both", sameWindows)).times ?? comparable(0);
    };
    compared = await comparable(CALLS - LAST_CALLS);
  }, 600_000);
  afterAll(async () => {
    await prometheus.stop();
    await mesh.stop();
  });

  /** Some at once, and less of them than are between two that fail. */
  async function callTimes(web: Svid, times: number): Promise<void> {
    let left = times;
    const call = async (): Promise<void> => {
      while (left > 0) {
        left -= 1;
        calls += 1;
        const headers = calls % FAILS_EACH === 0 ? { "x-answer-status": "500" } : {};
        await mesh.asWorkload(web, "http://reviews-service/reviews/1", { headers });
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, call));
  }

  type Ask = (query: string, time?: number) => Promise<unknown>;

  const own: Ask = async (query, time) => resultOf(await mesh.control(`/api/v1/query?${parameters(query, time)}`));
  const real: Ask = async (query, time) =>
    resultOf(await send(`${prometheus.url}/api/v1/query?${parameters(query, time)}`));

  async function histories(): Promise<readonly History[]> {
    // Both know more each 15 s: who asks all the time keeps them from it.
    await setTimeout(500);
    return Promise.all([own, real].map((ask) => historyOf(ask)));
  }

  function knowsAll(both: readonly History[], samples: number): boolean {
    return both.every(({ sums }) => sums.length >= samples && sums.slice(-samples).every((sum) => sum === calls));
  }

  /**
   * Control and Prometheus take their samples at other moments, and an increase is reckoned out from a window's first and last one
   * to its ends, a rate of the moment from the last two. So nothing is called while either takes one of these: then both windows
   * hold the same, moved by some seconds.
   *
   * @returns false as long as one does not know of all calls; without `times` where the windows differ: the machine was too slow
   */
  async function sameWindows(): Promise<false | { readonly times?: typeof compared }> {
    const [atOwn, atReal] = (await histories()).map(({ times, sums }) => times[sums.indexOf(calls)]);
    if (atOwn === undefined || atReal === undefined) return false;
    // Before either's next sample, and far from where a sample leaves the window.
    const times = { own: atOwn + EVERY_SECONDS / 3, real: atReal + EVERY_SECONDS / 3 };
    const [mine, theirs] = await Promise.all([boundsOf(own, times.own), boundsOf(real, times.real)]);
    return isDeepStrictEqual(mine, theirs) ? { times } : {};
  }

  /** When samples were taken within the last minutes, and of how many calls they know. */
  async function historyOf(ask: Ask): Promise<History> {
    const series = (await ask(`istio_requests_total${OF_CALLS}[3m]`)) as Matrix;
    const sums = new Map<number, number>();
    for (const { values } of series)
      for (const [time, value] of values) sums.set(time, (sums.get(time) ?? 0) + Number(value));
    const sorted = [...sums].toSorted(([one], [other]) => one - other);
    return { times: sorted.map(([time]) => time), sums: sorted.map(([, sum]) => sum) };
  }

  /** Of each series, by its labels: how many samples a minute holds, the first of them, and the last two. */
  async function boundsOf(ask: Ask, time: number): Promise<Readonly<Record<string, readonly unknown[]>>> {
    const series = (await ask('{__name__=~"istio_request.*"}[1m]', time)) as Matrix;
    return Object.fromEntries(
      series.map(({ metric, values }) => [
        // Whoever scrapes says where.
        JSON.stringify({ ...metric, instance: "", job: "" }, Object.keys(metric).concat("instance", "job").toSorted()),
        [values.length, ...[0, -2, -1].map((at) => Number(values.at(at)?.[1]))],
      ]),
    );
  }

  it.each(Object.entries(QUERIES))("agrees within 1 %% on %s", async (_, query) => {
    const [mine, theirs] = [await own(query, compared.own), await real(query, compared.real)] as [Vector, Vector];
    expect(mine.map(({ metric }) => metric)).toEqual(theirs.map(({ metric }) => metric));
    expect(mine.length).toBeGreaterThan(0);
    for (const [at, { value }] of theirs.entries()) {
      const [wanted, got] = [Number(value[1]), Number(mine[at]?.value[1])];
      expect(wanted).toBeGreaterThan(0);
      expect(Math.abs(got - wanted) / wanted, `${got} for ${wanted}`).toBeLessThan(0.01);
    }
  });

  it("is refused by Prometheus, too, where it is no PromQL at all", async () => {
    for (const query of ["sum(", "1 > 2", "rate(up)", "{}", "a or 1"]) {
      expect((await send(`${prometheus.url}/api/v1/query?${parameters(query)}`)).status).toBe(400);
      expect((await mesh.control(`/api/v1/query?${parameters(query)}`)).status).toBe(422);
    }
  });
});

function now(): number {
  return Date.now() / 1_000;
}

function parameters(query: string, time?: number): string {
  return new URLSearchParams({ query, ...(time !== undefined && { time: String(time) }) }).toString();
}

function resultOf({ status, text }: { readonly status: number; readonly text: string }): unknown {
  if (status !== 200) throw new Error(`${status} ${text}`);
  return (JSON.parse(text) as { data: { result: unknown } }).data.result;
}
