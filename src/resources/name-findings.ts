import type { FindingKind } from "./finding-kind.ts";

/** Names of what is not there. */
export const NAME_FINDINGS = {
  TULLE0101: {
    name: "UnknownGateway",
    severity: "warning",
    meaning: "a VirtualService names a Gateway that is not there: it routes nothing at it",
    mend: "apply the Gateway, or write its name as `namespace/name`",
    istio: ["IST0101"],
  },
  TULLE0102: {
    name: "UnknownService",
    severity: "warning",
    meaning:
      "a route's destination is a host that no Service and no ServiceEntry has: its requests are answered with 503",
    mend: "apply the service, or write the host in full: a short name is one of the VirtualService's own namespace",
    istio: ["IST0101"],
  },
  TULLE0103: {
    name: "UnknownPort",
    severity: "warning",
    meaning: "a route's destination has no such port: its requests are answered with 503",
    mend: "name one of the service's ports by its number",
    istio: ["IST0101"],
  },
  TULLE0104: {
    name: "UnknownSubset",
    severity: "warning",
    meaning: "no DestinationRule of the host has the subset that a route names: its requests are answered with 503",
    mend: "add the subset to the DestinationRule that holds for the caller, or apply one",
    istio: ["IST0101"],
  },
  TULLE0105: {
    name: "UnknownRuleHost",
    severity: "warning",
    meaning: "a DestinationRule is for a host that no Service and no ServiceEntry has: it does nothing",
    mend: "apply the service, or write the host in full: a short name is one of the rule's own namespace",
    istio: ["IST0174"],
  },
  TULLE0106: {
    name: "UnboundEndpoint",
    severity: "warning",
    meaning:
      "no gateway that ever registered has the binding of this address, or of this client certificate: the endpoint is left out",
    mend: "add the binding to the gateway's configuration and deploy it, or name the one that it has",
  },
  TULLE0107: {
    name: "UnresolvedCredential",
    severity: "warning",
    meaning: "a Gateway's `credentialName` is not looked up: the zone or the local mesh's edge owns the certificate",
    mend: "nothing to do where the zone has a certificate for the hosts; keep the name for other meshes",
    istio: ["IST0161"],
  },
  TULLE0108: {
    name: "UnknownDelegate",
    severity: "warning",
    meaning: "a VirtualService delegates to one that is not there, has hosts, or is not exported to its namespace",
    mend: "apply the delegate, without `hosts`, or name the root's namespace in its `exportTo`",
    istio: ["IST0101"],
  },
  TULLE0109: {
    name: "WayWithoutTls",
    severity: "warning",
    meaning:
      "a DestinationRule's `tls` that does not fit an endpoint of its host: it is left out, or its calls go unencrypted",
    mend: "give the subset or port of such endpoints a `tls` of its own; client certificates are shown to `https://` addresses alone",
  },
  TULLE0110: {
    name: "ForeignHost",
    severity: "error",
    meaning:
      "a ServiceEntry names a host that belongs to another namespace's services, or a pattern that holds such names, as `*.svc.cluster.local` does",
    mend: "put the entry into that namespace, or give the service a name of your own",
  },
  TULLE0111: {
    name: "ForbiddenAddress",
    severity: "error",
    meaning: "an address, or the place of a key set, that the mesh's settings do not let this namespace use",
    mend: "ask the mesh's administrator for a range in `privateRanges`, or for the host in `egress.allowedHosts`",
    istio: ["IST0175"],
  },
  TULLE0112: {
    name: "TakenAddress",
    severity: "error",
    meaning: "the address belongs to another namespace, which registered it first",
    mend: "let that namespace remove it, or call its service by its name",
  },
  TULLE0113: {
    name: "SelectsNothing",
    severity: "warning",
    meaning: "no workload of the namespace has the labels that a policy asks for: it guards nothing",
    mend: "compare the labels with those of the WorkloadEntries, endpoints and Pods of the namespace",
    istio: ["IST0127"],
  },
  TULLE0114: {
    name: "NoEndpoint",
    severity: "warning",
    meaning:
      "a route leads to a service, or an entry selects workloads, and no endpoint serves it: requests are answered with 503",
    mend: "apply a WorkloadEntry with the labels of its selector, or endpoints, and look at their ports",
  },
  TULLE0115: {
    name: "EmptySubset",
    severity: "warning",
    meaning: "a subset holds none of its service's endpoints: requests to it are answered with 503",
    mend: "compare its labels with those of the endpoints, such as `version`",
    istio: ["IST0173"],
  },
  TULLE0116: {
    name: "PortNeeded",
    severity: "warning",
    meaning:
      "a route names no port of a service that has several, and its requests come in on one that the service has not",
    mend: "set `destination.port.number`",
    istio: ["IST0112"],
  },
  TULLE0117: {
    name: "UnverifiedClaims",
    severity: "warning",
    meaning:
      "a VirtualService routes by claims of tokens at a Gateway, and no RequestAuthentication verifies tokens there",
    mend: "apply a RequestAuthentication in `istio-system` whose selector has the Gateway's labels, or none",
    istio: ["IST0149"],
  },
  TULLE0118: {
    name: "NotServed",
    severity: "warning",
    meaning:
      "a service, or a part of it, is stored and not served: it is of another kind than HTTP, has no ports or belongs to nothing",
    mend: "write a ServiceEntry for a host outside; name the ports and the service that are meant",
  },
  TULLE0119: {
    name: "ImportsNothing",
    severity: "warning",
    meaning: "a Sidecar names a host in a form that no service has: it imports nothing",
    mend: "write the host in full: `namespace/name.namespace.svc.cluster.local`",
  },
  TULLE0120: {
    name: "UnknownCaller",
    severity: "warning",
    meaning: "labels by which callers are chosen, and no workload with a service account has them: nobody is meant",
    mend: "write the labels that the workloads have, and give these a `serviceAccount`",
    istio: ["IST0127"],
  },
  TULLE0121: {
    name: "UnknownAuthorizer",
    severity: "warning",
    meaning:
      "a CUSTOM policy's provider is not among the mesh's, or its service is not there: what it matches is refused",
    mend: "name one of `extensionProviders` of the MeshConfig, and apply its service with that port",
  },
  TULLE0122: {
    name: "UnknownCollector",
    severity: "warning",
    meaning:
      "the service of an `opentelemetry` or `envoyOtelAls` provider is not there: what goes to it is dropped and counted",
    mend: "apply its Service or ServiceEntry with that port and an endpoint",
  },
  TULLE0123: {
    name: "UnknownTelemetryProvider",
    severity: "warning",
    meaning:
      "a Telemetry names a provider that the mesh has not, or that takes something else: nobody gets what it says",
    mend: "name one of `extensionProviders` of the MeshConfig: of the kind `opentelemetry` for spans, `prometheus` for metrics, `envoyFileAccessLog` or `envoyOtelAls` for the log",
  },
  TULLE0124: {
    name: "UnknownRulePort",
    severity: "warning",
    meaning: "a DestinationRule has settings for a port that its service has not: they are for nobody",
    mend: "name one of the service's ports by its number: that which callers call, not the endpoint's",
  },
  TULLE0125: {
    name: "RoutesForOthers",
    severity: "warning",
    meaning:
      "a VirtualService routes a host of another namespace, or a pattern that holds such hosts, for the callers of that and of other namespaces: as in Istio nobody is asked for it",
    mend: 'say `exportTo: ["."]`, so that it is for callers of its own namespace; where it is meant for all, let the owner of the host have it, or the root namespace',
  },
  TULLE0126: {
    name: "RehearsesNothing",
    severity: "warning",
    meaning:
      "a FaultRehearsal is for a service that its namespace has not, or a route that leads to it from nowhere: no request meets it",
    mend: "compare its `targetRef` with the namespace's Services and ServiceEntries, its `route` with the names of VirtualServices' rules",
  },
} as const satisfies Readonly<Record<`TULLE${number}`, FindingKind>>;
