import type { Descriptions } from "../../descriptions.ts";

export const DESCRIPTIONS: Descriptions = {
  "": "Says which services and rules callers of the namespace see; one in the root namespace is for all that have none.",
  spec: "The callers and what they see.",
  "spec.workloadSelector": "Which callers of the namespace it is for; without it all that no other one selects.",
  "spec.workloadSelector.labels": "Labels that a caller must all have.",
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
