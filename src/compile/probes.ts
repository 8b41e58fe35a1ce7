import { addressKey, parseAddress } from "../resources/address.ts";
import type { KubeObject } from "../resources/object.ts";
import { placeOfProbe, type ProbeSpec } from "../resources/probe.ts";
import { GROUP_ANNOTATION, type WorkloadGroupSpec } from "../resources/workload-group.ts";
import type { WorkloadEntrySpec } from "../resources/workload-entry.ts";
import type { Probe } from "../snapshot/model.ts";
import { formatSpiffeId } from "../identity/spiffe-id.ts";
import { addressProblem, endpointAt, ownerOf } from "./addresses.ts";
import { hasAgent } from "./agents.ts";
import { workloadLabels } from "./entries.ts";
import { namespaceOf, trustDomain } from "./view.ts";
import type { World } from "./world.ts";

/** The probe of a WorkloadEntry that its group made; null: none, or none that the mesh's settings allow. */
export function probeOf(world: World, entry: KubeObject): Probe | null {
  const probe = groupProbe(world, entry);
  if (probe === null) return null;
  const namespace = namespaceOf(entry);
  const { address: own } = entry.spec as WorkloadEntrySpec;
  const { port, host = own } = placeOfProbe(probe);
  if (probeProblem(world, host, port, namespace) !== null) return null;
  const at = endpointAt(world, host, port, namespace);
  if (at === null) return null;
  const to = { authority: `${hostOf(host)}:${port}`, settings: settingsOf(probe) };
  const { httpGet, grpc } = probe;
  const { address } = at;
  if (httpGet === undefined) {
    if (unprobedBy(world, entry) !== null || address.kind === "binding") return null;
    return { ...to, address, ...(grpc && { grpc: { service: grpc.service ?? "" } }) };
  }
  return {
    ...to,
    address: wayOf(world, entry, address, host === own, httpGet.scheme === "HTTPS"),
    get: {
      path: httpGet.path ?? "/",
      headers: (httpGet.httpHeaders ?? []).map(({ name, value = "" }) => [name.toLowerCase(), value] as const),
    },
  };
}

/** The workload itself is asked through its agent, where it has one. */
function wayOf(
  world: World,
  entry: KubeObject,
  address: Probe["address"],
  isOwn: boolean,
  secure: boolean,
): Probe["address"] {
  if (address.kind !== "private") return address;
  const { serviceAccount } = entry.spec as WorkloadEntrySpec;
  if (!isOwn || !hasAgent(workloadLabels(entry)) || serviceAccount === undefined)
    return secure ? { ...address, tls: true } : address;
  const id = formatSpiffeId(trustDomain(world), namespaceOf(entry), serviceAccount);
  return { ...address, tls: true, peers: [id] };
}

/** Why the workload's own address cannot be asked as its group's probe says; null: it can, or there is none. */
export function unprobedBy(world: World, entry: KubeObject): string | null {
  const { tcpSocket, grpc } = groupProbe(world, entry) ?? {};
  const { address } = entry.spec as WorkloadEntrySpec;
  const isBinding = address.startsWith("binding:");
  if (tcpSocket !== undefined && tcpSocket.host === undefined && isBinding)
    return "`tcpSocket`, is not made: a service binding has no port; use `httpGet`";
  if (grpc === undefined) return null;
  if (isBinding) return "`grpc`, is not made: a service binding carries no HTTP/2; use `httpGet`";
  if (address.startsWith("https:"))
    return "`grpc`, is not made: a Worker's connection by TLS cannot ask for HTTP/2; use `httpGet` or `tcpSocket`";
  return hasAgent(workloadLabels(entry)) ? "`grpc`, is not made: an agent speaks no HTTP/2; use `tcpSocket`" : null;
}

function groupProbe(world: World, entry: KubeObject): ProbeSpec | null {
  const group = entry.metadata.annotations?.[GROUP_ANNOTATION];
  if (group === undefined) return null;
  const [owner] = world.inventory.of("workload-group", `${namespaceOf(entry)}/${group}`);
  return ((owner?.spec ?? {}) as Partial<WorkloadGroupSpec>).probe ?? null;
}

/**
 * A probe passes no policy, so it goes only where the namespace's own endpoints may be, and to none that is another namespace's.
 *
 * @returns why it must not go there, or null
 */
export function probeProblem(world: World, address: string, port: number, namespace: string): string | null {
  const problem = addressProblem(world, address, namespace);
  if (problem !== null) return problem;
  const owner = ownerOf(world, addressKey(address), port);
  return owner === null || owner === namespace ? null : `\`${address}\` belongs to namespace \`${owner}\``;
}

/** A service binding has no name of its own that its Worker knows. */
function hostOf(address: string): string {
  const parsed = parseAddress(address, true);
  if (!parsed.ok || parsed.value.kind === "binding") return "probe.invalid";
  const { value } = parsed;
  if (value.kind === "ip") return value.ip.includes(":") ? `[${value.ip}]` : value.ip;
  return value.kind === "origin" ? value.host : value.name;
}

function settingsOf(probe: ProbeSpec): Probe["settings"] {
  const { initialDelaySeconds = 0, timeoutSeconds, periodSeconds, successThreshold, failureThreshold } = probe;
  return {
    initialDelayMs: initialDelaySeconds * 1_000,
    timeoutMs: (timeoutSeconds || 1) * 1_000,
    periodMs: (periodSeconds || 10) * 1_000,
    successThreshold: successThreshold || 1,
    failureThreshold: failureThreshold || 3,
  };
}
