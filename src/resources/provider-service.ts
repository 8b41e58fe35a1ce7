import { serviceHostProblem } from "./address.ts";
import { text } from "./fields.ts";
import { isDnsLabel, isHostName } from "./names.ts";
import type { Report } from "./report.ts";

/** Where a provider of the mesh's settings is: `namespace/host`, or a host alone. */
export function isProviderService(service: string): boolean {
  const { namespace, host } = serviceParts(service);
  return (namespace === null || isDnsLabel(namespace)) && isHostName(host);
}

export function serviceParts(service: string): { readonly namespace: string | null; readonly host: string } {
  const slash = service.indexOf("/");
  return slash < 0
    ? { namespace: null, host: service }
    : { namespace: service.slice(0, slash), host: service.slice(slash + 1) };
}

/** The service of a collector. */
export const collectorService = text(
  isProviderService,
  "a host name of a service, `otel-collector.observability.svc.cluster.local`, or `namespace/` and a host name",
);

/** R20: an address or a metadata service is no service of the mesh, whatever a ServiceEntry says. */
export function checkCollectorService(service: string, report: Report): void {
  const problem = serviceHostProblem(serviceParts(service).host);
  if (problem !== null) report.error(problem);
}
