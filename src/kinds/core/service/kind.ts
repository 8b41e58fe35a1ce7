import { serviceFor } from "../../../compile/services.ts";
import { namespaceOf, serviceHost } from "../../../compile/view.ts";
import { checkService, Service, type ServiceSpec, withClusterIp } from "../../../resources/core.ts";
import { CORE_AGE, text, wide } from "../../columns.ts";
import { coreKind } from "../../kind.ts";
import { lists } from "../../list-keys.ts";
import { reader } from "../../reader.ts";
import { checkServed } from "../../istio/endpoints-of.ts";
import { clusterIp, externalIp, servicePorts, serviceSelector, serviceType } from "./cells.ts";

export const SERVICE = coreKind({
  kind: "Service",
  plural: "services",
  shortNames: ["svc"],
  categories: ["all"],
  hasStatus: true,
  reader: reader(Service, checkService, withClusterIp),
  entries: ({ metadata: { namespace = "", name }, spec }) =>
    (spec as ServiceSpec).type === "ExternalName"
      ? []
      : [
          ["service", serviceHost(name, namespace)],
          ["hosts-of", namespace],
        ],
  check: (world, object) => {
    const host = serviceHost(object.metadata.name, namespaceOf(object));
    const service = serviceFor(world, host, namespaceOf(object));
    return service?.object === object ? checkServed(world, service, "spec.selector", "TULLE0504") : [];
  },
  columns: [
    text("Type", "How the service is exposed.", serviceType),
    text("Cluster-IP", "The address of the service inside of the cluster.", clusterIp),
    text("External-IP", "Addresses of the service outside of the cluster.", externalIp),
    text("Port(s)", "The ports of the service, with their protocols.", servicePorts),
    CORE_AGE,
    wide(text("Selector", "Labels of the pods that traffic goes to.", serviceSelector)),
  ],
  descriptions: {
    "": "A name in the mesh, with its ports and the endpoints behind it.",
    spec: "What the service is; fields that the mesh does not read are kept.",
    "spec.ports": "The ports that it is called on.",
    "spec.ports.port": "The number that callers use.",
    "spec.ports.name": "Tells ports apart; needed where there are several.",
    "spec.ports.protocol": "Only TCP, the default, is served.",
    "spec.ports.targetPort": "Number, or name, of the port at the endpoint; the same as `port` by default.",
    "spec.ports.appProtocol": "What is spoken on the port.",
    "spec.selector":
      "Labels of WorkloadEntries that are endpoints, beside those of its EndpointSlices; empty picks none.",
    "spec.type": "ExternalName is kept and not served; the others mean the same here.",
  },
  keptFields: {
    spec: [
      "allocateLoadBalancerNodePorts?",
      "clusterIP",
      "clusterIPs[]",
      "externalIPs[]",
      "externalName",
      "externalTrafficPolicy",
      "healthCheckNodePort#",
      "internalTrafficPolicy",
      "ipFamilies[]",
      "ipFamily",
      "ipFamilyPolicy",
      "loadBalancerClass",
      "loadBalancerIP",
      "loadBalancerSourceRanges[]",
      "publishNotReadyAddresses?",
      "sessionAffinity",
      "sessionAffinityConfig{}",
      "topologyKeys[]",
      "trafficDistribution",
    ],
    "spec.ports": ["nodePort#"],
    "spec.sessionAffinityConfig": ["clientIP{}"],
    status: ["loadBalancer{}"],
    "status.loadBalancer": ["ingress[{}]"],
  },
  lists: lists(["spec.ports", { apply: ["port", "protocol"], merge: "port" }]),
});
