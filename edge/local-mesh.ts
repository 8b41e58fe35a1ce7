import { existsSync, mkdirSync, readFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { createServer } from "node:net";
import { resolve } from "node:path";
import type { Example } from "../examples/example.ts";
import { kubeconfig } from "../src/kube/kubeconfig.ts";
import { failure } from "../src/kube/status.ts";
import { EdgeAuthority } from "./certificates.ts";
import { cfOf } from "./client-certificate.ts";
import { type ControlClient, controlClient } from "./control-client.ts";
import { startControl } from "./control-process.ts";
import { type DataProcess, startData } from "./data-process.ts";
import type { Target } from "./forward.ts";
import { type Front, openFront } from "./front.ts";
import { GatewayListeners } from "./gateway-listeners.ts";
import { type Layout, layoutOf } from "./layout.ts";
import { takeLock } from "./lock.ts";
import { MeshAuthority } from "./mesh-authority.ts";
import type { Options } from "./options.ts";
import { controlRefuser, gatewayRefuser } from "./refusal.ts";
import { endOrphans, isAlive, logSink, recordPids, runtimePids } from "./runtime.ts";
import { loadSecrets, type Secrets, writeSecret } from "./secrets.ts";
import { exampleOf, resourcesOf } from "./workers.ts";

/** What `npm start -- --json` prints. URLs are without a trailing slash. */
export interface MeshInfo {
  readonly page?: string;
  /** The first gateway's plain listener: any Gateway's hosts. */
  readonly gateway: string;
  /** The first gateway's TLS listener for callers with a certificate. */
  readonly mesh: string;
  readonly control: string;
  readonly controlHttp: string;
  readonly metrics: string;
  readonly tokenFile: string;
  readonly kubeconfigFile: string;
  readonly caFile: string;
  readonly stateDir: string;
  readonly gatewayClassName: string;
  readonly controllerName: string;
  readonly gateways: readonly string[];
  readonly meshes: readonly string[];
  readonly services?: Readonly<Record<string, string>>;
  readonly pid: number;
}

export interface LocalMesh {
  readonly info: MeshInfo;
  readonly accessLog: string;
  /** What to try with a certificate; null where there is no example. */
  readonly call: Example["call"] | null;
  /** Settles when part of the mesh ended by itself, with what to say. */
  readonly broken: Promise<string>;
  stop(): Promise<void>;
}

/** Something the user can mend; its message says how. */
export class StartError extends Error {}

const POLL_MS = 1_000;
const PAGE_MS = 45_000;
const WAKE_MS = 5_000;
/** The mesh's authority is fetched again now and then: control may have come later, or with another state. */
const BUNDLE_EVERY_POLLS = 10;

/**
 * Brings the local mesh up.
 *
 * @param progress is told each step
 * @param onAccess gets each line of the access log
 * @throws StartError
 */
export async function startMesh(
  options: Options,
  progress: (step: string) => void,
  onAccess: (line: string) => void,
): Promise<LocalMesh> {
  const layout = layoutOf(resolve(options.state), options.portBase);
  mkdirSync(layout.state, { recursive: true });
  const cleanup: (() => Promise<void> | void)[] = [];
  const stop = async (): Promise<void> => {
    for (const step of cleanup.splice(0).reverse()) await step();
  };
  try {
    return await bringUp(options, layout, { progress, onAccess, stop, onStop: (step) => cleanup.push(step) });
  } catch (error) {
    await stop();
    throw error;
  }
}

interface Run {
  readonly progress: (step: string) => void;
  readonly onAccess: (line: string) => void;
  readonly stop: () => Promise<void>;
  readonly onStop: (step: () => Promise<void> | void) => void;
}

async function bringUp(options: Options, layout: Layout, run: Run): Promise<LocalMesh> {
  const roles = options.only === null ? (["control", "data"] as const) : [options.only];
  for (const role of roles) await lock(layout, role, run);
  const secrets = loadSecrets(layout.state);
  const authority = await EdgeAuthority.open(layout.state, layout.caFile);
  const client = controlClient(layout.ports.controlDirect);
  const examples = options.examples.map(exampleOf);
  const onLine = logSink(layout, run.onAccess);
  const pids: number[] = [];

  if (options.only !== "data") {
    run.progress("starting control");
    await portFree(layout.ports.controlDirect, options);
    const control = await startControl(layout, secrets, onLine);
    run.onStop(() => control.stop());
    pids.push(...track(layout, "control", pids));
  }
  const token = await adminToken(client, layout, secrets);
  const meshAuthority = new MeshAuthority(layout.meshCaFile, client);
  const atControl: Target = {
    port: layout.ports.controlDirect,
    cf: () => null,
    away: controlAway,
    refuser: controlRefuser(onLine),
  };
  if (options.only === "control")
    await openControl(layout.ports.controlAlone, null, options, authority, atControl, run);
  else await openControl(layout.ports.controlHttps, layout.ports.controlHttp, options, authority, atControl, run);

  let data: DataProcess | null = null;
  let listeners: GatewayListeners | null = null;
  if (options.only !== "control") {
    run.progress("starting gateways, state and services");
    data = await startData(layout, secrets, { ...options, examples }, onLine);
    const started = data;
    run.onStop(() => started.stop());
    pids.push(...track(layout, "data", pids));
    listeners = await openGateways(options, data, { authority, meshAuthority }, layout, run, onLine);
  }
  if (options.only !== "data" && token !== null) await applyExamples(client, token, examples, run);
  if (listeners) await followGateways(listeners, client, meshAuthority, layout, run);

  const info = infoOf(options, layout, data, page(examples, listeners));
  const ca = readFileSync(layout.caFile).toString("base64");
  const admin = { server: info.control, ca, user: "admin", token: token ?? "", namespace: "default" };
  writeSecret(layout.kubeconfigFile, kubeconfig(admin));
  if (info.page !== undefined && options.only === null) {
    run.progress("waiting for the page");
    await untilServed(info.page);
  }
  if (options.only === null) await wake(info);
  const call = examples[0]?.call ?? null;
  return { info, accessLog: layout.accessLog, call, broken: watch(pids, run), stop: run.stop };
}

async function lock(layout: Layout, role: "control" | "data", { onStop }: Run): Promise<void> {
  const taken = takeLock(layout.state, role);
  if ("holder" in taken)
    throw new StartError(
      `${layout.state} is in use by process ${taken.holder}; stop it, or choose another folder with --state DIR`,
    );
  onStop(() => taken.release());
  await endOrphans(layout.state, role);
}

/** @returns the runtime's processes that are new since the last look */
function track(layout: Layout, role: string, known: readonly number[]): readonly number[] {
  const fresh = runtimePids(process.pid).filter((pid) => !known.includes(pid));
  recordPids(layout.state, role, fresh);
  return fresh;
}

/** A token that control knows; null where control is away and none was kept. */
async function adminToken(client: ControlClient, layout: Layout, secrets: Secrets): Promise<string | null> {
  const kept = existsSync(layout.tokenFile) ? readFileSync(layout.tokenFile, "utf8").trim() : null;
  if (!(await client.isUp())) return kept;
  if (kept !== null && (await client.knows(kept))) return kept;
  const token = await client.bootstrap(secrets.bootstrap);
  writeSecret(layout.tokenFile, `${token}\n`);
  return token;
}

function portTaken(port: number, options: Options, error: unknown): StartError {
  const { code } = error as { code?: string };
  const reason = code === "EADDRINUSE" ? "is taken" : `cannot be opened (${code ?? String(error)})`;
  return new StartError(
    `port ${port} ${reason}; choose other ports with --port-base N (now ${options.portBase}), for example: npm start -- --port-base ${options.portBase + 100}`,
  );
}

async function portFree(port: number, options: Options): Promise<void> {
  try {
    const server = createServer();
    await new Promise<void>((opened, failed) => {
      server.once("error", failed);
      server.listen(port, "127.0.0.1", opened);
    });
    await new Promise((closed) => server.close(closed));
  } catch (error) {
    throw portTaken(port, options, error);
  }
}

async function open(
  port: number,
  target: Target,
  tls: Parameters<typeof openFront>[3],
  options: Options,
  run: Run,
): Promise<Front> {
  try {
    const front = await openFront("127.0.0.1", port, target, tls);
    run.onStop(async () => front.close());
    return front;
  } catch (error) {
    throw portTaken(port, options, error);
  }
}

async function openControl(
  https: number,
  http: number | null,
  options: Options,
  authority: EdgeAuthority,
  target: Target,
  run: Run,
): Promise<void> {
  await open(https, target, { authority, clientCa: null }, options, run);
  if (http !== null) await open(http, target, null, options, run);
}

/** What a client of the control API gets while control is stopped. */
function controlAway(response: ServerResponse): void {
  const message = "control is away: nothing was changed; gateways go on with what they have. Start it again and repeat";
  response.writeHead(503, { "content-type": "application/json", "retry-after": "1" });
  response.end(JSON.stringify(failure("ServiceUnavailable", message)));
}

async function openGateways(
  options: Options,
  data: DataProcess,
  { authority, meshAuthority }: { readonly authority: EdgeAuthority; readonly meshAuthority: MeshAuthority },
  layout: Layout,
  run: Run,
  onLine: ReturnType<typeof logSink>,
): Promise<GatewayListeners> {
  const [first] = data.gateways;
  if (!first) throw new Error("no gateway was started");
  for (const [index, { name, port }] of data.gateways.entries()) {
    const refuser = gatewayRefuser(name, onLine);
    const meshPort = layout.ports.mesh(index);
    const plain: Target = { port, cf: (socket) => cfOf(socket, { port: 80 }), refuser };
    const mesh: Target = { port, cf: (socket) => cfOf(socket, { port: meshPort, mesh: true }), refuser };
    await open(layout.ports.gateway(index), plain, null, options, run);
    await open(meshPort, mesh, { authority, clientCa: async () => meshAuthority.pem() }, options, run);
  }
  const listeners = new GatewayListeners({
    network: options.loopback,
    addressesFile: layout.addressesFile,
    authority,
    meshAuthority,
    refuser: gatewayRefuser(first.name, onLine),
    gatewayPort: first.port,
    fallback: (logical) => layout.ports.fallback(logical),
  });
  run.onStop(async () => listeners.close());
  return listeners;
}

async function applyExamples(
  client: ControlClient,
  token: string,
  examples: readonly Example[],
  { progress }: Run,
): Promise<void> {
  for (const example of examples) {
    progress(`applying ${example.name}`);
    await client.apply(token, resourcesOf(example)).catch((error: unknown) => {
      throw new StartError(
        `the example ${example.name} was refused: ${error instanceof Error ? error.message : String(error)}`,
      );
    });
  }
}

/** Follows Gateways and the mesh's authority as long as the mesh runs. */
async function followGateways(
  listeners: GatewayListeners,
  client: ControlClient,
  meshAuthority: MeshAuthority,
  layout: Layout,
  run: Run,
): Promise<void> {
  let polls = 0;
  const look = async (): Promise<void> => {
    if (polls % BUNDLE_EVERY_POLLS === 0 || !meshAuthority.isKnown) await meshAuthority.refresh();
    polls += 1;
    if (!existsSync(layout.tokenFile)) return;
    const token = readFileSync(layout.tokenFile, "utf8").trim();
    await listeners.follow(await client.gateways(token), client, token);
  };
  // While control is away, what is open stays open.
  const quietly = async (): Promise<void> => look().catch(() => undefined);
  await quietly();
  let stopped = false;
  let running = Promise.resolve();
  const timer = setInterval(() => {
    running = running.then(async () => (stopped ? undefined : quietly()));
  }, POLL_MS);
  run.onStop(async () => {
    stopped = true;
    clearInterval(timer);
    await running;
  });
}

function page(examples: readonly Example[], listeners: GatewayListeners | null): string | null {
  const wanted = examples.find((example) => example.page !== undefined)?.page;
  const url = wanted && listeners?.urlOf(wanted.gateway);
  return wanted && url !== undefined && url !== null ? `${url}${wanted.path}` : null;
}

function infoOf(options: Options, layout: Layout, data: DataProcess | null, pageUrl: string | null): MeshInfo {
  const { ports } = layout;
  const alone = options.only === "control";
  const indices = Array.from({ length: data === null ? 0 : options.gateways }, (_, index) => index);
  const gateways = indices.map((index) => `http://127.0.0.1:${ports.gateway(index)}`);
  const meshes = indices.map((index) => `https://127.0.0.1:${ports.mesh(index)}`);
  const controlHttp = `http://127.0.0.1:${alone ? ports.controlDirect : ports.controlHttp}`;
  const services = Object.entries(data?.services ?? {}).map(([name, port]) => [name, `http://127.0.0.1:${port}`]);
  return {
    ...(pageUrl !== null && { page: pageUrl }),
    gateway: gateways[0] ?? "",
    mesh: meshes[0] ?? "",
    control: `https://127.0.0.1:${alone ? ports.controlAlone : ports.controlHttps}`,
    controlHttp,
    metrics: `${controlHttp}/metrics`,
    tokenFile: layout.tokenFile,
    kubeconfigFile: layout.kubeconfigFile,
    caFile: layout.caFile,
    stateDir: layout.state,
    gatewayClassName: "tulle",
    controllerName: "tulle.dev/gateway",
    gateways,
    meshes,
    ...(services.length > 0 && { services: Object.fromEntries(services) as Record<string, string> }),
    pid: process.pid,
  };
}

async function untilServed(url: string): Promise<void> {
  const end = Date.now() + PAGE_MS;
  let last = "";
  while (Date.now() < end) {
    const status = await fetch(url, { signal: AbortSignal.timeout(5_000) }).then(
      async (response) => {
        await response.arrayBuffer();
        return response.status;
      },
      () => 0,
    );
    if (status === 200) return;
    last = status === 0 ? "no answer" : `status ${status}`;
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new StartError(
    `${url} is not served (${last}); the access log and the runtime's log in the state folder say why`,
  );
}

/** A gateway that nobody has called is not known to control yet: each is asked for the page once, or for nothing. */
async function wake({ page, gateways }: MeshInfo): Promise<void> {
  const path = page === undefined ? "/" : new URL(page).pathname;
  await Promise.all(
    gateways.map(async (url) => {
      const response = await fetch(`${url}${path}`, { signal: AbortSignal.timeout(WAKE_MS) });
      await response.arrayBuffer();
    }),
  ).catch(() => undefined);
}

/** A runtime that dies takes part of the mesh with it, and says nothing. */
async function watch(pids: readonly number[], run: Run): Promise<string> {
  return new Promise((broken) => {
    const timer = setInterval(() => {
      const gone = pids.find((pid) => !isAlive(pid));
      if (gone !== undefined) broken(`the runtime's process ${gone} ended by itself`);
    }, POLL_MS);
    timer.unref();
    run.onStop(() => clearInterval(timer));
  });
}
