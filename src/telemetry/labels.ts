import type { Workload } from "../snapshot/model.ts";
import type { Journal } from "./journal.ts";
import type { MetricLabels } from "./metrics.ts";

/** Istio's word for what it does not know. */
export const UNKNOWN = "unknown";

/** The labels of a call's series. In one gateway both of Istio's reporters are one hop. */
export function labelsOf(journal: Journal, reporter: "source" | "destination"): MetricLabels {
  const service = journal.cluster?.service;
  const source = callerOf(journal);
  const destination = journal.endpoint?.workload;
  const plain = journal.peer.by === "none" && journal.gateway === null;
  return {
    reporter,
    source_workload: source.name,
    source_workload_namespace: source.namespace,
    source_principal: spiffe(source.principal),
    source_app: source.app,
    source_version: source.version,
    source_canonical_service: source.canonicalService ?? source.app,
    source_canonical_revision: source.canonicalRevision ?? source.version,
    source_cluster: UNKNOWN,
    destination_workload: destination?.name ?? UNKNOWN,
    destination_workload_namespace: destination?.namespace ?? UNKNOWN,
    destination_principal: spiffe(destination?.principal ?? null),
    destination_app: destination?.app ?? UNKNOWN,
    destination_version: destination?.version ?? UNKNOWN,
    destination_service: service?.host ?? UNKNOWN,
    destination_service_name: service?.name ?? UNKNOWN,
    destination_service_namespace: service?.namespace ?? UNKNOWN,
    destination_canonical_service: destination?.canonicalService ?? destination?.app ?? UNKNOWN,
    destination_canonical_revision: destination?.canonicalRevision ?? destination?.version ?? UNKNOWN,
    destination_cluster: UNKNOWN,
    request_protocol: journal.protocol,
    response_code: String(journal.status),
    response_flags: journal.flag,
    connection_security_policy: reporter === "source" ? UNKNOWN : plain ? "none" : "mutual_tls",
    grpc_response_status: "",
  };
}

/** The Gateway for what came through one, else the workload that the deployer named, else what the certificate proves. */
export function callerOf({ gateway, props, peer }: Journal): Workload {
  if (gateway !== null) return gateway;
  return {
    name: props?.workload ?? UNKNOWN,
    namespace: peer.namespace ?? UNKNOWN,
    principal: peer.principal,
    app: props?.app ?? UNKNOWN,
    version: props?.version ?? UNKNOWN,
  };
}

function spiffe(principal: string | null): string {
  return principal === null ? UNKNOWN : `spiffe://${principal}`;
}
