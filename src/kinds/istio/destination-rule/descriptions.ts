import { at, type Descriptions } from "../../descriptions.ts";
import { LOAD_BALANCER } from "./load-balancer-descriptions.ts";

const TRAFFIC_SETTINGS: Descriptions = {
  ...LOAD_BALANCER,
  connectionPool: "How much may be under way at once.",
  "connectionPool.tcp": "Limits that Istio sets on connections.",
  "connectionPool.tcp.maxConnections": "Requests that may be under way; the others wait.",
  "connectionPool.http": "Limits on requests.",
  "connectionPool.http.http1MaxPendingRequests": "Requests that may wait; others are refused with 503.",
  "connectionPool.http.http2MaxRequests": "As `tcp.maxConnections`; the smaller one counts.",
  "connectionPool.http.maxRetries": "Calls that may be tried again at once; other answers stand as they are.",
  outlierDetection: "When an endpoint that fails gets no requests for a while.",
  "outlierDetection.consecutive5xxErrors": "Answers 500 and above in a row that eject; 5 by default, 0 for never.",
  "outlierDetection.consecutiveGatewayErrors": "Answers 502, 503 and 504 in a row that eject; off by default.",
  "outlierDetection.consecutiveErrors": "The old name of `consecutive5xxErrors`.",
  "outlierDetection.splitExternalLocalOriginErrors":
    "Whether failures without an answer (no connection, none in time, broken off) are counted apart; false by default: they count as 503 and 504.",
  "outlierDetection.consecutiveLocalOriginFailures":
    "Failures without an answer in a row that eject, where they are counted apart; 5 by default.",
  "outlierDetection.outlierDetectionHttpErrorCodes":
    "The answers that count as errors, 100 to 599; all from 500 on by default.",
  "outlierDetection.interval": "How often it is looked at which ejections have ended; 10s by default.",
  "outlierDetection.baseEjectionTime":
    "How long the first ejection lasts; each one that follows lasts longer. 30s by default.",
  "outlierDetection.maxEjectionPercent": "Share of the endpoints that may be ejected at once; 10 by default.",
  "outlierDetection.minHealthPercent":
    "With a smaller share of healthy endpoints ejections are disregarded; 0, for never, by default.",
  tls: "How calls to the destination are secured.",
  "tls.mode":
    "DISABLE: plain HTTP; SIMPLE: HTTPS; MUTUAL: HTTPS with a client certificate; ISTIO_MUTUAL: with the mesh's own identities, as is done without the field.",
  "tls.credentialName":
    "For MUTUAL: the gateway's certificate binding, `CERT_` and this name in capitals, with `_` for what is neither letter nor digit.",
  "tls.sni": "Can only be the rule's host: the server name is always the host of the address.",
  "tls.insecureSkipVerify": "Can only be false: certificates are always verified.",
};

export const TRAFFIC_POLICY: Descriptions = {
  ...TRAFFIC_SETTINGS,
  retryBudget: "How many calls may be tried again at once, in place of `maxRetries`.",
  "retryBudget.percent": "Share of the calls under way, or of those that began in the interval; 20 by default.",
  "retryBudget.minRetryConcurrency": "So many in any case; 3 by default.",
  "retryBudget.budgetInterval": "Over which time calls are counted; `0s`, for those under way, by default.",
  portLevelSettings: "Settings for single ports, which replace the others as a whole.",
  "portLevelSettings.port": "The port, by its number at the service.",
  ...at(["portLevelSettings"], TRAFFIC_SETTINGS),
};

export const DESCRIPTIONS: Descriptions = {
  "": "Says how calls reach a service, after it was chosen.",
  spec: "The service, its subsets, and the settings for calls.",
  "spec.host": "The service's name, or `*.` and a name; a short one is one of the namespace.",
  "spec.exportTo": "Namespaces whose calls it is for: `.` its own, `*` all (the default), or names.",
  "spec.workloadSelector": "Which callers of the namespace it is for; all callers by default.",
  "spec.workloadSelector.matchLabels": "Labels that a caller must all have.",
  "spec.subsets": "Named parts of the service, such as its versions.",
  "spec.subsets.name": "What a VirtualService calls it.",
  "spec.subsets.labels": "Labels that its endpoints all have.",
  "spec.subsets.trafficPolicy": "Settings for the subset; each block replaces the one of the service.",
  "spec.trafficPolicy": "Settings for calls.",
  ...at(["spec.trafficPolicy", "spec.subsets.trafficPolicy"], TRAFFIC_POLICY),
};
