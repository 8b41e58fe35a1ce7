import type { FindingKind } from "./finding-kind.ts";

/** 04: settings of resilience; 05: what nobody uses; 06: what lets too much in. */
export const SETTING_FINDINGS = {
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
