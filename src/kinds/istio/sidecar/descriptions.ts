import { at, type Descriptions } from "../../descriptions.ts";

export const DESCRIPTIONS: Descriptions = {
  "": "Says which services and rules callers of the namespace see; one in the root namespace is for all that have none.",
  spec: "The callers and what they see.",
  "spec.workloadSelector": "Which callers of the namespace it is for; without it all that no other one selects.",
  "spec.workloadSelector.labels": "Labels that a caller must all have.",
  "spec.ingress": "Ports of the workloads.",
  "spec.ingress.port": "Which port it is.",
  "spec.ingress.port.number": "The number that the workload listens on.",
  "spec.ingress.port.protocol": "What is spoken there; only HTTP comes through the mesh.",
  "spec.ingress.port.name": "Names the port for people.",
  "spec.ingress.captureMode": "Only DEFAULT.",
  "spec.ingress.defaultEndpoint": "The workload itself: a loopback address or any, with the same port.",
  "spec.ingress.connectionPool":
    "How many calls a workload takes at once at this port; replaces `inboundConnectionPool`.",
  "spec.inboundConnectionPool": "How many calls a workload takes at once, whoever makes them.",
  ...at(["spec.ingress.connectionPool", "spec.inboundConnectionPool"], {
    tcp: "Limits that Istio sets on connections.",
    "tcp.maxConnections": "Calls that may be under way; further ones are refused with 503.",
    http: "Limits on calls.",
    "http.http2MaxRequests": "As `tcp.maxConnections`; the smaller one counts.",
    "http.http1MaxPendingRequests": "No effect: nobody waits in front of a workload.",
    "http.maxRetries": "No effect: in front of a workload nothing is tried again.",
  }),
  "spec.egress": "What is seen; without it everything.",
  "spec.egress.port": "The only port of these hosts that is seen; all by default.",
  "spec.egress.port.number": "Number of the service's port.",
  "spec.egress.port.protocol": "What is spoken there: HTTP, HTTPS, HTTP2 or GRPC-WEB.",
  "spec.egress.port.name": "Names the port for people.",
  "spec.egress.captureMode": "Only DEFAULT.",
  "spec.egress.hosts":
    "`namespace/host`: the namespace is a name, `.` for the own one or `*`; `~namespace/host` leaves out, `~/*` is nothing.",
  "spec.outboundTrafficPolicy": "What becomes of calls to hosts that are not seen; as the MeshConfig says by default.",
  "spec.outboundTrafficPolicy.mode":
    "REGISTRY_ONLY (the default of the block) answers 502, ALLOW_ANY passes to public hosts that the MeshConfig allows.",
  "spec.outboundTrafficPolicy.egressProxy": "The service that all such calls go to.",
  "spec.outboundTrafficPolicy.egressProxy.host": "Host of the service.",
  "spec.outboundTrafficPolicy.egressProxy.subset": "A part of it by the name that a DestinationRule gives it.",
  "spec.outboundTrafficPolicy.egressProxy.port": "Port of the service.",
};
