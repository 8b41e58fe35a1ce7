import { addressKey } from "../resources/address.ts";
import type { EndpointSliceFields } from "../resources/core.ts";
import type { DestinationRuleSpec } from "../resources/destination-rule.ts";
import type { Finding } from "../resources/finding.ts";
import type { MeshConfigSpec } from "../resources/mesh-config.ts";
import type { KubeObject } from "../resources/object.ts";
import type { RequestAuthenticationSpec } from "../resources/request-authentication.ts";
import type { ServiceEntrySpec } from "../resources/service-entry.ts";
import type { VirtualServiceSpec } from "../resources/virtual-service.ts";
import type { WorkloadEntrySpec } from "../resources/workload-entry.ts";
import { addressProblem, isEgressAllowed, ownerOf, registrationsIn } from "./addresses.ts";
import { gatewaysOf, originsOfHosts, selectorOf } from "./entries.ts";
import { gatewayAt } from "./istio/gateway-hosts.ts";
import { destinationPolicy } from "./istio/destination-rules.ts";
import { routeFor } from "./istio/mesh-hosts.ts";
import { mayOwn, serviceFor } from "./istio/services.ts";
import { GATEWAY_NAMESPACE, namespaceOf, qualified, rootNamespace, type World } from "./view.ts";

/** What is wrong with an object among all others; its own form was checked before. */
export function checkObject(world: World, object: KubeObject): readonly Finding[] {
  switch (object.kind) {
    case "WorkloadEntry":
      return checkAddress(world, object, (object.spec as WorkloadEntrySpec).address, "spec.address");
    case "EndpointSlice":
      return (object as unknown as EndpointSliceFields).endpoints.flatMap(({ addresses }, index) =>
        addresses.flatMap((address, at) =>
          checkAddress(world, object, address, `endpoints[${index}].addresses[${at}]`),
        ),
      );
    case "ServiceEntry":
      return checkServiceEntry(world, object);
    case "MeshConfig":
      return checkMeshConfig(world, object);
    case "RequestAuthentication":
      return checkKeySets(world, object);
    case "PeerAuthentication":
      return checkPeerAuthentication(world, object);
    case "VirtualService":
      return checkVirtualService(world, object);
    case "DestinationRule":
      return checkDestinationRule(world, object);
    default:
      return [];
  }
}

function error(field: string, message: string): Finding {
  return { severity: "error", reason: "FieldValueInvalid", field, message };
}

function warning(field: string, message: string): Finding {
  return { severity: "warning", reason: "FieldValueInvalid", field, message };
}

function checkAddress(world: World, object: KubeObject, address: string, field: string): readonly Finding[] {
  const namespace = namespaceOf(object);
  const problem = addressProblem(world, address, namespace);
  if (problem !== null) return [error(field, problem)];
  const key = addressKey(address);
  const ports = registrationsIn(world, object, key).flatMap((registration) => registration.ports ?? [0]);
  for (const port of new Set(ports)) {
    const owner = ownerOf(world, key, port);
    if (owner !== null && owner !== namespace)
      return [error(field, `\`${address}\` belongs to namespace \`${owner}\`, which registered it first`)];
  }
  return [];
}

function checkServiceEntry(world: World, object: KubeObject): readonly Finding[] {
  const spec = object.spec as ServiceEntrySpec;
  const origins = originsOfHosts(spec);
  return [
    ...spec.hosts.flatMap((host, index) => {
      const field = `spec.hosts[${index}]`;
      const name = host.toLowerCase();
      if (!mayOwn(object, name)) return [error(field, `\`${host}\` is a name of another namespace's service`)];
      const serving = serviceFor(world, name, namespaceOf(object));
      if (serving && serving.object.kind === "Service")
        return [warning(field, `has no effect: the Service \`${serving.namespace}/${serving.name}\` has this name`)];
      const origin = origins[index];
      return origin === undefined ? [] : checkAddress(world, object, origin, field);
    }),
    ...(spec.endpoints ?? []).flatMap(({ address }, index) =>
      checkAddress(world, object, address, `spec.endpoints[${index}].address`),
    ),
  ];
}

function checkMeshConfig(world: World, object: KubeObject): readonly Finding[] {
  const { trustDomain } = object.spec as MeshConfigSpec;
  const findings: Finding[] = [];
  if (namespaceOf(object) !== GATEWAY_NAMESPACE)
    findings.push(error("metadata.namespace", `the mesh's settings stand in namespace \`${GATEWAY_NAMESPACE}\``));
  if (trustDomain !== undefined && trustDomain !== world.trustDomain)
    findings.push(
      error(
        "spec.trustDomain",
        `the mesh was deployed with \`${world.trustDomain}\`, which its certificates carry; set the variable TRUST_DOMAIN of control and deploy it again`,
      ),
    );
  return findings;
}

function checkKeySets(world: World, object: KubeObject): readonly Finding[] {
  const { jwtRules = [] } = object.spec as RequestAuthenticationSpec;
  return jwtRules.flatMap(({ jwksUri }, index) => {
    const url = jwksUri === undefined ? null : URL.parse(jwksUri);
    // Plain http is left by the schema for loopback in the local mesh alone.
    if (url === null || url.protocol === "http:" || isEgressAllowed(world, url.hostname)) return [];
    const message = `\`${url.hostname}\` is not on \`egress.allowedHosts\` of the MeshConfig; its administrator can add it`;
    return [error(`spec.jwtRules[${index}].jwksUri`, message)];
  });
}

function checkPeerAuthentication(world: World, object: KubeObject): readonly Finding[] {
  const namespace = namespaceOf(object);
  const general = Object.keys(selectorOf(object)).length === 0;
  if (!general)
    return namespace === rootNamespace(world)
      ? [warning("spec.selector", "ignored: in the root namespace only one without a selector has an effect")]
      : [];
  const oldest = world.inventory
    .of("policy", `${namespace}/`)
    .find(({ kind, metadata: { name } }) => kind === object.kind && name !== object.metadata.name);
  return oldest
    ? [warning("metadata.name", `\`${oldest.metadata.name}\` is for the whole namespace too; the older one holds`)]
    : [];
}

function checkVirtualService(world: World, object: KubeObject): readonly Finding[] {
  const spec = object.spec as VirtualServiceSpec;
  const namespace = namespaceOf(object);
  const findings: Finding[] = [];
  const gateways = gatewaysOf(object);
  for (const [index, name] of gateways.entries())
    if (name !== "mesh" && gatewayAt(world, name) === null)
      findings.push(warning(`spec.gateways[${index}]`, `there is no Gateway \`${name}\` yet`));
  if (gateways.includes("mesh")) {
    for (const [index, host] of spec.hosts.entries()) {
      const other = routeFor(world, qualified(host, namespace), namespace);
      if (other && other.metadata.uid !== object.metadata.uid)
        findings.push(
          warning(
            `spec.hosts[${index}]`,
            `no effect on \`${host}\`: the older VirtualService \`${namespaceOf(other)}/${other.metadata.name}\` routes it`,
          ),
        );
    }
  }
  for (const [index, rule] of spec.http.entries())
    for (const [at, { destination }] of rule.route.entries()) {
      const problem = destinationProblem(world, destination, namespace);
      if (problem !== null) findings.push(warning(`spec.http[${index}].route[${at}].destination`, problem));
    }
  return findings;
}

type Destination = VirtualServiceSpec["http"][number]["route"][number]["destination"];

function destinationProblem(world: World, { host, subset, port }: Destination, namespace: string): string | null {
  const name = qualified(host, namespace);
  const service = serviceFor(world, name, namespace);
  if (!service) return `there is no service \`${name}\` yet: its requests are answered with 503`;
  if (port !== undefined && !service.ports.some(({ number }) => number === port.number))
    return `\`${name}\` has no port ${port.number}: its requests are answered with 503`;
  const { subsets } = destinationPolicy(world, name, service.namespace, namespace);
  return subset === undefined || subsets.has(subset)
    ? null
    : `no DestinationRule of \`${name}\` has a subset \`${subset}\` yet: its requests are answered with 503`;
}

function checkDestinationRule(world: World, object: KubeObject): readonly Finding[] {
  const { host } = object.spec as DestinationRuleSpec;
  const namespace = namespaceOf(object);
  const name = qualified(host, namespace);
  if (name.startsWith("*") || serviceFor(world, name, namespace)) return [];
  return [warning("spec.host", `there is no service \`${name}\` yet`)];
}
