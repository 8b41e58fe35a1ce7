import { generateKeyPairSync, randomBytes } from "node:crypto";
import { join } from "node:path";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import {
  COMPATIBILITY_DATE,
  CONTROL,
  GATEWAY_FLAGS,
  controlWorker,
  gatewayWorker,
  migrate,
  STATE,
  stateWorker,
} from "../edge/miniflare-workers.ts";
import { moduleFrom } from "../edge/workers.ts";
import type { AccessRecord } from "../src/telemetry/record.ts";
import { commandOf, processTree } from "./cpu.ts";
import type { Flat } from "./flat.ts";
import { openTails, type Tails } from "./tails.ts";

/** Who is measured; each has a socket of its own. The names are those of their Workers, but for the gateways'. */
export type Contestant =
  | "bare"
  | "bare-binding"
  | "flat"
  | "hono-jose"
  | "tulle"
  | "tulle-sampled"
  | "tulle-unrecorded"
  | "tulle-hosts"
  | "rpc"
  | "rpc-forwarder"
  | "rpc-direct";

const SAMPLED = "tulle-gateway-sampled";
const UNRECORDED = "tulle-gateway-unrecorded";
const HOSTS = "tulle-gateway-hosts";
const RPC = "tulle-gateway-rpc";
const WORKER_OF: Readonly<Record<Contestant, string>> = {
  bare: "bare",
  "bare-binding": "bare-binding",
  flat: "flat",
  "hono-jose": "hono-jose",
  tulle: "tulle-gateway",
  "tulle-sampled": SAMPLED,
  "tulle-unrecorded": UNRECORDED,
  "tulle-hosts": HOSTS,
  rpc: "rpc",
  "rpc-forwarder": "rpc-forwarder",
  "rpc-direct": "rpc-direct",
};

/** The Worker that a profile is of: of those that call by Workers RPC, the one that their calls go through. */
export const PROFILED: Readonly<Record<Contestant, string>> = {
  ...WORKER_OF,
  rpc: RPC,
  "rpc-forwarder": "forwarder",
  "rpc-direct": "rpc-items",
};

/** What that is bundled from; null: it comes as modules. */
export const SOURCE_OF: Readonly<Record<Contestant, string | null>> = {
  bare: "bench/workers/bare.ts",
  "bare-binding": "bench/workers/bare.ts",
  flat: null,
  "hono-jose": "bench/workers/hono-jose.ts",
  tulle: "workers/gateway/index.ts",
  "tulle-sampled": "workers/gateway/index.ts",
  "tulle-unrecorded": "workers/gateway/index.ts",
  "tulle-hosts": "workers/gateway/index.ts",
  rpc: "workers/gateway/index.ts",
  "rpc-forwarder": "bench/workers/rpc-forwarder.ts",
  "rpc-direct": "bench/workers/rpc-items.ts",
};

/** How often the gateway of the whole job called each method of the state Worker, so far. */
type StateCalls = Readonly<Record<string, number>>;

/** The contestants in one runtime, with the mesh's real control and state beside them. */
export interface BenchMesh {
  portOf(contestant: Contestant): Promise<number>;
  coldPorts(): Promise<readonly number[]>;
  /** Where the runtime's inspector listens, if it was asked for. */
  readonly inspectorPort: number | null;
  /** The runtime's processes. */
  pids(): readonly number[];
  apply(text: string): Promise<void>;
  /** Opens so many tails of all requests. */
  tail(count: number): Promise<Tails>;
  /** A sample of the access log of the gateway that a contestant's requests go through, and that writes every line: its last ones. */
  accessLog(contestant: "tulle" | "rpc"): readonly AccessRecord[];
  stateCalls(): Promise<StateCalls>;
  stop(): Promise<void>;
}

export interface BenchOptions {
  readonly originPort: number;
  readonly folder: string;
  readonly jwks: string;
  readonly flat: Flat;
  readonly inspect: boolean;
  /** Isolates of the first gateway's deployment that are asked nothing until their first answer is timed. */
  readonly cold: number;
}

/** Log lines kept to look at afterwards. */
const LOG_LINES = 20_000;
/** Tells them from the other contestants' lines, before any is parsed. */
const OWN_LINES = { tulle: `"gateway":"${WORKER_OF.tulle}"`, rpc: `"gateway":"${RPC}"` };

export async function startBenchMesh(options: BenchOptions): Promise<BenchMesh> {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const secrets = {
    bootstrap: randomBytes(32).toString("base64url"),
    keyEncryption: randomBytes(32).toString("base64url"),
    snapshotPrivateKey: privateKey.export({ format: "der", type: "pkcs8" }).toString("base64"),
  };
  const logs = { tulle: [] as string[], rpc: [] as string[] };
  const keep = (message: string) => {
    const log = message.includes(OWN_LINES.tulle) ? logs.tulle : message.includes(OWN_LINES.rpc) ? logs.rpc : null;
    log?.push(message);
    if (log !== null && log.length > 2 * LOG_LINES) log.splice(0, log.length - LOG_LINES);
  };
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      host: "127.0.0.1",
      port: 0,
      cf: false,
      ...(options.inspect && { inspectorPort: 0, inspectorHost: "127.0.0.1" }),
      resourcePersistencePath: join(options.folder, "state"),
      handleStructuredLogs: ({ level, message }) => {
        keep(message);
        if (level === "error") process.stderr.write(`${message}\n`);
      },
      workers: [
        ...(await others(options)),
        ...(await gateways(options, publicKey.export({ format: "jwk" }).x ?? "")),
        await stateWorker(),
        await counterWorker(),
        { ...(await controlWorker(secrets, "cluster.local", false)), ...SOCKET },
      ],
    }),
  );
  await miniflare.ready;
  await migrate(miniflare);
  const control = (await miniflare.unsafeGetDirectURL(CONTROL)).origin;
  const portOf = async (worker: string) => Number((await miniflare.unsafeGetDirectURL(worker)).port);
  const token = await firstToken(control, secrets.bootstrap);
  return {
    portOf: async (contestant) => portOf(WORKER_OF[contestant]),
    coldPorts: async () => Promise.all(coldNames(options).map(portOf)),
    inspectorPort: options.inspect ? Number((await miniflare.getInspectorURL()).port) : null,
    pids: () => processTree(process.pid).filter((pid) => commandOf(pid) === "workerd"),
    async apply(text) {
      const answer = await fetch(`${control}/api/v1/apply`, {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/yaml" },
        body: text,
      });
      if (answer.status !== 200) throw new Error(`apply: ${answer.status} ${(await answer.text()).slice(0, 2_000)}`);
    },
    tail: async (count) => openTails(control, token, count),
    accessLog(contestant) {
      return logs[contestant]
        .slice(-LOG_LINES)
        .filter((line) => line.startsWith('{"event":"access"') && line.endsWith("}"))
        .map((line) => JSON.parse(line) as AccessRecord);
    },
    async stateCalls() {
      const counter = (await miniflare.getWorker(COUNTER)) as unknown as { fetch: typeof fetch };
      return (await counter.fetch("http://counter/")).json();
    },
    stop: () => miniflare.dispose(),
  };
}

const COUNTER = "state-counter";

/** Between the gateway of the whole job and the state Worker. */
async function counterWorker() {
  return {
    name: COUNTER,
    modules: await moduleFrom("bench/workers/state-counter.ts"),
    compatibilityDate: COMPATIBILITY_DATE,
    serviceBindings: { STATE: { name: STATE, entrypoint: "State", props: { gateway: WORKER_OF.tulle } } },
  };
}

function coldNames({ cold }: BenchOptions): readonly string[] {
  return Array.from({ length: cold }, (_, index) => `cold-${index + 1}`);
}

const external = (port: number) => ({ external: { address: `127.0.0.1:${port}`, http: {} } });
/** Miniflare binds it to a free port. */
const SOCKET = { unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }] };

/** All but the gateways, and the service that bindings lead to. */
async function others({ originPort, jwks, flat }: BenchOptions) {
  const base = { compatibilityDate: COMPATIBILITY_DATE };
  const origin = external(originPort);
  const bare = await moduleFrom("bench/workers/bare.ts");
  const service = { name: "bound", modules: await moduleFrom("bench/workers/service.ts"), ...base };
  return [
    { name: "bare", modules: bare, ...base, serviceBindings: { ORIGIN: origin }, ...SOCKET },
    {
      name: "bare-binding",
      modules: bare,
      ...base,
      serviceBindings: { ORIGIN: service.name },
      ...SOCKET,
    },
    {
      name: "hono-jose",
      modules: await moduleFrom("bench/workers/hono-jose.ts"),
      ...base,
      bindings: { JWKS_URL: `http://127.0.0.1:${originPort}/jwks.json` },
      serviceBindings: { ORIGIN: origin },
      ...SOCKET,
    },
    ...("missing" in flat
      ? []
      : [
          {
            name: "flat",
            modules: [...flat.modules],
            ...base,
            // As the gateways have them: straight code is not to be slower by its surroundings.
            compatibilityFlags: GATEWAY_FLAGS,
            bindings: { JWKS: jwks },
            serviceBindings: { ORIGIN: origin },
            ...SOCKET,
          },
        ]),
    service,
    ...(await rpcWorkers()),
  ];
}

/** Three callers by Workers RPC, each with its own way to one service. */
async function rpcWorkers() {
  const base = { compatibilityDate: COMPATIBILITY_DATE };
  const [modules, items] = [await moduleFrom("bench/workers/rpc-caller.ts"), { name: "rpc-items" }];
  const caller = (name: string, ITEMS: object) => ({
    name,
    modules,
    ...base,
    serviceBindings: { ITEMS: ITEMS as { readonly name: string } },
    ...SOCKET,
  });
  const props = {
    namespace: "default",
    serviceAccount: "rpc",
    workload: "rpc",
    service: "called.default.svc.cluster.local",
    port: 8080,
  };
  return [
    caller("rpc", { name: RPC, entrypoint: "MeshEntrypoint", props }),
    caller("rpc-forwarder", { name: "forwarder" }),
    caller("rpc-direct", items),
    {
      name: "forwarder",
      modules: await moduleFrom("bench/workers/rpc-forwarder.ts"),
      ...base,
      serviceBindings: { ITEMS: items },
    },
    { ...items, modules: await moduleFrom("bench/workers/rpc-items.ts"), ...base },
  ];
}

async function gateways(options: BenchOptions, publicKey: string) {
  const gateway = async (
    deployment: string,
    variables: Readonly<Record<string, string>>,
    name = deployment,
    serves = "default/bench",
  ) => {
    const worker = await gatewayWorker(deployment, publicKey);
    // Each has the hosts of one Gateway alone, so that the many of another cost it nothing.
    const served = Object.entries(worker.serviceBindings).map(([binding, { props, ...service }]) => [
      binding,
      { ...service, props: props && "gateways" in props ? { ...props, gateways: [serves] } : props },
    ]);
    return {
      ...worker,
      name,
      bindings: { ...worker.bindings, GATEWAY: serves, ...variables },
      serviceBindings: {
        ...Object.fromEntries(served),
        PRIVATE: external(options.originPort),
        EP_BOUND_V1: "bound",
        EP_BOUND_V2: "bound",
        EP_CALLED_V1: "rpc-items",
        EP_CALLED_V2: "rpc-items",
      },
      ...SOCKET,
    };
  };
  const tulle = await gateway(WORKER_OF.tulle, {});
  return [
    { ...tulle, serviceBindings: { ...tulle.serviceBindings, STATE: { name: COUNTER, entrypoint: "State" } } },
    await gateway(SAMPLED, { LOG_ONE_IN: "100" }),
    await gateway(UNRECORDED, { DECISION_RECORDS: "off" }),
    await gateway(HOSTS, {}, HOSTS, "default/hosted"),
    await gateway(RPC, {}),
    ...(await Promise.all(coldNames(options).map(async (name) => gateway(WORKER_OF.tulle, {}, name)))),
  ];
}

async function firstToken(control: string, secret: string): Promise<string> {
  const answer = await fetch(`${control}/api/v1/bootstrap`, {
    method: "POST",
    headers: { authorization: `Bearer ${secret}` },
  });
  if (!answer.ok) throw new Error(`bootstrap: ${answer.status} ${await answer.text()}`);
  const { token } = (await answer.json()) as { token: string };
  return token;
}
