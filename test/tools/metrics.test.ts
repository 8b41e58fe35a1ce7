import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { send } from "../support/http.ts";
import { RunningMesh } from "../support/mesh.ts";
import { queried, RunningPrometheus } from "../support/prometheus.ts";
import { until } from "../support/until.ts";
import { toolPath } from "../support/tools.ts";

const promtool = toolPath("promtool") ?? "";

/** Istio's standard labels of `istio_requests_total`. */
const LABELS = [
  "reporter",
  "source_workload",
  "source_workload_namespace",
  "source_principal",
  "source_app",
  "source_version",
  "source_canonical_service",
  "source_canonical_revision",
  "source_cluster",
  "destination_workload",
  "destination_workload_namespace",
  "destination_principal",
  "destination_app",
  "destination_version",
  "destination_service",
  "destination_service_name",
  "destination_service_namespace",
  "destination_canonical_service",
  "destination_canonical_revision",
  "destination_cluster",
  "request_protocol",
  "response_code",
  "response_flags",
  "connection_security_policy",
  "grpc_response_status",
];

/** What promtool says of names that are Istio's to choose, whole. Of our own it says nothing. */
const OF_ISTIO: ReadonlySet<string> = new Set([
  'istio_request_duration_milliseconds use base unit "seconds" instead of "milliseconds"',
  ...[
    "pilot_xds_pushes",
    "pilot_push_triggers",
    "pilot_k8s_cfg_events",
    "pilot_k8s_reg_events",
    "pilot_total_xds_rejects",
    "pilot_total_xds_internal_errors",
    "galley_validation_passed",
    "galley_validation_failed",
  ].map((name) => `${name} counter metrics should have "_total" suffix`),
]);

describe.skipIf(promtool === "")("metrics after 100 page views, by promtool", () => {
  let mesh: RunningMesh;
  let text: string;

  beforeAll(async () => {
    mesh = await RunningMesh.start(["--port-base", "27300", "--loopback", "127.0.93.0/24", "--example", "bookinfo"]);
    for (let view = 0; view < 100; view += 1) await send(mesh.info.page ?? "");
    const headers = { authorization: `Bearer ${mesh.token}` };
    // Deltas travel by the exchange and the cell, a second each; then the sums stand still.
    await until("the sums to stand still", async () => {
      text = (await send(mesh.info.metrics, { headers })).text;
      const sums = ["source", "destination"].map((reporter) => sum(text, reporter));
      return sums.every((each) => each === mesh.accessLog().length && each > 300);
    });
  });
  afterAll(() => mesh.stop());

  it("finds nothing but what Istio's own names have: a unit, and counters without `_total`", () => {
    const { status, stdout, stderr } = spawnSync(promtool, ["check", "metrics"], { input: text, encoding: "utf8" });
    const complaints = `${stdout}${stderr}`.split("\n").filter((line) => line.trim() !== "");
    expect(complaints.filter((line) => !OF_ISTIO.has(line))).toEqual([]);
    expect(status).toBe(3);
  });

  it("has Istio's labels on each series", () => {
    const series = text.split("\n").filter((line) => line.startsWith("istio_requests_total{"));
    expect(series.length).toBeGreaterThan(0);
    for (const line of series) for (const label of LABELS) expect(line).toMatch(new RegExp(`[{,]${label}="`));
  });

  it.each(["source", "destination"])(
    "counts under reporter %s as many requests as the access log has records",
    (reporter) => {
      expect(sum(text, reporter)).toBe(mesh.accessLog().length);
    },
  );
});

const prometheus = toolPath("prometheus");
const EXPRESSIONS = join(import.meta.dirname, "../../../shared/grafana/expressions.json");
const dashboards = existsSync(EXPRESSIONS)
  ? (JSON.parse(readFileSync(EXPRESSIONS, "utf8")) as { readonly expressions: readonly Panel[] }).expressions
  : [];
if (dashboards.length === 0)
  console.log("not run: the expressions of Istio's dashboards, which are others' data: ../shared/grafana is not here");

interface Panel {
  readonly dashboard: string;
  readonly panel: string;
  readonly expr: string;
}

/** Of what no mesh here has: TCP, a process, an injector, Envoy's own connections. docs/telemetry.md says so. */
const NEVER = /istio_tcp_|go_|container_|sidecar_injection_|envoy_cluster_/;
/** Istio's reporter at the source knows of no mTLS either: there such panels are empty. */
const UNKNOWN_AT_SOURCE = [/reporter="source"/, /connection_security_policy="mutual_tls"/];
/** All callers of the example prove who they are. */
const PLAIN = [/reporter="destination"/, /connection_security_policy!="mutual_tls"/];
/** Workers tell no length of their answers' bodies. */
const OF_WORKERS = [/istio_response_bytes/, /_workload=~"\$workload"/];
/** Zero where nothing goes wrong, as nothing did in control. */
const FAULTS = /pilot_total_xds_(rejects|internal_errors)/;

const CHOICES: Readonly<Record<string, string>> = {
  __rate_interval: "1m",
  service: "reviews.default.svc.cluster.local",
  workload: "productpage.*|reviews.*|details.*|ratings.*",
  namespace: "default",
  qrep: "source|destination",
  srcns: ".*",
  srcwl: ".*",
  dstns: ".*",
  dstwl: ".*",
  dstsvc: ".*",
};

describe.skipIf(prometheus === null || dashboards.length === 0)(
  "Istio's dashboards, by a Prometheus that scrapes a mesh under load",
  () => {
    let mesh: RunningMesh;
    let scraping: RunningPrometheus;
    const over = new AbortController();
    let loaded: Promise<void>;

    beforeAll(async () => {
      mesh = await RunningMesh.start(["--port-base", "27300", "--loopback", "127.0.93.0/24", "--example", "bookinfo"]);
      scraping = await RunningPrometheus.start(27_250, { url: mesh.info.metrics, tokenFile: mesh.info.tokenFile });
      loaded = load();
    });
    afterAll(async () => {
      over.abort();
      await loaded;
      await scraping.stop();
      await mesh.stop();
    });

    /** Pages, a path that nobody has, a service that fails half of the time, and writes, of which one is refused, again and again. */
    async function load(): Promise<void> {
      const half =
        "{fault: {abort: {httpStatus: 500, percentage: {value: 50}}}, route: [{destination: {host: reviews}}]}";
      const named = "apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: reviews}";
      // Nobody waits for it till the end: it goes on whatever becomes of one.
      const ask = async (url: string, method = "GET") => send(url, { method }).catch(() => undefined);
      const write = async (yaml: string) => mesh.apply(yaml).catch(() => undefined);
      for (let round = 0; !over.signal.aborted; round += 1) {
        await ask(mesh.info.page ?? "");
        await ask(`${new URL(mesh.info.page ?? "").origin}/nowhere`);
        // Bodies of Workers' answers have no known length; that of HEAD has.
        await ask(mesh.info.page ?? "", "HEAD");
        if (round % 20 !== 0) continue;
        const change = round % 40 === 0 ? half : half.replace("50}", "49}");
        await write(`{${named}, spec: {hosts: [reviews], http: [${change}]}}`);
        await write(`{${named}, spec: {hosts: 3}}`);
        const spare = `selector: {app: spare-${round}}, ports: [{name: http, port: 80}]`;
        await write(`{apiVersion: v1, kind: Service, metadata: {name: spare}, spec: {${spare}}}`);
      }
    }

    it("is seen by examples/observe as well, in one command", async () => {
      const program = join(import.meta.dirname, "../../examples/observe/start.ts");
      const args = [program, "--state", mesh.info.stateDir, "--port", "27251", "--otlp-port", "27252"];
      const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
      let said = "";
      for (const stream of [child.stdout, child.stderr])
        stream.setEncoding("utf8").on("data", (text: string) => (said += text));
      const ended = new Promise((resolve) => child.once("close", resolve));
      try {
        const observed = (expression: string) => queried("http://127.0.0.1:27251", expression);
        const isMore = async (expression: string) => (await observed(expression)).some(({ value }) => value > 0);
        await until("its target to be up", async () => isMore('up{job="tulle"}')).catch((error: unknown) => {
          throw new Error(`${String(error)}: ${said}`);
        });
        await until("requests of the mesh", async () => isMore("sum(istio_requests_total)"));
        expect(said).toContain("Prometheus     http://127.0.0.1:27251");
        // A collector is not installed everywhere: then that is said, and the rest goes on.
        expect(said).toMatch(
          /^OpenTelemetry {2}(http:\/\/127\.0\.0\.1:27252\/v1\/traces|not started: there is no otelcol)/m,
        );
      } finally {
        child.kill("SIGTERM");
        await ended;
      }
    });

    it.each(dashboards.map((one) => ({ ...one, title: `${one.dashboard}, ${one.panel}: ${one.expr.slice(0, 60)}` })))(
      "$title",
      async ({ expr }) => {
        const filled = expr.replaceAll(/\$(\w+)/g, (whole, name: string) => CHOICES[name] ?? whole);
        // It is PromQL with all variables filled in, whatever comes of it.
        const first = await scraping.query(filled);
        if (
          NEVER.test(expr) ||
          FAULTS.test(expr) ||
          [UNKNOWN_AT_SOURCE, PLAIN, OF_WORKERS].some((all) => all.every((one) => one.test(expr)))
        )
          return;
        const shows = (samples: typeof first) => samples.some(({ value }) => value > 0);
        if (!shows(first)) await until(`something to show: ${filled}`, async () => shows(await scraping.query(filled)));
      },
    );
  },
);

function sum(text: string, reporter: string): number {
  return text
    .split("\n")
    .filter((line) => line.startsWith("istio_requests_total{") && line.includes(`reporter="${reporter}"`))
    .reduce((total, line) => total + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
}
