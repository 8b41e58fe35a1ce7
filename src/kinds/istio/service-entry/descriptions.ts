import { WORKLOAD, at, type Descriptions } from "../../descriptions.ts";

export const DESCRIPTIONS: Descriptions = {
  "": "Makes hosts known to the mesh and says where they are.",
  spec: "The hosts, their ports and their endpoints.",
  "spec.hosts": "Host names, or `*.` followed by one, that callers use.",
  "spec.ports": "The ports that the hosts are called on.",
  "spec.ports.number": "The number that callers use.",
  "spec.ports.protocol": "What is spoken there: HTTP (the default), HTTPS, HTTP2 or GRPC-WEB.",
  "spec.ports.name": "Tells ports apart.",
  "spec.ports.targetPort": "Number of the port at the endpoint; the same as `number` by default.",
  "spec.location":
    "Whether the hosts are part of the mesh; those of MESH_EXTERNAL, which is the default, are not told who calls.",
  "spec.resolution":
    "STATIC: `endpoints` or `workloadSelector` say where the hosts are; DNS and DNS_ROUND_ROBIN: endpoints are names, or the hosts themselves; NONE (the default) and DYNAMIC_DNS: the host that is asked for.",
  "spec.endpoints": "Where requests can be sent; not together with `workloadSelector`.",
  ...at(["spec.endpoints"], WORKLOAD),
  "spec.workloadSelector": "Picks WorkloadEntries of the namespace as endpoints.",
  "spec.workloadSelector.labels": "Labels that an endpoint must all have.",
  "spec.exportTo": "Namespaces that see the hosts: `.` its own, `*` all (the default), `~` nobody, or names.",
};
