import { TOPOLOGY_LABELS } from "../balancing/levels.ts";
import { addressKey } from "../resources/address.ts";
import type { EndpointSliceFields, ServiceSpec } from "../resources/core.ts";
import { canonicalHost } from "../resources/host.ts";
import type { KubeObject } from "../resources/object.ts";
import { refKey, refOf } from "../resources/object.ts";
import type { ServiceEntrySpec } from "../resources/service-entry.ts";
import type { WorkloadEntrySpec } from "../resources/workload-entry.ts";
import type { EndpointAddress, Probe, Workload } from "../snapshot/model.ts";
import { endpointAt, ownerOf, sliceEndpointWorkload } from "./addresses.ts";
import { visible } from "./exports.ts";
import { importedPorts, importsOf } from "./imports.ts";
import { namespaceNamed, namespaceOf, selects, serviceHost, trustDomain, viewerNamespace } from "./view.ts";
import { probeOf } from "./probes.ts";
import { addressOfHost, endpointLabels, firstPair, hostsByName, workloadLabels } from "./entries.ts";
import type { Viewer, World } from "./world.ts";

/** What a host stands for: a Kubernetes Service or a ServiceEntry. */
export interface ServiceInfo {
  readonly host: string;
  readonly name: string;
  readonly namespace: string;
  readonly ports: readonly ServicePort[];
  readonly object: KubeObject;
}

interface ServicePort {
  readonly number: number;
  readonly name: string;
  /** Of the workload: a number, or the name of one of its ports. */
  readonly target: number | string;
}

/** An endpoint as it is registered for one service; its policies depend on its address alone. */
export interface ServiceEndpoint {
  readonly id: string;
  readonly address: EndpointAddress;
  /** What its registrations are looked up by, with the port. */
  readonly key: string;
  readonly port: number;
  readonly weight: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly workload: Workload;
  /** `region/zone/subzone`, or its beginning; empty where nobody says. */
  readonly locality: string;
  /** Epoch ms of what registers it; null where the object is not stored yet. */
  readonly since: number | null;
  readonly probe?: Probe;
}

/** The service behind a host as a namespace sees it: its own goes before others', the older before the younger. */
export function serviceFor(world: World, host: string, viewer: Viewer): ServiceInfo | null {
  const { memo, inventory } = world;
  return memo.get(`service ${viewer} ${host}`, () => {
    const exported = inventory
      .of("service", host)
      .filter((object) => visible(world, object, viewer) && mayOwn(object, host));
    const imports = importsOf(world, viewer);
    const imported = exported.filter((object) => importedPorts(imports, object, host, portsOf(object)) !== null);
    // What is not imported is still a destination of rules that are.
    const candidates = imported.length > 0 ? imported : exported;
    const chosen =
      candidates.find(({ kind }) => kind === "Service") ??
      candidates.find((object) => namespaceOf(object) === viewerNamespace(viewer)) ??
      candidates[0];
    return chosen ? infoOf(chosen, host) : null;
  });
}

/** The service behind a host that a viewer may dial, with the ports that its Sidecar imports. */
export function importedService(world: World, host: string, viewer: Viewer): ServiceInfo | null {
  const service = serviceFor(world, host, viewer);
  if (service === null) return null;
  const numbers = service.ports.map(({ number }) => number);
  const imported = importedPorts(importsOf(world, viewer), service.object, host, numbers);
  return imported && { ...service, ports: service.ports.filter(({ number }) => imported.includes(number)) };
}

function portsOf(object: KubeObject): readonly number[] {
  return infoOf(object, "").ports.map(({ number }) => number);
}

/** The ports of a Kubernetes Service whose `targetPort` is a number, with that, by their names. */
export function numericTargets({ inventory }: World, host: string): ReadonlyMap<string, number> {
  const service = inventory.of("service", host).find((object) => object.kind === "Service" && mayOwn(object, host));
  const ports = service ? infoOf(service, host).ports : [];
  return new Map(ports.flatMap(({ name, target }) => (typeof target === "number" ? [[name, target]] : [])));
}

/** Names below a namespace's own are that namespace's: nobody else may stand in for its services, by no pattern either (R19). */
export function mayOwn(object: KubeObject, host: string): boolean {
  const owner = namespaceNamed(host);
  return owner === null || owner === namespaceOf(object);
}

/** All services that an object defines. */
export function servicesOf(object: KubeObject): readonly ServiceInfo[] {
  if (object.kind === "Service") return [infoOf(object, serviceHost(object.metadata.name, namespaceOf(object)))];
  const { hosts } = object.spec as ServiceEntrySpec;
  return hosts.map(canonicalHost).flatMap((host) => (mayOwn(object, host) ? [infoOf(object, host)] : []));
}

function infoOf(object: KubeObject, host: string): ServiceInfo {
  const namespace = namespaceOf(object);
  if (object.kind === "Service") {
    const ports = ((object.spec as ServiceSpec).ports ?? [])
      .filter(({ protocol = "TCP" }) => protocol === "TCP")
      .map(({ port, name = "", targetPort }) => ({ number: port, name, target: targetPort ?? port }));
    return { host, name: object.metadata.name, namespace, ports, object };
  }
  const ports = ((object.spec as ServiceEntrySpec).ports ?? []).map(({ number, name, targetPort }) => ({
    number,
    name,
    target: targetPort ?? number,
  }));
  return { host, name: host, namespace, ports, object };
}

/** Where a service's port is served: each address once, sorted, without those that it may not use. */
export function endpointsOf(world: World, service: ServiceInfo, port: number): readonly ServiceEndpoint[] {
  return world.memo.get(`endpoints ${refKey(refOf(service.object))} ${service.host} ${port}`, () => {
    // Read here as well, so that the endpoints follow the object whoever asked first.
    world.inventory.of("service", service.host);
    const servicePort = service.ports.find(({ number }) => number === port);
    if (!servicePort) return [];
    const found =
      service.object.kind === "Service"
        ? kubernetesEndpoints(world, service, servicePort)
        : entryEndpoints(world, service, servicePort);
    const byId = new Map<string, ServiceEndpoint>();
    for (const endpoint of found) if (!byId.has(endpoint.id)) byId.set(endpoint.id, endpoint);
    return [...byId.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  });
}

function kubernetesEndpoints(world: World, service: ServiceInfo, port: ServicePort): readonly ServiceEndpoint[] {
  const { inventory } = world;
  const { namespace, name, object } = service;
  const slices = inventory
    .of("endpoint-slice", `${namespace}/${name}`)
    .flatMap((slice) => sliceEndpoints(world, slice, port));
  const { selector = {} } = object.spec as ServiceSpec;
  if (Object.keys(selector).length === 0) return slices;
  return [...slices, ...selected(world, selector, namespace, port)];
}

function sliceEndpoints(world: World, slice: KubeObject, port: ServicePort): readonly ServiceEndpoint[] {
  const { endpoints, ports = [] } = slice as unknown as EndpointSliceFields;
  const number = ports.find(({ name = "" }) => name === port.name)?.port;
  if (number === undefined) return [];
  return endpoints
    .filter(({ conditions }) => conditions?.ready !== false)
    .flatMap((endpoint) => {
      const { name, labels, serviceAccount, object } = sliceEndpointWorkload(world, slice, endpoint);
      const workload = workloadOf(world, name, namespaceOf(slice), serviceAccount, labels);
      return endpoint.addresses.flatMap((address) => made(world, address, number, { object, labels, workload }));
    });
}

function entryEndpoints(world: World, service: ServiceInfo, port: ServicePort): readonly ServiceEndpoint[] {
  const { object, namespace } = service;
  const spec = object.spec as ServiceEntrySpec;
  const target = typeof port.target === "number" ? port.target : port.number;
  if (hostsByName(spec).includes(service.host)) {
    const workload = workloadOf(world, object.metadata.name, namespace, null, {});
    return made(world, addressOfHost(service.host), target, { object, labels: {}, workload });
  }
  if (spec.workloadSelector !== undefined) return selected(world, spec.workloadSelector.labels ?? {}, namespace, port);
  return (spec.endpoints ?? []).flatMap(({ address, ports, weight, serviceAccount = null, ...endpoint }) => {
    const labels = endpointLabels(endpoint);
    const workload = workloadOf(world, labels["app"] ?? object.metadata.name, namespace, serviceAccount, labels);
    return made(world, address, ports?.[port.name] ?? target, { object, weight, labels, workload });
  });
}

function selected(
  world: World,
  selector: Readonly<Record<string, string>>,
  namespace: string,
  port: ServicePort,
): readonly ServiceEndpoint[] {
  return world.inventory
    .of("workload", `${namespace}/${firstPair(selector)}`)
    .filter((entry) => selects(selector, workloadLabels(entry)))
    .flatMap((entry) => {
      const { address, ports = {}, weight, serviceAccount = null } = entry.spec as WorkloadEntrySpec;
      const labels = workloadLabels(entry);
      const named = ports[port.name] ?? (typeof port.target === "string" ? ports[port.target] : port.target);
      // A target that is a name which the workload does not have: it does not serve this port.
      if (named === undefined) return [];
      const workload = workloadOf(world, entry.metadata.name, namespace, serviceAccount, labels);
      const probe = probeOf(world, entry);
      const endpoints = made(world, address, named, { object: entry, weight, labels, workload });
      return probe === null ? endpoints : endpoints.map((endpoint) => ({ ...endpoint, probe }));
    });
}

/** What says that a workload serves. */
interface Registered {
  /** Since when the workload is there: the object itself, or its Pod. */
  readonly object: KubeObject;
  readonly weight?: number | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly workload: Workload;
}

/** None where the mesh's settings or another namespace's claim forbid the address. */
function made(
  world: World,
  address: string,
  port: number,
  { object, weight = 1, labels, workload }: Registered,
): readonly ServiceEndpoint[] {
  const key = addressKey(address);
  const place = endpointAt(world, address, port, workload.namespace);
  if (place === null || weight === 0) return [];
  const owner = ownerOf(world, key, port);
  if (owner !== null && owner !== workload.namespace) return [];
  const since = Date.parse(object.metadata.creationTimestamp ?? "");
  return [
    {
      ...place,
      key,
      port,
      weight,
      labels,
      workload,
      locality: localityBy(labels),
      since: Number.isNaN(since) ? null : since,
    },
  ];
}

/** As labels tell it: Istio's own, with dots for `/`, or those of topology. */
function localityBy(labels: Readonly<Record<string, string>>): string {
  const own = labels["istio-locality"];
  if (own !== undefined) return own.includes("/") ? own : own.replaceAll(".", "/");
  const parts = TOPOLOGY_LABELS.map((name) => labels[name] ?? "");
  const end = parts.indexOf("");
  return parts.slice(0, end < 0 ? parts.length : end).join("/");
}

function workloadOf(
  world: World,
  name: string,
  namespace: string,
  serviceAccount: string | null,
  labels: Readonly<Record<string, string>>,
): Workload {
  return {
    name,
    namespace,
    principal: serviceAccount === null ? null : `${trustDomain(world)}/ns/${namespace}/sa/${serviceAccount}`,
    ...namesBy(labels, name),
  };
}

/** As Istio 1.30 reads labels: what metrics call app and version is one thing, its canonical service and revision another. */
function namesBy(
  labels: Readonly<Record<string, string>>,
  name: string,
): Pick<Workload, "app" | "version" | "canonicalService" | "canonicalRevision"> {
  const canonical = labels["service.istio.io/canonical-name"];
  const revision = labels["service.istio.io/canonical-revision"];
  const known = labels["app.kubernetes.io/name"];
  const knownVersion = labels["app.kubernetes.io/version"];
  const app = labels["app"] ?? known ?? canonical ?? name;
  const version = labels["version"] ?? knownVersion ?? revision ?? "latest";
  const canonicalService = canonical ?? known ?? labels["app"] ?? name;
  const canonicalRevision = revision ?? knownVersion ?? labels["version"] ?? "latest";
  return {
    app,
    version,
    ...(canonicalService !== app && { canonicalService }),
    ...(canonicalRevision !== version && { canonicalRevision }),
  };
}
