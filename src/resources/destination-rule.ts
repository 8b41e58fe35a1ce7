import { z } from "zod";
import { checkClientTls, ClientTls } from "./client-tls.ts";
import { ConnectionPool, RetryBudget } from "./connection-pool.ts";
import { never, portNumber, REASON, strict } from "./fields.ts";
import { checkExportTo, exportTo } from "./export-to.ts";
import { hostPattern, isAddress } from "./host.ts";
import type { Context } from "./kind.ts";
import { checkLoadBalancer, LoadBalancer } from "./load-balancer.ts";
import { labels, subsetName } from "./names.ts";
import { checkOutlierDetection, OutlierDetection } from "./outlier-detection.ts";
import type { Report } from "./report.ts";
import { warnOfEmptySelector, WorkloadSelector } from "./selector.ts";

const policyFields = {
  loadBalancer: LoadBalancer.exactOptional(),
  connectionPool: ConnectionPool.exactOptional(),
  outlierDetection: OutlierDetection.exactOptional(),
  tls: ClientTls.exactOptional(),
};

const PortPolicy = strict({ port: strict({ number: portNumber }), ...policyFields });

export const TrafficPolicy = strict(
  {
    ...policyFields,
    portLevelSettings: z.array(PortPolicy).exactOptional(),
    retryBudget: RetryBudget.exactOptional(),
  },
  {
    tunnel: never(REASON.framing),
    proxyProtocol: never(REASON.connection),
  },
);

const Subset = strict({
  name: subsetName,
  labels: labels.exactOptional(),
  trafficPolicy: TrafficPolicy.exactOptional(),
});

export const DestinationRule = strict({
  host: hostPattern,
  exportTo: exportTo.exactOptional(),
  workloadSelector: WorkloadSelector.exactOptional(),
  subsets: z.array(Subset).exactOptional(),
  trafficPolicy: TrafficPolicy.exactOptional(),
});

/** Fields that only tune connections are here too, and have no effect. */
export type DestinationRuleSpec = z.infer<typeof DestinationRule>;
export type TrafficPolicySpec = z.infer<typeof TrafficPolicy>;
type PortPolicySpec = z.infer<typeof PortPolicy>;

export function checkDestinationRule(spec: DestinationRuleSpec, report: Report, { metadata }: Context): void {
  const { namespace = "default" } = metadata;
  checkExportTo(spec.exportTo, namespace, report.at("exportTo"));
  if (isAddress(spec.host)) report.at("host").error("an IP address is no service's host");
  checkTrafficPolicy(spec.trafficPolicy, spec.host, report.at("trafficPolicy"));
  if (spec.workloadSelector !== undefined) {
    warnOfEmptySelector(spec.workloadSelector.matchLabels, report.at("workloadSelector"));
    if (spec.exportTo?.some((scope) => scope !== "." && scope !== namespace) === true)
      report.at("exportTo").error("only `.` goes with `workloadSelector`: it selects clients of this namespace");
  }
  const names = new Set<string>();
  for (const [index, subset] of (spec.subsets ?? []).entries()) {
    const place = report.at("subsets", index);
    if (names.has(subset.name)) place.at("name").error(`\`${subset.name}\` is there twice`, "FieldValueDuplicate");
    names.add(subset.name);
    if (Object.keys(subset.labels ?? {}).length === 0)
      place.at("labels").warn("no labels: the subset is all endpoints", "TULLE0005");
    checkTrafficPolicy(subset.trafficPolicy, spec.host, place.at("trafficPolicy"));
  }
}

/** @param host that the policy is for, as written */
export function checkTrafficPolicy(policy: TrafficPolicySpec | undefined, host: string, report: Report): void {
  if (policy === undefined) return;
  const { portLevelSettings = [], ...others } = policy;
  if (Object.keys(others).length === 0 && portLevelSettings.length === 0)
    report.error("empty: set one of its blocks, or leave it out", "FieldValueRequired");
  checkSettings(policy, host, report);
  const ports = new Set<number>();
  for (const [index, settings] of portLevelSettings.entries()) {
    const place = report.at("portLevelSettings", index);
    if (ports.has(settings.port.number))
      place.at("port", "number").error(`port ${settings.port.number} is there twice`, "FieldValueDuplicate");
    ports.add(settings.port.number);
    if (Object.keys(settings).length === 1)
      place.error("empty: set one of its blocks, or leave it out", "FieldValueRequired");
    checkSettings(settings, host, place);
  }
}

function checkSettings(settings: Omit<PortPolicySpec, "port">, host: string, report: Report): void {
  if (settings.loadBalancer !== undefined)
    checkLoadBalancer(settings.loadBalancer, settings.outlierDetection !== undefined, report.at("loadBalancer"));
  if (settings.connectionPool !== undefined && Object.keys(settings.connectionPool).length === 0)
    report.at("connectionPool").error("empty: set `tcp` or `http`", "FieldValueRequired");
  warnOfNoLimits(settings.connectionPool ?? {}, report.at("connectionPool"));
  const http = settings.connectionPool?.http;
  if (http?.h2UpgradePolicy === "UPGRADE" && http.useClientProtocol === true)
    report.at("connectionPool", "http", "useClientProtocol").error("cannot go with `h2UpgradePolicy: UPGRADE`");

  if (settings.outlierDetection !== undefined)
    checkOutlierDetection(settings.outlierDetection, report.at("outlierDetection"));
  if (settings.tls !== undefined) checkClientTls(settings.tls, host, report.at("tls"));
}

function warnOfNoLimits({ tcp, http }: NonNullable<PortPolicySpec["connectionPool"]>, report: Report): void {
  const limits = [
    [report.at("tcp", "maxConnections"), tcp?.maxConnections],
    [report.at("http", "http1MaxPendingRequests"), http?.http1MaxPendingRequests],
    [report.at("http", "http2MaxRequests"), http?.http2MaxRequests],
  ] as const;
  for (const [place, limit] of limits) if (limit === 0) place.warn("0 is no limit, as in Istio");
}
