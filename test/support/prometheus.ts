import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { toolPath } from "./tools.ts";
import { until } from "./until.ts";

export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A real Prometheus that scrapes one address. */
export class RunningPrometheus {
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #folder: string;

  private constructor(url: string, child: ChildProcess, folder: string) {
    this.url = url;
    this.#child = child;
    this.#folder = folder;
  }

  /** @param tokenFile holds the bearer token of the address @param every between scrapes */
  static async start(
    port: number,
    target: { readonly url: string; readonly tokenFile: string },
    every: `${number}s` = "2s",
  ): Promise<RunningPrometheus> {
    const folder = mkdtempSync(join(tmpdir(), "tulle-prometheus-"));
    const { host, pathname } = new URL(target.url);
    const settings = {
      global: { scrape_interval: every, scrape_timeout: every },
      scrape_configs: [
        {
          job_name: "tulle",
          metrics_path: pathname,
          authorization: { credentials_file: target.tokenFile },
          static_configs: [{ targets: [host] }],
        },
      ],
    };
    // YAML holds JSON.
    writeFileSync(join(folder, "prometheus.yml"), JSON.stringify(settings));
    const args = [
      `--config.file=${join(folder, "prometheus.yml")}`,
      `--storage.tsdb.path=${join(folder, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--enable-feature=exemplar-storage",
      "--log.level=error",
    ];
    const child = spawn(toolPath("prometheus") ?? "prometheus", args, { stdio: "ignore" });
    const running = new RunningPrometheus(`http://127.0.0.1:${port}`, child, folder);
    const ended = new Promise<never>((_, reject) => {
      child.once("exit", (code) => reject(new Error(`Prometheus ended with ${code}; is port ${port} taken?`)));
    });
    ended.catch(() => undefined);
    await Promise.race([
      ended,
      until("Prometheus to be ready", async () => (await fetch(`${running.url}/-/ready`)).ok && running.#isRunning),
    ]);
    return running;
  }

  get #isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    if (this.#isRunning) {
      this.#child.kill("SIGTERM");
      await ended;
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** @throws where it is no PromQL */
  async query(expression: string): Promise<readonly Sample[]> {
    return queried(this.url, expression);
  }

  /** Trace ids that stand beside the series' buckets, of the last minutes. */
  async exemplars(selector: string): Promise<readonly string[]> {
    const now = Date.now() / 1_000;
    const found = (await get(this.url, "query_exemplars", {
      query: selector,
      start: String(now - 600),
      end: String(now + 1),
    })) as readonly { readonly exemplars: readonly { readonly labels: Readonly<Record<string, string>> }[] }[];
    return found.flatMap(({ exemplars }) => exemplars.map(({ labels }) => labels["trace_id"] ?? ""));
  }
}

/** Asks a Prometheus, whoever started it. @throws where it is no PromQL */
export async function queried(url: string, expression: string): Promise<readonly Sample[]> {
  const data = (await get(url, "query", { query: expression })) as {
    readonly resultType: string;
    readonly result: readonly { metric?: Record<string, string>; value: readonly [number, string] }[];
  };
  return data.result.map(({ metric = {}, value: [, value] }) => ({ metric, value: Number(value) }));
}

async function get(url: string, what: string, parameters: Readonly<Record<string, string>>): Promise<unknown> {
  const answer = await fetch(`${url}/api/v1/${what}`, { method: "POST", body: new URLSearchParams(parameters) });
  const { data, error } = (await answer.json()) as { data?: unknown; error?: string };
  if (error !== undefined) throw new Error(`${error}: ${JSON.stringify(parameters)}`);
  return data;
}
