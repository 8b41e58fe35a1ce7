import { at, type Descriptions, LOCALITY_LB } from "../../descriptions.ts";
import { TRAFFIC_POLICY } from "../../istio/destination-rule/descriptions.ts";
import { RETRIES } from "../../istio/virtual-service/descriptions.ts";

const LABEL_SELECTOR: Descriptions = {
  matchLabels: "Labels with their values.",
  matchExpressions: "Conditions on labels.",
  "matchExpressions.key": "The label.",
  "matchExpressions.operator": "In, NotIn, Exists or DoesNotExist.",
  "matchExpressions.values": "For In and NotIn.",
};

export const DESCRIPTIONS: Descriptions = {
  "": "Settings of the whole mesh; there is one, named `default`, in the root namespace.",
  spec: "The settings.",
  "spec.trustDomain": "First part of every identity; must be that of the deployment.",
  "spec.federation": "Trust domains whose workloads are known here, each by its own SPIFFE bundle.",
  "spec.federation.trustDomain": "The other mesh's; its bundle speaks for this one alone.",
  "spec.federation.bundleEndpointURL": "Where its bundle is; the host must be on `egress.allowedHosts`.",
  "spec.federation.profile":
    "`https_web`, which is meant without it: the endpoint has a certificate of a public authority.",
  "spec.trustDomainAliases":
    "Other names of the mesh's trust domain, such as one that it had: callers and policies that say one mean the mesh's own.",
  "spec.defaultDeny":
    "True: a workload, or a Gateway, without an ALLOW policy refuses everybody; false (the default): it is open.",
  "spec.rootNamespace": "Namespace whose policies hold for the whole mesh; `istio-system` by default.",
  "spec.pathNormalization": "What is done to paths before they are matched and sent on.",
  "spec.pathNormalization.normalization":
    "BASE (also DEFAULT) resolves dots and needless escapes, MERGE_SLASHES (the default) also joins slashes, DECODE_AND_MERGE_SLASHES also decodes escaped ones.",
  "spec.mode": "Enforce (the default), or Observe: what policies would refuse is told and counted, and passes.",
  "spec.escapedSlashes": "What is done with `%2f` and `%5c` in paths.",
  "spec.escapedSlashes.default": "For all hosts that are not named: REFUSE (the default), KEEP or DECODE.",
  "spec.escapedSlashes.hosts": "For single hosts.",
  "spec.escapedSlashes.hosts.host": "A host name, or `*.` and a name.",
  "spec.escapedSlashes.hosts.mode": "REFUSE, KEEP or DECODE.",
  "spec.pathParameters": "What is done with `;params` in paths.",
  "spec.pathParameters.default":
    "For all hosts that are not named: CUT (for rules; services get them) or REFUSE. Unset: REFUSE where policies restrict paths, else CUT.",
  "spec.pathParameters.hosts": "For single hosts.",
  "spec.pathParameters.hosts.host": "A host name, or `*.` and a name.",
  "spec.pathParameters.hosts.mode": "CUT or REFUSE.",
  "spec.enableAutoMtls": "True, as it is here without it: calls between workloads carry their identities.",
  "spec.defaultTrafficPolicy": "Settings for calls to hosts that no DestinationRule is for.",
  ...at(["spec.defaultTrafficPolicy"], TRAFFIC_POLICY),
  "spec.defaultHttpRetryPolicy":
    "How calls of routes without `retries` are tried again; Istio's default where it is absent.",
  ...at(["spec.defaultHttpRetryPolicy"], RETRIES),
  "spec.alwaysEjectOneEndpoint":
    "Whether outlier detection may eject one endpoint whatever the share; true by default.",
  "spec.egress": "What may be called on the public Internet.",
  "spec.egress.allowedHosts": "Host names, or `*.` and a name, that endpoints and key sets may be at; none by default.",
  "spec.revocation": "What becomes of certificates and workloads that are revoked.",
  "spec.revocation.maxAge":
    "Gateways that heard nothing of revocations for so long refuse all certificates; never, where it is absent.",
  "spec.privateRanges": "Private addresses that endpoints may be at; none by default.",
  "spec.privateRanges.range": "A CIDR, or a name that stands for itself and all names below it.",
  "spec.privateRanges.namespaces": "Namespaces whose endpoints may be there; `*` is all.",
  "spec.credentials":
    "Which namespaces' DestinationRules may show which client certificate; what is not listed nobody may. Where it is absent, all may show each.",
  "spec.credentials.name": "As `credentialName` of a DestinationRule.",
  "spec.credentials.namespaces": "Names, or `*` for all. The root namespace may show each.",
  "spec.defaultServiceExportTo":
    "Which namespaces see Services and ServiceEntries that do not say it themselves: `.` their own, `*` all (the default), `~` nobody, or names.",
  "spec.defaultVirtualServiceExportTo": "The same for VirtualServices.",
  "spec.defaultDestinationRuleExportTo": "The same for DestinationRules.",
  "spec.outboundTrafficPolicy": "What becomes of calls to hosts that the caller does not see.",
  "spec.outboundTrafficPolicy.mode":
    "ALLOW_ANY (without the block) passes on to hosts of `egress.allowedHosts`; REGISTRY_ONLY (the block's own default) answers 502; ALLOW_ANY_DYNAMIC_DNS is ALLOW_ANY.",
  "spec.serviceEntryVisibility": "How far ServiceEntries may be seen at most, whatever they say themselves.",
  "spec.serviceEntryVisibility.defaultVisibility":
    "Where no policy holds: PUBLIC (the default), NAMESPACE for their own alone, or NONE.",
  "spec.serviceEntryVisibility.policies": "The first one of which all rules hold counts.",
  "spec.serviceEntryVisibility.policies.visibility": "PUBLIC, NAMESPACE or NONE.",
  "spec.serviceEntryVisibility.policies.matchingRules": "What must hold of the ServiceEntry; none holds always.",
  "spec.serviceEntryVisibility.policies.matchingRules.namespaceSelector":
    "Labels of the namespace that it stands in; `kubernetes.io/metadata.name` is its name.",
  ...at(["spec.serviceEntryVisibility.policies.matchingRules.namespaceSelector"], LABEL_SELECTOR),
  "spec.serviceEntryVisibility.applyToSidecars": "Must be true: here all callers are what Istio calls sidecars.",
  "spec.extensionProviders":
    "External authorizers, which CUSTOM policies ask, collectors, which get spans, and who gets what else Telemetry tells: `envoy`, the log, and `prometheus`, the metrics, are there without.",
  ...at(["spec.extensionProviders"], {
    name: "By which policies name it.",
    envoyExtAuthzHttp: "A service that is asked over HTTP: 200 lets a request pass, any other answer is the client's.",
    "envoyExtAuthzHttp.service": "Host of its service, or `namespace/` and the host.",
    "envoyExtAuthzHttp.port": "Port of the service.",
    "envoyExtAuthzHttp.timeout": "How long an answer may take; 600 s without it.",
    "envoyExtAuthzHttp.pathPrefix": "Stands before the path of each request that it is asked about.",
    "envoyExtAuthzHttp.failOpen": "Whether requests pass where it cannot be asked; false by default.",
    "envoyExtAuthzHttp.statusOnError": "What the client gets where it cannot be asked; 403 by default.",
    "envoyExtAuthzHttp.includeRequestHeadersInCheck":
      "Request headers that it is told beside method, Host, path and Authorization; `*` may stand at one end.",
    "envoyExtAuthzHttp.includeHeadersInCheck": "The old name of `includeRequestHeadersInCheck`.",
    "envoyExtAuthzHttp.includeAdditionalHeadersInCheck": "Headers that it is told in any case; Envoy's variables work.",
    "envoyExtAuthzHttp.includeRequestBodyInCheck": "It is told the request's body.",
    "envoyExtAuthzHttp.includeRequestBodyInCheck.maxRequestBytes": "A longer body is 413; at most 65536.",
    "envoyExtAuthzHttp.includeRequestBodyInCheck.allowPartialMessage": "False: a part of a body is not told.",
    "envoyExtAuthzHttp.includeRequestBodyInCheck.packAsBytes": "No difference over HTTP.",
    "envoyExtAuthzHttp.headersToUpstreamOnAllow":
      "Headers of its answer that the request is sent on with; what the client wrote there is taken away.",
    "envoyExtAuthzHttp.headersToDownstreamOnDeny":
      "Headers of its answer that the client gets with a refusal; all without it.",
    "envoyExtAuthzHttp.headersToDownstreamOnAllow": "Headers of its answer that the client gets with the service's.",
    "envoyExtAuthzHttp.clearRouteCache":
      "True, as it is without it: routes see the headers that a Gateway's provider sets.",
    opentelemetry: "A service that takes spans by OTLP over HTTP.",
    "opentelemetry.service": "Host of its service, or `namespace/` and the host.",
    "opentelemetry.port": "Port of the service.",
    "opentelemetry.http": "How it is called; gRPC does not work here.",
    "opentelemetry.http.path": "Such as `/v1/traces`.",
    "opentelemetry.http.timeout": "How long it may take to answer; `10s` by default, and at most.",
    "opentelemetry.http.headers": "Sent with each batch.",
    "opentelemetry.http.headers.name": "Its name.",
    "opentelemetry.http.headers.value": "Its value.",
    "opentelemetry.maxTagLength": "Characters of a path in a span; 256 by default.",
    "opentelemetry.resourceDetectors": "None works here.",
    "opentelemetry.resourceDetectors.environment": "There is no environment to look at; empty at most.",
  }),
  "spec.defaultProviders": "Who gets what no Telemetry sends elsewhere.",
  "spec.defaultProviders.tracing": "Name of the collector that gets spans; nobody by default.",
  "spec.tracing": "What is done about traces beside Istio's settings.",
  "spec.tracing.b3":
    "SINGLE or MULTI: Zipkin's headers are read where there is no `traceparent`, and sent in this form beside it.",
  "spec.tracing.keepErrors": "Whether calls that failed are reported, sampled or not; true by default.",
  "spec.tracing.keepSlowerThan":
    "Calls whose answer begins later are reported, sampled or not; `1s` by default, `0s` for none.",
  ...at(["spec.extensionProviders"], {
    envoyFileAccessLog: "The platform's log.",
    "envoyFileAccessLog.path": "`/dev/stdout`, as it is without it.",
    "envoyFileAccessLog.logFormat": "How a line looks; the mesh's own JSON without it.",
    "envoyFileAccessLog.logFormat.text": "A text with Envoy's operators, such as `%RESPONSE_CODE%`.",
    "envoyFileAccessLog.logFormat.labels": "Such a text for each field of a JSON object.",
    "envoyFileAccessLog.omitEmptyValues": "Kept without effect: what is not known is `-`, and null in JSON.",
    envoyOtelAls: "An OpenTelemetry collector that takes lines of the log by OTLP over HTTP, at `/v1/logs`.",
    "envoyOtelAls.service": "Host of its service, or `namespace/` and the host.",
    "envoyOtelAls.port": "Port of the service that speaks HTTP, such as 4318.",
    "envoyOtelAls.logName": "The attribute `log_name` of the resource; `otel_envoy_accesslog` by default.",
    "envoyOtelAls.logFormat": "What a record holds; Istio's text as its body without it.",
    "envoyOtelAls.logFormat.text": "The body: a text with Envoy's operators.",
    "envoyOtelAls.logFormat.labels": "Such a text for each attribute.",
    prometheus: "The metrics that control answers at `/metrics`.",
  }),
  "spec.defaultProviders.metrics": "Names of providers; `prometheus` by default.",
  "spec.defaultProviders.accessLogging": "Names of providers; by default each call is one line of the mesh's own JSON.",
  "spec.accessLogFile":
    "`/dev/stdout`, as it is without it; empty: nothing is logged where no Telemetry says otherwise.",
  "spec.accessLogFormat":
    "How a line looks: a text with Envoy's operators, or with `accessLogEncoding: JSON` an object of such texts, as JSON.",
  "spec.accessLogEncoding": "TEXT or JSON; TEXT without a format is Istio's own text.",
  "spec.localityLbSetting": "What it means where callers and endpoints are, where a DestinationRule does not say so.",
  ...at(["spec.localityLbSetting"], LOCALITY_LB),
  "spec.localities": "Where callers are: a colo counts more than its country, that more than its continent.",
  "spec.localities.colo": "Three letters of the platform's location; `LOC` in the local mesh.",
  "spec.localities.country": "Two letters, as in ISO 3166.",
  "spec.localities.continent": "AF, AN, AS, EU, NA, OC or SA.",
  "spec.localities.locality": "`region/zone/subzone`, or the beginning of it.",
  "spec.defaultConfig": "Settings of Istio's proxies: those of the way in.",
  "spec.defaultConfig.gatewayTopology": "What stands in front of the Gateways.",
  "spec.defaultConfig.gatewayTopology.numTrustedProxies":
    "So many proxies in front of the platform write `X-Forwarded-For`: the client is the Nth from its right end. 0 by default: the platform says who the client is.",
  "spec.defaultConfig.tracing": "Of Istio's older settings of traces.",
  "spec.defaultConfig.tracing.sampling": "Percent of requests without a decision that are traced; 1 by default.",
  "spec.signIn": "Who may sign in to the control API with an identity provider; nobody by default.",
  "spec.signIn.issuer":
    "The provider, as `iss` of its tokens; its keys are found by OpenID discovery, or where Cloudflare Access has them. Its host is on `egress.allowedHosts`.",
  "spec.signIn.audience":
    "Whom the tokens are for, as `aud`: the client that is registered there, or Access's AUD tag.",
  "spec.signIn.jwksUri": "Where the provider's keys are, in place of discovery; its host is on `egress.allowedHosts`.",
  "spec.signIn.rules":
    "The first rule whose claims somebody has gives them its role. Who has those of none gets nothing.",
  "spec.signIn.rules.claims": "All of them must hold.",
  "spec.signIn.rules.claims.name":
    "A claim whose value is a text or a list of texts; `[a][b]` for `b` inside of `a`. `email` counts only where it is verified.",
  "spec.signIn.rules.claims.values": "One of them must be the claim's value, or in its list.",
  "spec.signIn.rules.role": "viewer, editor or admin.",
  "spec.signIn.rules.permissions":
    "What it may see of requests beside its role: `tail` (live ones), `explain` (records, and why they were decided so); none by default, and both of admin.",
  "spec.signIn.rules.namespace": "The only namespace that it reaches; `*` is all.",
  "spec.snapshot": "How gateways treat the configuration that they hold.",
  "spec.snapshot.maxAge": "A gateway that got no configuration for longer refuses all requests; off by default.",
};
