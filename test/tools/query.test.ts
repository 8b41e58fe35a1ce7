import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { send } from "../support/http.ts";
import { RunningMesh, type Svid } from "../support/mesh.ts";
import { toolPath } from "../support/tools.ts";
import { until } from "../support/until.ts";

const program = toolPath("prometheus") ?? "";

const CALLS = 400;
/** One in so many fails: never two in a row, so that nothing is ejected. */
const FAILS_EACH = 20;
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
  "who is asked most": `topk(1, sum by (response_code) (increase(istio_requests_total{reporter="source"}[1m])))`,
};

type Vector = readonly {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}[];

describe.skipIf(program === "")("control's own queries, beside a real Prometheus", () => {
  let mesh: RunningMesh;
  let prometheus: ScrapingPrometheus;
  /** Of each: seconds at which it first knew of the last call. */
  const seen = { own: 0, prometheus: 0 };

  beforeAll(async () => {
    mesh = await RunningMesh.start(["--port-base", "30600", "--loopback", "127.0.73.0/24", "--example", "article"]);
    prometheus = await ScrapingPrometheus.start(program, 30_690, mesh);
    const web = await mesh.enrol(NAMESPACE, "web");
    // Series are there before what is measured begins: of a series' first value nobody knows when it came.
    for (let at = 0; at < 40; at += 1) await call(web, at);
    await Promise.all([until("own samples", () => knows(own, 40)), until("a scrape", () => knows(real, 40))]);
    for (let at = 0; at < CALLS; at += 1) await call(web, at);
    const [one, other] = await Promise.all([
      until("own samples of all", async () => (await knows(own, 40 + CALLS)) && Date.now() / 1_000),
      until("a scrape of all", async () => (await knows(real, 40 + CALLS)) && Date.now() / 1_000),
    ]);
    [seen.own, seen.prometheus] = [one, other];
  });
  afterAll(async () => {
    await prometheus.stop();
    await mesh.stop();
  });

  async function call(web: Svid, at: number): Promise<void> {
    const headers = at % FAILS_EACH === 0 ? { "x-answer-status": "500" } : {};
    await mesh.asWorkload(web, "http://reviews-service/reviews/1", { headers });
  }

  type Ask = (query: string, time?: number) => Promise<Vector>;

  const own: Ask = async (query, time) => vectorOf(await mesh.control(`/api/v1/query?${parameters(query, time)}`));
  const real: Ask = async (query, time) =>
    vectorOf(await send(`${prometheus.url}/api/v1/query?${parameters(query, time)}`));

  async function knows(ask: Ask, calls: number): Promise<boolean> {
    const [sum] = await ask('sum(istio_requests_total{reporter="source",destination_service_name="reviews-service"})');
    return Number(sum?.value[1] ?? 0) === calls;
  }

  it.each(Object.entries(QUERIES))("agrees within 1 %% on %s", async (_, query) => {
    const [mine, theirs] = [await own(query, seen.own), await real(query, seen.prometheus)];
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

function parameters(query: string, time?: number): string {
  return new URLSearchParams({ query, ...(time !== undefined && { time: String(time) }) }).toString();
}

function vectorOf({ status, text }: { readonly status: number; readonly text: string }): Vector {
  if (status !== 200) throw new Error(`${status} ${text}`);
  return (JSON.parse(text) as { data: { result: Vector } }).data.result;
}

/** A real Prometheus that scrapes a mesh each 15 s. */
class ScrapingPrometheus {
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly url: string;

  private constructor(child: ChildProcess, folder: string, url: string) {
    this.#child = child;
    this.#folder = folder;
    this.url = url;
  }

  /** @param program its path @param port of its API, on loopback */
  static async start(program: string, port: number, mesh: RunningMesh): Promise<ScrapingPrometheus> {
    const folder = mkdtempSync(join(tmpdir(), "tulle-prometheus-"));
    const config = {
      global: { scrape_interval: "15s", scrape_timeout: "10s" },
      scrape_configs: [
        {
          job_name: "tulle",
          authorization: { credentials_file: mesh.info.tokenFile },
          static_configs: [{ targets: [new URL(mesh.info.metrics).host] }],
        },
      ],
    };
    // JSON is YAML.
    writeFileSync(join(folder, "prometheus.yml"), JSON.stringify(config));
    const url = `http://127.0.0.1:${port}`;
    const child = spawn(
      program,
      [
        `--config.file=${join(folder, "prometheus.yml")}`,
        `--storage.tsdb.path=${join(folder, "data")}`,
        `--web.listen-address=127.0.0.1:${port}`,
        "--log.level=error",
      ],
      { stdio: "ignore" },
    );
    const running = new ScrapingPrometheus(child, folder, url);
    await until("Prometheus to be ready", async () => (await send(`${url}/-/ready`)).status === 200);
    return running;
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => {
      this.#child.once("close", resolve);
    });
    this.#child.kill("SIGKILL");
    await closed;
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
