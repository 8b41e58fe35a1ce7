import { isEndpointBinding } from "../../src/deployment/binding-names.ts";
import { MIN_EDGE_SECRET } from "../../src/request/edge-proof.ts";
import type { Deployment, Entrance, Whereabouts } from "../../src/request/entrance.ts";
import { FORMAT } from "../../src/snapshot/model.ts";
import type { Registration } from "../../src/snapshot/rpc.ts";
import { AccessLog } from "../../src/telemetry/access-log.ts";
import { describeLogOneInError, readLogOneIn } from "../../src/telemetry/sampling.ts";
import type { KeptLine } from "../../src/telemetry/otlp-log.ts";
import type { Whence } from "../../src/telemetry/spans.ts";
import { SeriesIndex } from "../../src/telemetry/series.ts";
import { VERSION } from "../../src/version.ts";
import { ApiKeys } from "./api-keys.ts";
import { Assertions } from "./assertions.ts";
import { type BatchExporter, type ExporterDeps } from "./batch-exporter.ts";
import { Callers } from "./callers.ts";
import type { Env } from "./env.ts";
import { Exchange } from "./exchange.ts";
import { CertificateCache } from "./certificate-cache.ts";
import { Authorizers } from "./authorizers.ts";
import { HopWarnings } from "./hop-warnings.ts";
import { Limits } from "./limits.ts";
import { lineExporter } from "./line-exporter.ts";
import { MemoryBudget } from "./memory-budget.ts";
import { OpenCalls } from "./open-calls.ts";
import { PeerCache } from "./peer.ts";
import { performProbe } from "./probe.ts";
import { Recorder, type RecorderDeps } from "./recorder.ts";
import { sendBatch } from "./send-batch.ts";
import { SpanExporter } from "./span-exporter.ts";
import { TokenVerifier } from "./tokens.ts";
import { withTrace } from "./trace-ids.ts";

/** What the requests of one isolate share. */
export interface Mesh {
  readonly env: Env;
  readonly configuration: Exchange;
  readonly peers: PeerCache;
  readonly certificates: CertificateCache;
  readonly tokens: TokenVerifier;
  readonly authorizers: Authorizers;
  readonly apiKeys: ApiKeys;
  /** Null: this gateway has no key to sign with. */
  readonly assertions: Assertions | null;
  readonly callers: Callers;
  readonly limits: Limits;
  readonly spans: SpanExporter;
  /** Of the log, for collectors. */
  readonly lines: BatchExporter<KeptLine>;
  readonly hopWarnings: HopWarnings;
  /** Of Workers RPC. */
  readonly openCalls: OpenCalls;
  readonly memory: MemoryBudget;
  readonly deployment: Deployment;
  /** Every call is held in `waitUntil` until its end. */
  readonly holdsCalls: boolean;
  readonly log: AccessLog;
  readonly series: SeriesIndex;
  /** Null: no decision is written down. */
  readonly recorder: Recorder | null;
  /** Of so many good calls one is logged. */
  readonly logOneIn: number;
  /** `cf.colo` of the public requests seen so far; `LOC` in the local mesh. */
  location: string;
  /** Of the client that told it: over a binding nobody tells, and callers are close by. */
  whereabouts: Whereabouts | null;
}

/** An isolate belongs to one deployment: its bindings and variables are the same for every request. */
let only: Mesh | null = null;

export function meshOf(env: Env): Mesh {
  only ??= createMesh(env);
  return only;
}

/** A local mesh says where each of its gateways is; `1`: where all are. */
function localLocation(told: string): string {
  return told === "1" ? "LOC" : told;
}

const UNKNOWN_LOCATION = "unknown";

/** @throws where a variable is not what it must be: the deployment serves nothing until it is mended */
export function createMesh(env: Env): Mesh {
  const local = env.TULLE_LOCAL !== undefined;
  const place = env.TULLE_LOCAL === undefined ? null : localLocation(env.TULLE_LOCAL);
  const now = (): number => Date.now();
  const recorder = recorderOf(env, {
    idOf: (slice) => configuration.idOf(slice),
    drop: (reason) => configuration.drop(reason),
  });
  const configuration: Exchange = new Exchange({
    recorder,
    state: env.STATE,
    control: env.CONTROL,
    gateway: env.GATEWAY_NAME,
    keys: env.SNAPSHOT_KEYS,
    registration: registrationOf(env),
    location: () => (mesh.location === UNKNOWN_LOCATION ? null : mesh.location),
    probe: async (probe) => performProbe(probe, env),
    get exporters() {
      return [mesh.spans, mesh.lines];
    },
    line: (journal) => mesh.log.line(withTrace(journal), mesh.location, journal.endedAt),
    now,
  });
  const whence = (): Whence => ({ gateway: env.GATEWAY_NAME, location: mesh.location });
  const toCollectors: ExporterDeps = {
    send: async (collector, body) => sendBatch(mesh, collector, body),
    drop: (reason, count) => configuration.drop(reason, count),
    arm: (ctx) => void configuration.arm(ctx),
    pause: async () => scheduler.wait(0),
    now,
  };
  const mesh: Mesh = {
    env,
    configuration,
    peers: new PeerCache(),
    certificates: new CertificateCache(),
    tokens: new TokenVerifier({ now, fetch: async (input, init) => fetch(input, init), local }),
    assertions: env.ASSERTION_KEY === undefined ? null : new Assertions(env.ASSERTION_KEY, env.GATEWAY_NAME),
    authorizers: new Authorizers(configuration),
    apiKeys: new ApiKeys({ state: env.STATE, count: (key) => configuration.count(key), now }),
    callers: new Callers(configuration),
    limits: new Limits({
      state: env.STATE,
      location: () => (mesh.location === UNKNOWN_LOCATION ? null : mesh.location),
      count: (key) => configuration.count(key),
    }),
    spans: new SpanExporter(whence, toCollectors),
    lines: lineExporter(whence, toCollectors),
    hopWarnings: new HopWarnings(),
    openCalls: new OpenCalls(),
    memory: new MemoryBudget(),
    deployment: deploymentOf(env),
    holdsCalls: env.HOLD_CALLS !== undefined,
    log: new AccessLog(env.GATEWAY_NAME),
    series: new SeriesIndex(configuration.metrics, configuration.routes, (key) => configuration.count(key)),
    recorder,
    logOneIn: logOneIn(env),
    location: place ?? UNKNOWN_LOCATION,
    whereabouts: place === null ? null : { colo: place, country: null, continent: null },
  };
  return mesh;
}

/** Names are read when it is sent: in a local mesh, endpoints come while it runs. */
export function registrationOf(env: Env): Registration {
  return {
    get bindings() {
      return Object.keys(env).filter((name) => isEndpointBinding(name) || name.startsWith("CERT_"));
    },
    hasPrivate: env.PRIVATE !== undefined,
    format: FORMAT,
    version: VERSION,
  };
}

/** A secret that could be guessed is worse than none: who relies on it would not know. */
function deploymentOf({ GATEWAY, TULLE_LOCAL, EDGE_SECRET }: Env): Deployment {
  if (EDGE_SECRET !== undefined && EDGE_SECRET.length < MIN_EDGE_SECRET)
    throw new Error(`EDGE_SECRET must have at least ${MIN_EDGE_SECRET} characters`);
  const local = TULLE_LOCAL !== undefined;
  return { gateway: GATEWAY ?? null, local, ...(EDGE_SECRET !== undefined && { edgeSecret: EDGE_SECRET }) };
}

/** Written down unless the deployment says `off`. What else it says is a mistake, and somebody counts on it. */
function recorderOf({ DECISION_RECORDS }: Env, deps: RecorderDeps): Recorder | null {
  if (DECISION_RECORDS === undefined || DECISION_RECORDS === "on") return new Recorder(deps);
  if (DECISION_RECORDS === "off") return null;
  throw new Error("DECISION_RECORDS must be `on` or `off`");
}

/** A log that is thinner, or thicker, than its reader believes is worse than none. */
function logOneIn(env: Env): number {
  const read = readLogOneIn(env.LOG_ONE_IN);
  if (!read.ok) throw new Error(describeLogOneInError(read.error));
  return read.value;
}

/** Only the platform's word on a public request counts; over a binding `cf` is the caller's own. */
export function learnLocation(mesh: Mesh, entrance: Entrance): void {
  if (mesh.location !== UNKNOWN_LOCATION || entrance.kind !== "public") return;
  const { whereabouts } = entrance;
  if (whereabouts.colo === null) return;
  mesh.location = whereabouts.colo;
  mesh.whereabouts = whereabouts;
}
