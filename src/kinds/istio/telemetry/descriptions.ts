import { SCOPE, at, type Descriptions } from "../../descriptions.ts";

const PROVIDERS: Descriptions = {
  providers:
    "Who gets it, of the mesh's `extensionProviders`; without it those of the wider object, or of `defaultProviders`.",
  "providers.name": "Name among `extensionProviders`; `envoy` is the log and `prometheus` are the metrics without any.",
};

const MODE = "CLIENT: calls of the workload; SERVER: calls to it; CLIENT_AND_SERVER, the default: both.";

export const DESCRIPTIONS: Descriptions = {
  "": "Says what is told of calls: spans, metrics, lines of the log. A workload's stands over its namespace's, that over the root namespace's.",
  spec: "The workloads and what is told of their calls.",
  ...at(["spec"], SCOPE),
  "spec.tracing": "Spans; of several for one mode each later one stands over those before it.",
  ...at(["spec.tracing"], {
    match: "Which calls.",
    "match.mode": MODE,
    ...PROVIDERS,
    randomSamplingPercentage: "How many of the requests that bring no decision get spans, 0 to 100.",
    disableSpanReporting: "True: context is passed on, and no span is told.",
    disableContextPropagation: "True: the service gets no headers of traces.",
    customTags: "Attributes of each span, by their names.",
    "customTags.literal": "The same value in each span.",
    "customTags.literal.value": "The value.",
    "customTags.header": "The value of a header of the request.",
    "customTags.header.name": "Its name; one that may hold a secret is refused.",
    "customTags.header.defaultValue": "The value where there is no such header; without it there is no attribute.",
    "customTags.formatter": "A text with Envoy's operators, as those of the log.",
    "customTags.formatter.value": "Such as `%RESPONSE_FLAGS%`.",
    useRequestIdForTraceSampling: "The decision always travels in `traceparent`.",
    enableIstioTags: "False: spans lack the attributes that Istio adds.",
  }),
  "spec.metrics": "Istio's standard metrics.",
  ...at(["spec.metrics"], {
    ...PROVIDERS,
    overrides: "What of them is another; later ones stand over those before them.",
    "overrides.match": "Which metrics; all by default.",
    "overrides.match.metric": "Istio's name of a metric; `ALL_METRICS` by default.",
    "overrides.match.customMetric": "The same by its name in Prometheus, such as `requests_total`.",
    "overrides.match.mode": MODE,
    "overrides.disabled": "True: they are not counted.",
    "overrides.tagOverrides": "Labels by their names.",
    "overrides.tagOverrides.operation": "UPSERT, the default: the label has `value`; REMOVE: it is left out.",
    "overrides.tagOverrides.value":
      "An expression of CEL, such as `request.method`; where it cannot be worked out the label is `unknown`.",
    reportingInterval: "Kept without effect: it is about TCP.",
  }),
  "spec.accessLogging": "Lines of the log.",
  ...at(["spec.accessLogging"], {
    match: "Which calls.",
    "match.mode": MODE,
    ...PROVIDERS,
    disabled: "True: nothing is logged.",
    filter: "Which calls are logged.",
    "filter.expression":
      "An expression of CEL, such as `response.code >= 400`; where it cannot be worked out there is no line.",
  }),
};
