import type { EndpointAddress, Workload } from "../snapshot/model.ts";

/** Istio's label of workloads that have a sidecar, which takes the mesh's mutual TLS. */
const TLS_MODE_LABEL = "security.istio.io/tlsMode";

/** Whether a workload is reached through an agent: only by the mesh's mutual TLS. */
export function hasAgent(labels: Readonly<Record<string, string>>): boolean {
  return labels[TLS_MODE_LABEL] === "istio";
}

/**
 * The way to an agent, which must be its workload's; of one without a service account that of any of the service's, as in Istio.
 * A Worker has no agent, and a public origin shows a certificate of its host.
 */
export function byMutualTls(
  address: EndpointAddress,
  { principal }: Pick<Workload, "principal">,
  all: readonly { readonly workload: Workload }[],
): EndpointAddress {
  if (address.kind !== "private") return address;
  const known = principal === null ? all.flatMap(({ workload }) => workload.principal ?? []) : [principal];
  return { ...address, tls: true, peers: [...new Set(known)].sort().map((one) => `spiffe://${one}`) };
}
