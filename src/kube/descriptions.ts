/** One sentence each, for `kubectl explain`. Lists and maps leave no trace in a path: `VirtualService.spec.http.match`. */
type Descriptions = Readonly<Record<string, string>>;

/** The same fields at several places. */
function at(paths: readonly string[], fields: Descriptions): Descriptions {
  const placed = paths.flatMap((path) => Object.entries(fields).map(([field, text]) => [`${path}.${field}`, text]));
  return Object.fromEntries(placed);
}

/** By path alone, for all kinds. */
export const COMMON_DESCRIPTIONS: Descriptions = {
  apiVersion: "Group and version of the kind.",
  kind: "What the object is.",
  metadata: "Name, labels and what the server keeps about the object.",
  "metadata.name": "Tells the object from others of its kind in the namespace.",
  "metadata.generateName": "Not supported; give the object a name.",
  "metadata.namespace": "Where the object stands; absent for kinds without namespace.",
  "metadata.labels": "Short values that selectors match.",
  "metadata.annotations": "Text for people and tools; kept as it is.",
  "metadata.uid": "Set by the server; another object of the same name has another one.",
  "metadata.resourceVersion":
    "Set by the server, and another one after each change; sent back with a write, it refuses the write if the object was changed since.",
  "metadata.generation": "Set by the server; grows with each change of what was asked for.",
  "metadata.creationTimestamp": "Set by the server.",
  "metadata.finalizers": "Kept without effect: deleting removes the object at once.",
  "metadata.ownerReferences": "Kept without effect: objects are not deleted with their owner.",
  "metadata.managedFields": "Which client manages which fields; kept by the server for server-side apply.",
  status: "What the mesh made of the object; written by the mesh.",
  "status.conditions": "Findings about the object, one of each type.",
  "status.conditions.type": "What the finding is about.",
  "status.conditions.status": "Whether it holds.",
  "status.conditions.reason": "Why, in one word for programs.",
  "status.conditions.message": "Why, in words for people.",
  "status.conditions.lastTransitionTime": "When `status` last changed.",
  "status.conditions.observedGeneration": "The generation of the object that the finding is about.",
};

const SELECTOR: Descriptions = {
  selector: "Which workloads it is for; without it all of the namespace, or of the mesh in the root namespace.",
  "selector.matchLabels": "Labels that a workload must all have.",
};

const WORKLOAD: Descriptions = {
  address:
    "Where it is: `binding:EP_NAME`, `https://host`, or an IP address or name inside one of the mesh's private ranges.",
  ports: "For a port's name the number that it listens on, where that is another than the service says.",
  labels: "What selectors and subsets match.",
  serviceAccount: "Whose identity it has: the last part of its SPIFFE ID.",
  weight: "Its share of the requests in comparison with the other endpoints; 1 by default.",
};

const TRAFFIC_SETTINGS: Descriptions = {
  loadBalancer: "How an endpoint is picked for a request.",
  "loadBalancer.simple": "The rule that picks; LEAST_REQUEST by default.",
  connectionPool: "How much may be under way at once.",
  "connectionPool.tcp": "Limits that Istio sets on connections.",
  "connectionPool.tcp.maxConnections": "Requests that may be under way; the others wait.",
  "connectionPool.http": "Limits on requests.",
  "connectionPool.http.http1MaxPendingRequests": "Requests that may wait; others are refused with 503.",
  "connectionPool.http.http2MaxRequests": "As `tcp.maxConnections`; the smaller one counts.",
  outlierDetection: "When an endpoint that fails gets no requests for a while.",
  "outlierDetection.consecutive5xxErrors": "Answers 500 and above in a row that eject; 5 by default, 0 for never.",
  "outlierDetection.consecutiveGatewayErrors": "Answers 502, 503 and 504 in a row that eject; off by default.",
  "outlierDetection.consecutiveErrors": "The old name of `consecutive5xxErrors`.",
  "outlierDetection.interval": "How often it is looked at which ejections have ended; 10s by default.",
  "outlierDetection.baseEjectionTime":
    "How long the first ejection lasts; each one that follows lasts longer. 30s by default.",
  "outlierDetection.maxEjectionPercent": "Share of the endpoints that may be ejected at once; 10 by default.",
  "outlierDetection.minHealthPercent":
    "With a smaller share of healthy endpoints ejections are disregarded; 0, for never, by default.",
  tls: "How calls to the destination are secured.",
  "tls.mode":
    "DISABLE: plain HTTP; SIMPLE: HTTPS; ISTIO_MUTUAL: with the mesh's own identities, as is done for endpoints of the mesh anyway.",
  "tls.insecureSkipVerify": "Can only be false: certificates are always verified.",
};

const STRING_MATCH: Descriptions = {
  exact: "The whole value, letter by letter.",
  prefix: "What the value begins with.",
  regex: "A regular expression of RE2 for the whole value.",
};

const HEADER_OPERATIONS: Descriptions = {
  remove: "Names; this is done first.",
  set: "Names and values; replaces what is there.",
  add: "Names and values; what is there stays.",
};

const JWT_RULE: Descriptions = {
  issuer: "The `iss` of its tokens.",
  audiences: "Of these a token must name one in `aud`; without them any will do.",
  jwksUri: "Where the issuer publishes its keys.",
  jwks: "The issuer's public keys themselves, as a JSON Web Key Set.",
  fromHeaders: "Headers that a token is taken from; with any place named, the usual ones are not read.",
  "fromHeaders.name": "Name of the header.",
  "fromHeaders.prefix": "What stands before the token in the value, such as `Bearer `.",
  fromParams: "Query parameters that a token is taken from.",
  fromCookies: "Cookies that a token is taken from.",
  outputPayloadToHeader: "Header that hands the verified payload on, as base64url.",
  outputClaimToHeaders: "Claims that are handed on as headers.",
  "outputClaimToHeaders.header": "Name of the header; one that the client sent is removed.",
  "outputClaimToHeaders.claim": "Name of the claim; dots lead into nested ones.",
  forwardOriginalToken: "Whether the token itself is handed on; it is removed by default.",
  timeout: "How long fetching the keys may take; 5s by default.",
  spaceDelimitedClaims: "Claims that are read as lists of words, beside `scope` and `permission`.",
};

/** By `Kind` and `Kind.path`. */
export const DESCRIPTIONS: Descriptions = {
  Namespace: "A part of the mesh with names, policies and rights of its own.",
  "Namespace.spec": "Kept as Kubernetes writes it.",
  Pod: "Gives the endpoints that refer to it their labels and their identity.",
  "Pod.spec": "Only `serviceAccountName` is read, the rest is kept.",
  "Pod.spec.serviceAccountName": "Whose identity the endpoint has; `default` by default.",
  Service: "A name in the mesh, with its ports and the endpoints behind it.",
  "Service.spec": "What the service is; fields that the mesh does not read are kept.",
  "Service.spec.ports": "The ports that it is called on.",
  "Service.spec.ports.port": "The number that callers use.",
  "Service.spec.ports.name": "Tells ports apart; needed where there are several.",
  "Service.spec.ports.protocol": "Only TCP, the default, is served.",
  "Service.spec.ports.targetPort": "Number, or name, of the port at the endpoint; the same as `port` by default.",
  "Service.spec.ports.appProtocol": "What is spoken on the port.",
  "Service.spec.selector":
    "Labels of WorkloadEntries that are endpoints, beside those of its EndpointSlices; empty picks none.",
  "Service.spec.type": "ExternalName is kept and not served; the others mean the same here.",
  EndpointSlice: "Some of the endpoints of the service in its label `kubernetes.io/service-name`.",
  "EndpointSlice.addressType": "What the addresses are: IPv4, IPv6 or FQDN.",
  "EndpointSlice.endpoints": "Where requests can be sent.",
  "EndpointSlice.endpoints.addresses": "Addresses inside the mesh's private ranges.",
  "EndpointSlice.endpoints.conditions": "In what state the endpoint is.",
  "EndpointSlice.endpoints.conditions.ready": "Whether it takes requests; true by default.",
  "EndpointSlice.endpoints.targetRef": "The Pod that gives the endpoint its labels and its identity.",
  "EndpointSlice.ports": "The ports that the endpoints listen on.",
  ConfigMap: "Settings for programs; kept, and without effect on the mesh.",
  "ConfigMap.data": "Texts by their keys.",
  "ConfigMap.binaryData": "Bytes by their keys, in base64; no key is in `data` too.",
  "ConfigMap.immutable": "Whether the data can no longer be changed, only deleted with the object.",
  Secret: "Passwords, keys and certificates; kept encrypted, and shown to nobody who may only read.",
  "Secret.type": "What it is for; `kubernetes.io/tls` needs `tls.crt` and `tls.key`. It cannot be changed.",
  "Secret.data": "Values by their keys, in base64.",
  "Secret.stringData": "Values as text, for writing only; they become a part of `data`.",
  "Secret.immutable": "Whether the data can no longer be changed, only deleted with the object.",
  Event: "That something about an object changed, as the mesh noticed it.",
  "Event.involvedObject": "The object.",
  "Event.type": "Normal or Warning.",
  "Event.reason": "Why, in one word for programs.",
  "Event.message": "Why, in words for people.",
  "Event.count": "How often it was noticed.",
  "Event.firstTimestamp": "When it was first noticed.",
  "Event.lastTimestamp": "When it was last noticed.",
  "Event.source": "Which part of the mesh noticed it.",

  ServiceEntry: "Makes hosts known to the mesh and says where they are.",
  "ServiceEntry.spec": "The hosts, their ports and their endpoints.",
  "ServiceEntry.spec.hosts": "Host names, or `*.` followed by one, that callers use.",
  "ServiceEntry.spec.ports": "The ports that the hosts are called on.",
  "ServiceEntry.spec.ports.number": "The number that callers use.",
  "ServiceEntry.spec.ports.protocol": "What is spoken there: HTTP (the default), HTTPS, HTTP2 or GRPC-WEB.",
  "ServiceEntry.spec.ports.name": "Tells ports apart.",
  "ServiceEntry.spec.ports.targetPort": "Number of the port at the endpoint; the same as `number` by default.",
  "ServiceEntry.spec.location": "Whether the hosts are part of the mesh; MESH_EXTERNAL by default.",
  "ServiceEntry.spec.resolution":
    "STATIC: `endpoints` or `workloadSelector` say where the hosts are; DNS: endpoints are names, or the hosts themselves.",
  "ServiceEntry.spec.endpoints": "Where requests can be sent; not together with `workloadSelector`.",
  ...at(["ServiceEntry.spec.endpoints"], WORKLOAD),
  "ServiceEntry.spec.workloadSelector": "Picks WorkloadEntries of the namespace as endpoints.",
  "ServiceEntry.spec.workloadSelector.labels": "Labels that an endpoint must all have.",
  "ServiceEntry.spec.exportTo": "Namespaces that see the hosts: `.` its own, `*` all (the default), or names.",

  WorkloadEntry: "One endpoint, to be picked by a ServiceEntry or a Service.",
  "WorkloadEntry.spec": "Where the endpoint is, and what it is.",
  ...at(["WorkloadEntry.spec"], WORKLOAD),

  Gateway: "Lets requests from outside into the mesh.",
  "Gateway.spec": "What is open, and on which gateways.",
  "Gateway.spec.selector": "Labels of the gateways that it is for, in any namespace; without any it is for all.",
  "Gateway.spec.servers": "What is open; VirtualServices that name the Gateway say where requests go.",
  "Gateway.spec.servers.port": "The port that is open.",
  "Gateway.spec.servers.port.number": "Its number.",
  "Gateway.spec.servers.port.protocol": "What is spoken there: HTTP, HTTPS, HTTP2 or GRPC-WEB.",
  "Gateway.spec.servers.port.name": "Tells the servers' ports apart.",
  "Gateway.spec.servers.hosts":
    "Hosts that are open: a name, `*.` and a name, or `*`; `namespace/` before it admits the VirtualServices of that one only.",
  "Gateway.spec.servers.tls": "How the port is secured.",
  "Gateway.spec.servers.tls.httpsRedirect": "Whether requests over plain HTTP are sent to HTTPS with a 301.",
  "Gateway.spec.servers.tls.mode":
    "Which certificates are asked for: SIMPLE only the server's; MUTUAL also the client's; OPTIONAL_MUTUAL the client's if it has one; ISTIO_MUTUAL the mesh's own.",
  "Gateway.spec.servers.tls.credentialName":
    "Name of the server's certificate; it belongs to the zone or the edge, and the name is not looked up.",
  "Gateway.spec.servers.name": "Tells the servers apart.",

  VirtualService: "Says where requests for some hosts go, and what is changed on the way.",
  "VirtualService.spec": "The hosts and the rules for their requests.",
  "VirtualService.spec.hosts":
    "The hosts that requests are for: a name, or `*.` and a name; a short name is one of the namespace.",
  "VirtualService.spec.gateways":
    "Where the rules hold: names of Gateways, and `mesh` for calls between services; only `mesh` by default.",
  "VirtualService.spec.exportTo":
    "Namespaces whose calls the rules are for: `.` its own, `*` all (the default), or names.",
  "VirtualService.spec.http": "The rules, in order; the first one that matches a request is used.",
  "VirtualService.spec.http.name": "Names the rule in logs.",
  "VirtualService.spec.http.match":
    "What a request must be like: one of the blocks must hold, and of a block all fields; without any, all requests match.",
  "VirtualService.spec.http.match.name": "Names the block in logs.",
  "VirtualService.spec.http.match.uri":
    "The path, without query; a `prefix` is compared letter by letter, not by segments.",
  "VirtualService.spec.http.match.ignoreUriCase":
    "Whether `exact` and `prefix` of `uri` disregard upper and lower case.",
  "VirtualService.spec.http.match.scheme": "`http` or `https`, as the client called.",
  "VirtualService.spec.http.match.method": "The method, in capitals.",
  "VirtualService.spec.http.match.authority": "The Host header as the client sent it, with the port if it sent one.",
  "VirtualService.spec.http.match.headers": "Headers by name; `{}` as the value is for: there, whatever its value.",
  "VirtualService.spec.http.match.withoutHeaders": "Headers, by name, that must not be like this.",
  "VirtualService.spec.http.match.queryParams": "Query parameters by name; the first value of each counts.",
  "VirtualService.spec.http.match.port": "The port that was called.",
  "VirtualService.spec.http.match.sourceNamespace": "The namespace of the caller.",
  "VirtualService.spec.http.match.gateways": "Replaces the `gateways` above for this block.",
  ...at(
    ["uri", "scheme", "method", "authority", "headers", "withoutHeaders", "queryParams"].map(
      (field) => `VirtualService.spec.http.match.${field}`,
    ),
    STRING_MATCH,
  ),
  "VirtualService.spec.http.route": "Where requests go; one is picked by its weight for each request.",
  "VirtualService.spec.http.route.destination": "A service, and which of its endpoints.",
  "VirtualService.spec.http.route.destination.host": "The service's name; a short one is one of the namespace.",
  "VirtualService.spec.http.route.destination.subset":
    "Endpoints of the service by a name that a DestinationRule gives them.",
  "VirtualService.spec.http.route.destination.port": "Port of the service; needed where it has several.",
  "VirtualService.spec.http.route.weight": "Its share of the requests; of several an absent one counts as 0.",
  "VirtualService.spec.http.route.headers": "Changes of headers for this destination.",
  "VirtualService.spec.http.rewrite": "What is replaced before the request is sent.",
  "VirtualService.spec.http.rewrite.uri": "Replaces the prefix that matched, else the whole path.",
  "VirtualService.spec.http.rewrite.authority": "Replaces the Host header.",
  "VirtualService.spec.http.timeout": "How long the whole call may take; `0s`, for no limit, by default.",
  "VirtualService.spec.http.headers": "Changes of headers for all destinations.",
  "VirtualService.spec.http.headers.request": "What is removed, set and added on the request.",
  "VirtualService.spec.http.headers.response": "What is removed, set and added on the answer.",
  ...at(
    [
      "VirtualService.spec.http.headers.request",
      "VirtualService.spec.http.headers.response",
      "VirtualService.spec.http.route.headers.request",
      "VirtualService.spec.http.route.headers.response",
    ],
    HEADER_OPERATIONS,
  ),

  DestinationRule: "Says how calls reach a service, after it was chosen.",
  "DestinationRule.spec": "The service, its subsets, and the settings for calls.",
  "DestinationRule.spec.host": "The service's name, or `*.` and a name; a short one is one of the namespace.",
  "DestinationRule.spec.exportTo": "Namespaces whose calls it is for: `.` its own, `*` all (the default), or names.",
  "DestinationRule.spec.subsets": "Named parts of the service, such as its versions.",
  "DestinationRule.spec.subsets.name": "What a VirtualService calls it.",
  "DestinationRule.spec.subsets.labels": "Labels that its endpoints all have.",
  "DestinationRule.spec.subsets.trafficPolicy": "Settings for the subset; each block replaces the one of the service.",
  "DestinationRule.spec.trafficPolicy": "Settings for calls.",
  ...at(["DestinationRule.spec.trafficPolicy", "DestinationRule.spec.subsets.trafficPolicy"], {
    ...TRAFFIC_SETTINGS,
    portLevelSettings: "Settings for single ports, which replace the others as a whole.",
    "portLevelSettings.port": "The port, by its number at the service.",
    ...at(["portLevelSettings"], TRAFFIC_SETTINGS),
  }),

  AuthorizationPolicy: "Says who may do what; without an ALLOW policy for a workload, everybody may do everything.",
  "AuthorizationPolicy.spec": "The workloads and the rules for requests to them.",
  ...at(["AuthorizationPolicy.spec"], SELECTOR),
  "AuthorizationPolicy.spec.action":
    "What happens to requests that match: ALLOW (the default) or DENY; a DENY counts before any ALLOW.",
  "AuthorizationPolicy.spec.rules":
    "Requests that match: one of the rules must hold. No rules match nothing, the rule `{}` matches all.",
  "AuthorizationPolicy.spec.rules.from": "Who calls: one of the sources must hold.",
  "AuthorizationPolicy.spec.rules.from.source": "All its fields must hold, and of a field one value.",
  ...at(["AuthorizationPolicy.spec.rules.from.source"], {
    principals: "Verified identities of callers, such as `cluster.local/ns/shop/sa/cart`; `*` may stand at one end.",
    notPrincipals: "Identities that the caller must not have; holds also for a caller without identity.",
    requestPrincipals: "Verified tokens, as issuer, `/` and subject; `*` may stand at one end.",
    notRequestPrincipals: "Tokens that the request must not have; holds also for a request without token.",
    namespaces: "Namespaces of callers, from their verified identity.",
    notNamespaces: "Namespaces that the caller must not be from.",
  }),
  "AuthorizationPolicy.spec.rules.to": "What is called: one of the operations must hold.",
  "AuthorizationPolicy.spec.rules.to.operation": "All its fields must hold, and of a field one value.",
  ...at(["AuthorizationPolicy.spec.rules.to.operation"], {
    hosts: "Host headers, in any case, with the port if the client sent one.",
    notHosts: "Host headers that the request must not have.",
    methods: "Methods, in capitals.",
    notMethods: "Methods that the request must not have.",
    paths: "Normalized paths without query; `*` at one end, or templates with `{*}` and `{**}`.",
    notPaths: "Paths that the request must not have.",
  }),
  "AuthorizationPolicy.spec.rules.when": "Further conditions, all of which must hold.",
  "AuthorizationPolicy.spec.rules.when.key":
    "What is looked at: `request.headers[name]`, `source.principal`, `source.namespace`, `request.auth.principal`, `request.auth.audiences`, `request.auth.presenter` or `request.auth.claims[name]`.",
  "AuthorizationPolicy.spec.rules.when.values": "One of them it must be.",
  "AuthorizationPolicy.spec.rules.when.notValues": "None of them it may be.",

  PeerAuthentication: "Says whether callers must prove an identity of the mesh.",
  "PeerAuthentication.spec": "The workloads and what is asked of their callers.",
  ...at(["PeerAuthentication.spec"], SELECTOR),
  "PeerAuthentication.spec.mtls": "What is asked on all ports.",
  "PeerAuthentication.spec.mtls.mode":
    "STRICT: a verified identity; PERMISSIVE: none is needed; DISABLE: none is read; UNSET, the default: as the namespace or the mesh says.",
  "PeerAuthentication.spec.portLevelMtls": "What is asked on single ports of the workload, by their number.",
  "PeerAuthentication.spec.portLevelMtls.mode": "As `mtls.mode`; UNSET is what the workload says.",

  RequestAuthentication:
    "Says which tokens are accepted; a request without token passes, unless an AuthorizationPolicy asks for one.",
  "RequestAuthentication.spec": "The workloads and the issuers of their tokens.",
  ...at(["RequestAuthentication.spec"], SELECTOR),
  "RequestAuthentication.spec.jwtRules": "The issuers; a token that none of them signed is refused.",
  ...at(["RequestAuthentication.spec.jwtRules"], JWT_RULE),

  MeshConfig: "Settings of the whole mesh; there is one, named `default`, in the root namespace.",
  "MeshConfig.spec": "The settings.",
  "MeshConfig.spec.trustDomain": "First part of every identity; must be that of the deployment.",
  "MeshConfig.spec.rootNamespace": "Namespace whose policies hold for the whole mesh; `istio-system` by default.",
  "MeshConfig.spec.pathNormalization": "What is done to paths before they are matched and sent on.",
  "MeshConfig.spec.pathNormalization.normalization":
    "BASE resolves dots and needless escapes, MERGE_SLASHES (the default) also joins slashes, DECODE_AND_MERGE_SLASHES also decodes escaped ones.",
  "MeshConfig.spec.escapedSlashes": "What is done with `%2f` and `%5c` in paths.",
  "MeshConfig.spec.escapedSlashes.default": "For all hosts that are not named: REFUSE (the default), KEEP or DECODE.",
  "MeshConfig.spec.escapedSlashes.hosts": "For single hosts.",
  "MeshConfig.spec.escapedSlashes.hosts.host": "A host name, or `*.` and a name.",
  "MeshConfig.spec.escapedSlashes.hosts.mode": "REFUSE, KEEP or DECODE.",
  "MeshConfig.spec.alwaysEjectOneEndpoint":
    "Whether outlier detection may eject one endpoint whatever the share; true by default.",
  "MeshConfig.spec.egress": "What may be called on the public Internet.",
  "MeshConfig.spec.egress.allowedHosts":
    "Host names, or `*.` and a name, that endpoints and key sets may be at; none by default.",
  "MeshConfig.spec.privateRanges": "Private addresses that endpoints may be at; none by default.",
  "MeshConfig.spec.privateRanges.range": "A CIDR, or a name that stands for itself and all names below it.",
  "MeshConfig.spec.privateRanges.namespaces": "Namespaces whose endpoints may be there; `*` is all.",
  "MeshConfig.spec.snapshot": "How gateways treat the configuration that they hold.",
  "MeshConfig.spec.snapshot.maxAge":
    "A gateway that got no configuration for longer refuses all requests; off by default.",
};
