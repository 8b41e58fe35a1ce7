import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { parse } from "yaml";

/** Starts Prometheus, and an OpenTelemetry collector where one is installed, against the local mesh: docs/telemetry.md. */

const HERE = import.meta.dirname;
const HELP = `npm run observe -- [--state DIR] [--port PORT] [--otlp-port PORT]

Scrapes the local mesh of DIR (.tulle) with Prometheus, at http://127.0.0.1:PORT (9090), with the alerts of this folder.
Where an OpenTelemetry collector is installed (otelcol, otelcol-contrib) it takes spans at OTLP-PORT (4318) and prints them.`;

/** What a kubeconfig of the local mesh says. */
interface Kubeconfig {
  readonly clusters: readonly { readonly cluster: { readonly server: string } }[];
}

const { values } = parseArgs({
  options: {
    state: { type: "string", default: ".tulle" },
    port: { type: "string", default: "9090" },
    "otlp-port": { type: "string", default: "4318" },
    help: { type: "boolean", default: false },
  },
});

if (values.help) say(HELP);
else start(resolve(values.state), values.port, values["otlp-port"]);

function start(state: string, port: string, otlpPort: string): void {
  const kubeconfig = join(state, "kubeconfig");
  if (!existsSync(kubeconfig))
    return fail(`${kubeconfig} is not there: start the mesh first (npm start), or name its folder with --state`);
  const prometheus = find(["prometheus"]);
  if (prometheus === null) return fail("Prometheus is not installed: install it, or run `npm run tools` (Debian)");
  const folder = join(state, "observe");
  mkdirSync(folder, { recursive: true });
  const children = [startPrometheus(prometheus, folder, state, port), startCollector(folder, otlpPort)];
  const running = children.filter((child) => child !== null);
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.on(signal, () => {
      for (const child of running) child.kill("SIGTERM");
    });
  // One without the other would look as if all were seen.
  for (const child of running)
    child.on("exit", (code) => {
      process.exitCode ||= code ?? 0;
      for (const other of running) if (other !== child) other.kill("SIGTERM");
    });
}

function startPrometheus(program: string, folder: string, state: string, port: string): ChildProcess {
  const config = join(folder, "prometheus.yml");
  const { clusters } = parse(readFileSync(join(state, "kubeconfig"), "utf8")) as Kubeconfig;
  const { host } = new URL(clusters[0]?.cluster.server ?? "");
  const settings = {
    // Shorter than elsewhere: who looks at a mesh of their own waits for each scrape.
    global: { scrape_interval: "5s", scrape_timeout: "5s" },
    rule_files: [join(HERE, "alerts.yaml")],
    scrape_configs: [
      {
        job_name: "tulle",
        scheme: "https",
        tls_config: { ca_file: join(state, "ca.pem") },
        authorization: { credentials_file: join(state, "token") },
        static_configs: [{ targets: [host] }],
      },
    ],
  };
  // YAML holds JSON.
  writeFileSync(config, JSON.stringify(settings, null, 2));
  const args = [
    `--config.file=${config}`,
    `--storage.tsdb.path=${join(folder, "data")}`,
    `--web.listen-address=127.0.0.1:${port}`,
    "--enable-feature=exemplar-storage",
    "--log.level=warn",
  ];
  const child = spawn(program, args, { stdio: ["ignore", "inherit", "inherit"] });
  say(`Prometheus     http://127.0.0.1:${port}   (alerts: http://127.0.0.1:${port}/alerts)`);
  return child;
}

function startCollector(folder: string, port: string): ChildProcess | null {
  const program = find(["otelcol", "otelcol-contrib"]);
  if (program === null) {
    say("OpenTelemetry  not started: there is no otelcol and no otelcol-contrib");
    return null;
  }
  const config = join(folder, "collector.yml");
  const settings = {
    receivers: { otlp: { protocols: { http: { endpoint: `127.0.0.1:${port}` } } } },
    exporters: { debug: { verbosity: "normal" } },
    service: { pipelines: { traces: { receivers: ["otlp"], exporters: ["debug"] } } },
  };
  writeFileSync(config, JSON.stringify(settings, null, 2));
  const child = spawn(program, [`--config=${config}`], { stdio: ["ignore", "inherit", "inherit"] });
  say(`OpenTelemetry  http://127.0.0.1:${port}/v1/traces`);
  return child;
}

/** The first that is here: unpacked by `npm run tools`, or on PATH. */
function find(names: readonly string[]): string | null {
  const folders = [join(HERE, "../../.tools/usr/bin"), ...(process.env["PATH"] ?? "").split(delimiter)];
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find(existsSync) ?? null;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function fail(message: string): void {
  process.stderr.write(`${message}\n`);
  process.exitCode = 1;
}
