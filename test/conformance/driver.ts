import { createHash, randomUUID } from "node:crypto";
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import type { AccessRecord } from "../../src/telemetry/record.ts";
import { send } from "../support/http.ts";
import type { RunningMesh, Svid } from "../support/mesh.ts";
import { until } from "../support/until.ts";
import { Meshes } from "./meshes.ts";

/** What the runner passes to `start`; see the README beside it. */
interface StartOptions {
  readonly index: number;
  readonly tmpDir: string;
}

interface Caller {
  readonly namespace?: string | null;
  /** SPIFFE id without its scheme. */
  readonly principal: string | null;
  readonly labels?: Readonly<Record<string, string>>;
  readonly mtls?: boolean;
  readonly plaintext?: boolean;
}

/** A service of the mesh, or a host outside. */
interface Callee {
  readonly service?: string;
  readonly namespace?: string;
  readonly host?: string;
  readonly port: number;
}

interface GatewayRef {
  readonly namespace: string;
  readonly name: string;
  readonly api?: string;
}

interface Place {
  readonly host: string;
  readonly port: number;
  readonly tls?: Svid & { readonly ca: string; readonly servername: string };
}

type Settings = Readonly<Record<string, unknown>>;

/** Areas of the suite in which something is built; in these a field that is not is listed in `gaps.json`. */
const FEATURES = [
  "authorization",
  "bookinfo",
  "circuit-breaking",
  "cors",
  "egress",
  "fault-injection",
  "gateway-routing",
  "jwt-claim-routing",
  "load-balancing",
  "mesh-route-selection",
  "mirroring",
  "path-normalization",
  "peer-authentication",
  "request-authentication",
  "retry-policy",
  "timeouts",
  "traffic-shifting",
  "validation/authorizationpolicy",
  "validation/destinationrule",
  "validation/gateway",
  "validation/peerauthentication",
  "validation/proxyconfig",
  "validation/requestauthentication",
  "validation/serviceentry",
  "validation/sidecar",
  "validation/telemetry",
  "validation/virtualservice",
  "validation/workloadentry",
  "validation/workloadgroup",
  "virtual-service",
];

const MESH_CONFIG = "/k8s/apis/tulle.dev/v1alpha1/namespaces/istio-system/meshconfigs/default";

/** Istio knows no egress list and no ranges: what the cases name is allowed. */
const RANGES = ["127.0.0.0/8", "10.0.0.0/8", "1.0.0.0/8", "2.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"];
const PRIVATE_NAMES = ["com", "org", "net", "io", "bar"];
const EGRESS = [
  "127.0.0.1",
  "foo.com",
  "google.com",
  "*.google.com",
  "*.amazon.com",
  "httpbin.org",
  "example.com",
  "*.nytimes.com",
  "*.washingtonpost.com",
];

/** Local meshes of its own for the runner, and the ways into them. */
export async function start({ index, tmpDir }: StartOptions) {
  const meshes = await Meshes.start(index, tmpDir);
  try {
    // Cases of validation come without settings.
    await applyMeshConfig(meshes.mesh, { escapedSlashes: "KEEP", outboundTrafficPolicy: { mode: "ALLOW_ANY" } });
  } catch (error) {
    await meshes.stop();
    throw error;
  }
  const identities = new Map<string, Promise<Svid | null>>();
  const identityOf = async (caller: Caller): Promise<Svid | null> => {
    const { mesh, trustDomain } = meshes;
    const principal = caller.principal ?? `${trustDomain}/ns/${caller.namespace ?? "default"}/sa/${accountOf(caller)}`;
    const account = accountIn(trustDomain, principal);
    if (account === null) return null;
    await introduce(mesh, account, caller.labels ?? {});
    let identity = identities.get(principal);
    if (!identity) identities.set(principal, (identity = mesh.enrol(account.namespace, account.name)));
    return identity;
  };
  const meshAddress = async (caller: Caller, callee: Callee): Promise<Place | null> => {
    const identity = isNamed(callee) ? await identityOf(caller) : null;
    const { mesh } = meshes;
    return identity && { ...at(mesh.info.mesh), tls: { ...identity, ca: mesh.ca, servername: dialled(callee) } };
  };
  return {
    controlUrl: `${meshes.controlUrl}/k8s`,
    token: meshes.mesh.token,
    gatewayClassName: meshes.mesh.info.gatewayClassName,
    controllerName: meshes.mesh.info.controllerName,
    features: FEATURES,
    meshAddress,
    gatewayAddress: async (gateway: GatewayRef, listener: { readonly port: number }, caller: Caller) =>
      gatewayAddress(meshes.mesh, gateway, listener.port, async () => identityOf(caller)),
    /** From outside the mesh shows itself to verified callers alone: without an identity there is no way to a workload. */
    workloadAddress: async (workload: Callee, caller: Caller): Promise<Place | null> =>
      caller.mtls === true
        ? meshAddress(caller, { ...workload, port: await servicePort(meshes.mesh, workload) })
        : null,
    meshConfig: async (settings: Settings) => {
      await meshes.choose(String(settings["trustDomain"]));
      await applyMeshConfig(meshes.mesh, settings);
    },
    settled: async () => settled(meshes.mesh),
    stop: async () => meshes.stop(),
  };
}

function at(url: string): { readonly host: string; readonly port: number } {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port) };
}

/** A workload that no service stands for has no way in: it is no host. */
function isNamed({ service, host }: Callee): boolean {
  return service !== undefined || (host !== undefined && host !== "");
}

/** The SNI by which an Istio sidecar names what its workload dialled. */
function dialled({ service, namespace, host, port }: Callee): string {
  const name = service === undefined ? (host ?? "").replace(/:\d+$/, "") : `${service}.${namespace}.svc.cluster.local`;
  return `outbound_.${port}_._.${name.toLowerCase()}`;
}

/** Callers that a case tells apart by labels alone are workloads with an account of their own. */
function accountOf({ labels = {} }: Caller): string {
  const text = JSON.stringify(Object.entries(labels).toSorted(([one], [other]) => (one < other ? -1 : 1)));
  return text === "[]" ? "default" : `caller-${createHash("sha256").update(text).digest("hex").slice(0, 12)}`;
}

interface Account {
  readonly namespace: string;
  readonly name: string;
}

/** @returns null for a caller of another trust domain, or whose service account's name is none */
function accountIn(trustDomain: string, principal: string): Account | null {
  const own = `${trustDomain}/`;
  const [, namespace, name] = /^ns\/([^/]+)\/sa\/([a-z0-9.-]+)$/.exec(principal.slice(own.length)) ?? [];
  return principal.startsWith(own) && namespace !== undefined && name !== undefined ? { namespace, name } : null;
}

/** Registers the caller as a workload, so that the mesh knows its labels. Its namespace, and it with that, may be gone since the last call. */
async function introduce(
  mesh: RunningMesh,
  { namespace, name: serviceAccountName }: Account,
  labels: Readonly<Record<string, string>>,
): Promise<void> {
  if (Object.keys(labels).length === 0) return;
  const name = `of-${serviceAccountName}`;
  const { status, text } = await mesh.control(
    `/k8s/api/v1/namespaces/${namespace}/pods/${name}?fieldManager=tulle-conformance-driver&force=true`,
    {
      method: "PATCH",
      headers: { "content-type": "application/apply-patch+yaml" },
      body: JSON.stringify({
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name, namespace, labels },
        spec: { serviceAccountName, containers: [{ name: "caller", image: "caller" }] },
      }),
    },
  );
  if (status >= 300) throw new Error(`the caller ${serviceAccountName} of ${namespace}: HTTP ${status} ${text}`);
}

interface GatewayObject {
  readonly metadata: { readonly generation: number; readonly annotations?: Readonly<Record<string, string>> };
  readonly spec: {
    readonly selector?: Readonly<Record<string, string>>;
    readonly servers: readonly {
      readonly port: { readonly number: number; readonly protocol: string };
      readonly tls?: { readonly mode?: string };
    }[];
  };
  readonly status?: {
    readonly addresses?: readonly { readonly value: string }[];
    readonly conditions?: readonly { readonly type: string; readonly observedGeneration?: number }[];
  };
}

/**
 * Once the edge listens. In Istio the Gateways of one workload share its ports: where several would be meant, it is the
 * way in to any Gateway's hosts.
 *
 * @returns null where the Gateway has no such port
 */
async function gatewayAddress(
  mesh: RunningMesh,
  { namespace, name, api }: GatewayRef,
  port: number,
  identity: () => Promise<Svid | null>,
): Promise<Place | null> {
  if (api !== "networking.istio.io") return null;
  const read = async () =>
    getObject<GatewayObject>(mesh, `apis/networking.istio.io/v1/namespaces/${namespace}/gateways/${name}`);
  await until(`${namespace}/${name} is listened for`, async () => isListenedFor(await read()), 10_000);
  const gateway = await read();
  const numbers = gateway?.spec.servers.map((one) => one.port.number) ?? [];
  const logical = numbers.includes(port) ? port : await gatewayServicePort(mesh, port);
  const server = gateway?.spec.servers.find((one) => one.port.number === logical);
  const host = gateway?.status?.addresses?.[0]?.value;
  if (server === undefined || host === undefined) return null;
  const bound = (gateway?.metadata.annotations?.["tulle.dev/bound-ports"] ?? "")
    .split(",")
    .map((pair) => pair.split("="))
    .find(([number]) => number === String(logical))?.[1];
  const place = { host, port: bound === undefined ? logical : Number(bound) };
  if (logical === 80 && server.port.protocol === "HTTP" && (await sharing(mesh, gateway)) > 1)
    return at(mesh.info.gateway);
  if (server.tls?.mode !== "ISTIO_MUTUAL") return place;
  const shown = await identity();
  return shown && { ...place, tls: { ...shown, ca: mesh.ca, servername: `${name}.${namespace}.svc.cluster.local` } };
}

interface EntryObject {
  readonly spec: { readonly ports?: readonly { readonly number: number; readonly targetPort?: number }[] };
}

/** Istio's gateways listen on the ports of their pods; clients, and the Gateway, name those of the service in front of them. */
async function gatewayServicePort(mesh: RunningMesh, port: number): Promise<number> {
  const path = "apis/networking.istio.io/v1/namespaces/istio-system/serviceentries";
  const entries = await getObject<{ readonly items: readonly EntryObject[] }>(mesh, path);
  const ports = (entries?.items ?? []).flatMap(({ spec }) => spec.ports ?? []);
  return ports.find(({ targetPort }) => targetPort === port)?.number ?? port;
}

/** How many Gateways select the same workload and port as this one. */
async function sharing(mesh: RunningMesh, gateway: GatewayObject | null): Promise<number> {
  const all = await getObject<{ readonly items: readonly GatewayObject[] }>(
    mesh,
    "apis/networking.istio.io/v1/gateways",
  );
  const selected = ({ spec }: GatewayObject): string =>
    Object.entries(spec.selector ?? {})
      .map(([key, value]) => `${key}=${value}`)
      .toSorted((one, other) => (one < other ? -1 : 1))
      .join();
  return (all?.items ?? []).filter(
    (one) =>
      gateway !== null &&
      selected(one) === selected(gateway) &&
      one.spec.servers.some(({ port }) => port.number === 80),
  ).length;
}

function isListenedFor(gateway: GatewayObject | null): boolean {
  const programmed = gateway?.status?.conditions?.find(({ type }) => type === "Programmed");
  return (
    (gateway?.status?.addresses?.length ?? 0) > 0 && programmed?.observedGeneration === gateway?.metadata.generation
  );
}

interface ServiceObject {
  readonly spec: { readonly ports?: readonly { readonly port: number; readonly targetPort?: number | string }[] };
}

/** What a caller dials to get to this port of the workload. */
async function servicePort(mesh: RunningMesh, { service, namespace, port }: Callee): Promise<number> {
  if (service === undefined) return port;
  const object = await getObject<ServiceObject>(mesh, `api/v1/namespaces/${namespace}/services/${service}`);
  return object?.spec.ports?.find(({ targetPort }) => targetPort === port)?.port ?? port;
}

async function getObject<T>(mesh: RunningMesh, path: string): Promise<T | null> {
  const { status, text } = await mesh.control(`/k8s/${path}`);
  if (status === 404) return null;
  if (status !== 200) throw new Error(`${path}: ${status} ${text}`);
  return JSON.parse(text) as T;
}

/** Thrown in the shape in which the runner tells a refusal from a failure. */
class Refused extends Error {
  readonly refusal: unknown;

  constructor(status: number, text: string) {
    const body = JSON.parse(text) as { message: string; details?: { causes?: readonly { field: string }[] } };
    super(`MeshConfig: HTTP ${status} ${body.message}`);
    this.refusal = {
      kind: "MeshConfig",
      status,
      message: body.message,
      fields: (body.details?.causes ?? []).map(({ field }) => field),
    };
  }
}

/** Istio's defaults, which our own are stricter than, and what the case sets; a setting that is not built is refused. */
async function applyMeshConfig(mesh: RunningMesh, settings: Settings): Promise<void> {
  const { escapedSlashes, outboundTrafficPolicy, ...others } = settings;
  const { mode } = outboundTrafficPolicy as { readonly mode: string };
  const { normalization } = (others["pathNormalization"] ?? {}) as { readonly normalization?: string };
  const spec = {
    ...Object.fromEntries(Object.entries(others).filter(([, value]) => !isEmpty(value))),
    // To Istio the normalization comes first; here what is written for escaped slashes does.
    ...(normalization !== "DECODE_AND_MERGE_SLASHES" && { escapedSlashes: { default: escapedSlashes } }),
    ...(mode !== "ALLOW_ANY" && { outboundTrafficPolicy }),
    egress: { allowedHosts: EGRESS },
    privateRanges: [...RANGES, ...PRIVATE_NAMES].map((range) => ({ range, namespaces: ["*"] })),
  };
  const metadata = { name: "default", namespace: "istio-system" };
  const { status, text } = await mesh.control(`${MESH_CONFIG}?fieldManager=tulle-conformance-driver&force=true`, {
    method: "PATCH",
    headers: { "content-type": "application/apply-patch+yaml" },
    body: JSON.stringify({ apiVersion: "tulle.dev/v1alpha1", kind: "MeshConfig", metadata, spec }),
  });
  if (status >= 300) throw new Refused(status, text);
}

function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

const SETTLE_MS = 60_000;
const TAIL_BYTES = 32_768;

interface MeshStatus {
  readonly gateways: readonly { readonly gateway: string; readonly generation: number | null }[];
}

/**
 * Until the gateway that all ways in lead to decides by its newest root: its access log says by which generation. Writes
 * that change nothing for a gateway give it no new root.
 */
async function settled(mesh: RunningMesh): Promise<void> {
  const host = `${randomUUID()}.settled.invalid`;
  const isSettled = async (): Promise<boolean> => {
    const { text } = await mesh.control("/api/v1/status");
    const { gateways } = JSON.parse(text) as MeshStatus;
    await send(`${mesh.info.gateway}/`, { host });
    const record = newestRecords(mesh).findLast(({ authority }) => authority === host);
    const newest = gateways.find(({ gateway }) => gateway === record?.gateway)?.generation ?? null;
    return newest !== null && record !== undefined && record.generation >= newest;
  };
  await until("the gateway has its newest root", isSettled, SETTLE_MS);
}

function newestRecords(mesh: RunningMesh): readonly AccessRecord[] {
  const file = openSync(join(mesh.info.stateDir, "access.log"), "r");
  try {
    const { size } = fstatSync(file);
    const bytes = Buffer.alloc(Math.min(size, TAIL_BYTES));
    readSync(file, bytes, 0, bytes.length, size - bytes.length);
    const [, ...lines] = `\n${bytes.toString("utf8")}`.split("\n");
    return lines
      .filter((line) => line.startsWith("{") && line.endsWith("}"))
      .map((line) => JSON.parse(line) as AccessRecord);
  } finally {
    closeSync(file);
  }
}
