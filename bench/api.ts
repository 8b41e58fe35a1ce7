import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { readArgs, wrongUsage } from "./read-args.ts";
import { scrapeAtCap } from "./scrape.ts";

const USAGE = `npm run bench:api -- [--objects N] [--json]

  --objects N   how many services, each with a VirtualService (default 5000: 10,000 objects)
  --json        the figures as one JSON object

How the control API feels with many objects: a local mesh with two gateways that front everything. And how long a scrape of
/metrics takes where there are as many series as there may be. Exit code 1 where that misses its bar.`;

/** Objects in one request of the load. */
const PART = 400;
const SAMPLES = 100;
const PORT_BASE = "33000";
/** A scrape at the cap takes less. */
const SCRAPE_BAR_MS = 10_000;

interface Mesh {
  readonly child: ChildProcess;
  readonly url: string;
  readonly token: string;
  readonly state: string;
}

async function start(): Promise<Mesh> {
  const state = mkdtempSync(join(tmpdir(), "tulle-api-bench-"));
  const args = [
    "edge/start.ts",
    "--json",
    "--empty",
    "--state",
    state,
    "--port-base",
    PORT_BASE,
    "--loopback",
    "127.0.33.0/24",
  ];
  const child = spawn(process.execPath, args, {
    cwd: join(import.meta.dirname, ".."),
    stdio: ["ignore", "pipe", "inherit"],
  });
  const line = await new Promise<string>((resolve, reject) => {
    child.on("close", (code) => reject(new Error(`the mesh ended with ${code}`)));
    createInterface({ input: child.stdout }).on("line", resolve);
  });
  const { controlHttp, tokenFile } = JSON.parse(line) as { controlHttp: string; tokenFile: string };
  return { child, url: controlHttp, token: readFileSync(tokenFile, "utf8").trim(), state };
}

async function stop({ child, state }: Mesh): Promise<void> {
  await new Promise<void>((resolve) => {
    child.on("close", () => resolve());
    child.kill("SIGTERM");
  });
  rmSync(state, { recursive: true, force: true });
}

async function call(mesh: Mesh, method: string, path: string, body?: unknown): Promise<Response> {
  const headers = { authorization: `Bearer ${mesh.token}`, "content-type": "application/json" };
  const init = { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) };
  const response = await fetch(`${mesh.url}${path}`, init);
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${(await response.text()).slice(0, 500)}`);
  return response;
}

const NAMESPACES = ["default", "istio-system"];

function objects(index: number, host: string): readonly object[] {
  const metadata = { name: `svc-${index}`, namespace: NAMESPACES[index % NAMESPACES.length] };
  return [
    { apiVersion: "v1", kind: "Service", metadata, spec: { ports: [{ name: "http", port: 80 }] } },
    {
      apiVersion: "networking.istio.io/v1",
      kind: "VirtualService",
      metadata,
      spec: {
        hosts: [`svc-${index}`],
        http: [{ match: [{ uri: { prefix: `/${host}` } }], route: [{ destination: { host: `svc-${index}` } }] }],
      },
    },
  ];
}

/** Milliseconds. */
async function timed(task: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await task();
  return performance.now() - began;
}

async function sampled(task: (sample: number) => Promise<unknown>): Promise<{ p50: number; p99: number }> {
  const times: number[] = [];
  for (let sample = 0; sample < SAMPLES; sample += 1) times.push(await timed(async () => task(sample)));
  times.sort((a, b) => a - b);
  return { p50: times[Math.floor(SAMPLES / 2)] ?? 0, p99: times[Math.floor(SAMPLES * 0.99)] ?? 0 };
}

const RULES = "/k8s/apis/networking.istio.io/v1/virtualservices";
const ONE = "/k8s/apis/networking.istio.io/v1/namespaces/default/virtualservices/svc-0";

/** From now on: the time to the headers, and from a write to its event. */
async function watchFromNow(mesh: Mesh): Promise<{ headers: number; event: number }> {
  const { metadata } = (await (await call(mesh, "GET", `${RULES}?limit=1`)).json()) as {
    metadata: { resourceVersion: string };
  };
  const abort = new AbortController();
  const began = performance.now();
  const response = await fetch(`${mesh.url}${RULES}?watch=true&resourceVersion=${metadata.resourceVersion}`, {
    headers: { authorization: `Bearer ${mesh.token}` },
    signal: abort.signal,
  });
  const headers = performance.now() - began;
  const reader = response.body?.getReader();
  const event = reader?.read();
  const written = performance.now();
  await call(mesh, "POST", "/api/v1/apply", objects(0, `watched${written}`));
  await event;
  const told = performance.now() - written;
  abort.abort();
  return { headers, event: told };
}

async function allPages(mesh: Mesh): Promise<{ pages: number; slowest: number; total: number }> {
  let [pages, slowest, total] = [0, 0, 0];
  for (let token = ""; ;) {
    let next = "";
    const took = await timed(async () => {
      const path = `${RULES}?limit=500&continue=${encodeURIComponent(token)}`;
      const list = (await (await call(mesh, "GET", path)).json()) as { metadata: { continue?: string } };
      next = list.metadata.continue ?? "";
    });
    pages += 1;
    slowest = Math.max(slowest, took);
    total += took;
    token = next;
    if (token === "") return { pages, slowest, total };
  }
}

async function main(): Promise<void> {
  const values = readArgs(
    { objects: { type: "string", default: "5000" }, json: { type: "boolean", default: false } },
    USAGE,
  );
  const count = Number(values.objects);
  if (!Number.isInteger(count) || count < 1 || count > 50_000)
    return wrongUsage("--objects takes a whole number from 1 to 50000", USAGE);
  const scraped = await scrapeAtCap();
  const isMet = scraped.ms < SCRAPE_BAR_MS;
  if (!isMet) process.exitCode = 1;
  const mesh = await start();
  try {
    const loaded = await timed(async () => {
      for (let at = 0; at < count; at += PART / 2) {
        const part = Array.from({ length: Math.min(PART / 2, count - at) }, (_, index) =>
          objects(at + index, "a"),
        ).flat();
        await call(mesh, "POST", "/api/v1/apply", part);
        if (!values.json) process.stderr.write(`\r${Math.min(at + PART / 2, count) * 2} of ${count * 2} objects`);
      }
    });
    if (!values.json) process.stderr.write("\n");
    const figures = {
      objects: count * 2,
      loadMs: loaded,
      applyOneMs: await sampled(async (sample) =>
        call(mesh, "POST", "/api/v1/apply", objects(1, `h${sample}`)).then(async (r) => r.text()),
      ),
      patchOneMs: await sampled(async (sample) => {
        const headers = { authorization: `Bearer ${mesh.token}`, "content-type": "application/merge-patch+json" };
        const body = JSON.stringify({ metadata: { labels: { sample: String(sample) } } });
        await (await fetch(`${mesh.url}${ONE}`, { method: "PATCH", headers, body })).text();
      }),
      getOneMs: await sampled(async () => (await call(mesh, "GET", ONE)).text()),
      pages: await allPages(mesh),
      listAllMs: await timed(async () => (await call(mesh, "GET", RULES)).text()),
      watchFromNow: await watchFromNow(mesh),
      scrapeAtCap: { ...scraped, bar: SCRAPE_BAR_MS },
    };
    if (values.json) console.log(JSON.stringify(figures));
    else for (const [name, value] of Object.entries(figures)) console.log(name.padEnd(14), shown(value));
    if (!isMet) console.error("scrapeAtCap misses its bar");
  } finally {
    await stop(mesh);
  }
}

function shown(value: number | Record<string, number>): string {
  if (typeof value === "number") return value.toFixed(0);
  return Object.entries(value)
    .map(([name, part]) => `${name} ${part.toFixed(1)}`)
    .join("  ");
}

await main();
