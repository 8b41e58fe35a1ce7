/** What a code stands for. The names and numbers are public: people silence them, and programs count them. */
export interface FindingKind {
  readonly name: string;
  /** An error refuses the write; a warning is answered; an info stands in the object's status and in `tulle analyze` alone. */
  readonly severity: Severity;
  /** One line: what is the case. */
  readonly meaning: string;
  readonly mend: string;
  /** Codes of Istio's own analysis that say the same. */
  readonly istio?: readonly string[];
}

export const SEVERITIES = ["error", "warning", "info"] as const;
export type Severity = (typeof SEVERITIES)[number];

/**
 * Every kind of finding: 00 an object by itself, 01 names of what is not there, 02 rules that do nothing, 03 objects that
 * stand against each other, 04 settings of resilience, 05 what nobody uses, 06 what lets too much in. A code keeps its meaning: add, never reuse.
 */
export const FINDINGS = {
  TULLE0001: {
    name: "InvalidField",
    severity: "error",
    meaning: "a field is unknown, has a value that it cannot have, or cannot work here",
    mend: "the message says what the field takes, or what to write in its place",
    istio: ["IST0106"],
  },
  TULLE0002: {
    name: "Remark",
    severity: "warning",
    meaning: "the object is stored, and something in it means less, or something else, than it seems to",
    mend: "the message says what is read, and what to write where something else was meant",
    istio: ["IST0133"],
  },
  TULLE0003: {
    name: "WithoutEffect",
    severity: "warning",
    meaning:
      "the field is stored and does nothing: it tunes what the platform decides, or lacks what it needs beside it",
    mend: "leave it out, or give it what the message says it lacks",
    istio: ["IST0133"],
  },
  TULLE0004: {
    name: "OldName",
    severity: "warning",
    meaning: "the field, or the apiVersion, is one of an older release or a placeholder of articles",
    mend: "write the name that the message tells",
    istio: ["IST0002"],
  },
  TULLE0005: {
    name: "SelectsEverything",
    severity: "warning",
    meaning: "a selector or a subset without labels takes all there is",
    mend: "name labels, or leave the selector out where everything is meant",
  },
  TULLE0006: {
    name: "MisplacedSettings",
    severity: "error",
    meaning:
      "a MeshConfig that cannot be the mesh's: another namespace than its own, another trust domain than was deployed",
    mend: "keep one MeshConfig `default` in `istio-system`; the trust domain is the one that control was deployed with",
  },
  TULLE0007: {
    name: "UnmetCondition",
    severity: "warning",
    meaning: "the object is stored, and one of its conditions says that it does not do its work yet",
    mend: "the condition's message says why, as in `kubectl describe`",
    istio: ["IST0171"],
  },
  TULLE0008: {
    name: "MisplacedAnnotation",
    severity: "warning",
    meaning: "an annotation stands on a kind that it is not for: it does nothing",
    mend: "move it to an object of the kind that the message names",
    istio: ["IST0107"],
  },
  TULLE0009: {
    name: "UnknownAnnotation",
    severity: "warning",
    meaning: "an annotation of ours or of Istio's that nothing here reads: it does nothing",
    mend: "correct its name, or leave it for other meshes",
    istio: ["IST0108"],
  },
  TULLE0010: {
    name: "InvalidAnnotation",
    severity: "warning",
    meaning: "an annotation has a value that cannot be read: it does nothing, or less than it says",
    mend: "the message says what it takes",
    istio: ["IST0125"],
  },
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
    meaning: "a ServiceEntry names a host that belongs to another namespace's services",
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
    meaning: "the service of an `opentelemetry` provider is not there: its spans are dropped and counted",
    mend: "apply its Service or ServiceEntry with that port and an endpoint",
  },
  TULLE0123: {
    name: "UnknownTelemetryProvider",
    severity: "warning",
    meaning:
      "a Telemetry names a provider that the mesh has not, or that takes something else: nobody gets what it says",
    mend: "name one of `extensionProviders` of the MeshConfig: of the kind `opentelemetry` for spans, `prometheus` for metrics, `envoyFileAccessLog` for the log",
  },
  TULLE0201: {
    name: "DeadRule",
    severity: "warning",
    meaning: "a route is never reached: rules before it take every request that it matches",
    mend: "move it up, narrow the rules before it, or delete it",
    istio: ["IST0130"],
  },
  TULLE0202: {
    name: "UselessMatch",
    severity: "info",
    meaning: "one match of a rule takes nothing: another one, of it or of a rule before it, takes every such request",
    mend: "delete the match, or narrow the other one",
    istio: ["IST0131"],
  },
  TULLE0203: {
    name: "NeverMatches",
    severity: "warning",
    meaning: "a match, or a value of a policy, that no request can have",
    mend: "the message says what form requests have: a path begins with `/`, a method stands in capitals",
  },
  TULLE0204: {
    name: "DroppedDelegate",
    severity: "warning",
    meaning:
      "a delegate's rule asks for what the root's rule does not match, or both have too many match blocks to be joined: it is left out",
    mend: "narrow the delegate's match to the root's, `prefix` under `prefix`; of two regular expressions only one may stand",
  },
  TULLE0205: {
    name: "LoneWeight",
    severity: "warning",
    meaning: "a single destination has a weight other than 100: it gets every request all the same",
    mend: "leave the weight out, or add the destinations that get the rest",
  },
  TULLE0206: {
    name: "NoWeight",
    severity: "warning",
    meaning: "a destination has no weight, and others beside it have one: it gets nothing",
    mend: "give it a weight, or take it out",
  },
  TULLE0207: {
    name: "ZeroWeight",
    severity: "info",
    meaning: "a destination of several has the weight 0: it gets nothing",
    mend: "nothing to do while it is meant so; else give it a weight",
  },
  TULLE0208: {
    name: "OddSum",
    severity: "info",
    meaning: "the weights of a route sum to almost 100: each is a part of their sum, not of 100",
    mend: "let them sum to 100",
  },
  TULLE0209: {
    name: "RepeatedDestination",
    severity: "info",
    meaning: "a route names one destination twice: the weights add up",
    mend: "keep one of them with both weights, or name the subset or port that was meant",
  },
  TULLE0301: {
    name: "HostTaken",
    severity: "warning",
    meaning: "in the mesh one VirtualService routes a host, and an older one does: this one has no effect on it",
    mend: "put the rules into one VirtualService, or use a root with delegates",
    istio: ["IST0109"],
  },
  TULLE0302: {
    name: "ShadowedEntry",
    severity: "warning",
    meaning: "a Service has the host of a ServiceEntry: the entry has no effect on it",
    mend: "give the entry another host, or delete one of the two",
  },
  TULLE0303: {
    name: "MixedProtocols",
    severity: "warning",
    meaning: "two servers of a Gateway speak different protocols on one port: the first one wins",
    mend: "give the second server a port of its own",
  },
  TULLE0304: {
    name: "SecondPeerAuthentication",
    severity: "warning",
    meaning:
      "several PeerAuthentications, or Telemetries, are for one whole namespace, or for one workload: the oldest counts, the others do nothing there",
    mend: "keep one without a selector in each namespace, and one for each workload",
    istio: ["IST0159", "IST0160"],
  },
  TULLE0305: {
    name: "IgnoredPolicy",
    severity: "warning",
    meaning: "a policy that does nothing where it stands, or denies nothing, or takes no token, as it is written",
    mend: "the message says why: move it to the workload's namespace, or give it rules",
    istio: ["IST0167"],
  },
  TULLE0306: {
    name: "BrokenOther",
    severity: "warning",
    meaning: "by this write another object is not accepted any more: what it says does not hold now",
    mend: "mend the object that the message names, or take the write back",
  },
  TULLE0307: {
    name: "Redefined",
    severity: "warning",
    meaning: "the files hold an object twice: the one that comes last holds",
    mend: "keep one of them, or give one another name or namespace",
  },
  TULLE0309: {
    name: "HostNotExposed",
    severity: "warning",
    meaning: "a VirtualService's host, or all of its hosts, are none that its Gateway exposes: nothing is routed there",
    mend: "let both name the host; a Gateway's `namespace/host` says whose VirtualServices it takes",
    istio: ["IST0132"],
  },
  TULLE0310: {
    name: "RuleOfSharedHost",
    severity: "warning",
    meaning:
      "several DestinationRules of a namespace are for one host: of the younger one the traffic policy, or a subset that is there already, does not count",
    mend: "put all into one DestinationRule",
    istio: ["IST0109"],
  },
  TULLE0311: {
    name: "ConflictingGateways",
    severity: "warning",
    meaning:
      "two Gateways expose one host on one port to the same workload: where no listener says which is meant, the older one serves it",
    mend: "put both into one Gateway, or give them other hosts, ports or selectors",
    istio: ["IST0145"],
  },
  TULLE0312: {
    name: "SecondCatchAll",
    severity: "warning",
    meaning: "at a Gateway two VirtualServices of one host have a rule that takes every request: the older one's holds",
    mend: "give one of the rules a match, or delete it",
  },
  TULLE0313: {
    name: "MeshRulesOnly",
    severity: "info",
    meaning:
      "a Gateway sends requests to all endpoints of a service whose subsets a VirtualService of the mesh chooses",
    mend: "name the Gateway in that VirtualService, beside `mesh`, or the subset in this one",
    istio: ["IST0140"],
  },
  TULLE0314: {
    name: "EntryProtocols",
    severity: "warning",
    meaning: "two ServiceEntries give one port of a host different protocols: that of the older one holds",
    mend: "let both say the same, or keep one",
    istio: ["IST0177"],
  },
  TULLE0320: {
    name: "SecondSidecar",
    severity: "warning",
    meaning: "several Sidecars are for the same callers: the oldest counts",
    mend: "keep one without a selector in each namespace, and one for each set of labels",
    istio: ["IST0110", "IST0111"],
  },
  TULLE0321: {
    name: "SharedAccount",
    severity: "warning",
    meaning:
      "callers are chosen by labels, and workloads with other labels have the same service account: of a caller no more than that is proven, so none of them is meant",
    mend: "give workloads with different labels service accounts of their own",
  },
  TULLE0401: {
    name: "NeverReached",
    severity: "warning",
    meaning: "a setting of outlier detection that another one always comes before",
    mend: "set `consecutiveGatewayErrors` lower than `consecutive5xxErrors`, or leave it out",
  },
  TULLE0402: {
    name: "NeverEjects",
    severity: "warning",
    meaning: "outlier detection that can never take an endpoint out, or whose ejections never count",
    mend: "set a threshold above 0, and `minHealthPercent` below 100; leave the block out where nothing shall be ejected",
  },
  TULLE0403: {
    name: "NeverFailsOver",
    severity: "warning",
    meaning: "settings for a failover between localities, and nothing that ever tells that an endpoint is ill",
    mend: "set `outlierDetection` beside them",
  },
  TULLE0404: {
    name: "NoCallerLocality",
    severity: "warning",
    meaning: "a load balancer goes by where callers are, and the MeshConfig says of no place which locality it is",
    mend: "name the places of callers in `localities` of the MeshConfig",
  },
  TULLE0410: {
    name: "NeverRetried",
    severity: "warning",
    meaning: "a condition of `retryOn` that never holds on this platform; the others do",
    mend: "nothing to do where others are listed; the message says which one holds in its place",
  },
  TULLE0501: {
    name: "UnusedDelegate",
    severity: "info",
    meaning: "a VirtualService without hosts that no other one delegates to: it routes nothing",
    mend: "name it in another VirtualService's `delegate`, or give it hosts",
  },
  TULLE0502: {
    name: "UnusedGateway",
    severity: "info",
    meaning: "no VirtualService names a Gateway: whatever it exposes is answered with 404",
    mend: "name it in `gateways` of a VirtualService, or delete it",
  },
  TULLE0503: {
    name: "UnusedSubset",
    severity: "info",
    meaning: "no route names a subset: its settings are for nobody",
    mend: "route to it, or delete it",
  },
  TULLE0504: {
    name: "UnservedService",
    severity: "info",
    meaning: "a Service has no endpoint, or one of its ports has none: its requests are answered with 503",
    mend: "apply a WorkloadEntry with the labels of its selector, or endpoints, and look at their ports",
  },
  TULLE0601: {
    name: "OpenCredentials",
    severity: "warning",
    meaning: "every site may make a user's browser call with the user's cookies, and read the answer",
    mend: "name the sites in `allowOrigins`, or leave `allowCredentials` out",
  },
  TULLE0602: {
    name: "OpenSubtree",
    severity: "warning",
    meaning: "a policy closes one path, and leaves what lies below it open: `/admin` without `/admin/*`",
    mend: "add the path with `/*` to the same list, where the service takes both for the same",
  },
  TULLE0603: {
    name: "FailsOpen",
    severity: "warning",
    meaning: "an external authorizer that lets everything pass while it is away",
    mend: "leave `failOpen` out, unless what it guards may be called by everybody",
  },
  TULLE0610: {
    name: "LocksOut",
    severity: "warning",
    meaning:
      "callers whom the policies let in would be refused from this write on; each was seen within the last 24 hours",
    mend: "allow them, give them an identity, or wait until they call no more; a dry run tells it before",
  },
  TULLE0611: {
    name: "NotJudged",
    severity: "warning",
    meaning:
      "callers were seen within the last 24 hours of whom identity alone does not say whether this write refuses them",
    mend: "let the namespace observe first (`tulle.dev/mode: observe`) and look at the log, or ask `tulle decide`",
  },
} as const satisfies Readonly<Record<`TULLE${number}`, FindingKind>>;

export type FindingCode = keyof typeof FINDINGS;

type CodeOf<S extends Severity> = {
  [Code in FindingCode]: (typeof FINDINGS)[Code]["severity"] extends S ? Code : never;
}[FindingCode];
export type ErrorCode = CodeOf<"error">;
/** Of what does not refuse a write. */
export type RemarkCode = CodeOf<"warning" | "info">;

export function kindOfFinding(code: FindingCode): FindingKind {
  return FINDINGS[code];
}
