import { isDnsLabel, isHostName } from "./names.ts";

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
