/** What else a service has. */
interface Beside {
  /** Of its VirtualService: `tulle.dev/idle-timeout`. */
  readonly idleTimeout?: string;
  /** Of its DestinationRule; absent: there is none. */
  readonly policy?: object;
}

/**
 * A host `ID.test` on the public way in, and its service in a namespace of its own. Of `F1-slow`, `F1-quick` the namespace is `f1`:
 * an endpoint belongs to one namespace.
 *
 * @param endpoints ports on loopback, or addresses
 * @param route more of its route
 */
export function world(
  id: string,
  endpoints: readonly (number | string)[],
  route: object = {},
  { idleTimeout, policy }: Beside = {},
): string {
  const [namespace = "", name = "service"] = id.toLowerCase().split("-");
  const host = hostOf(id);
  return [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } },
    {
      apiVersion: "networking.istio.io/v1",
      kind: "ServiceEntry",
      metadata: { name, namespace },
      spec: {
        hosts: [serviceOf(id)],
        location: "MESH_INTERNAL",
        resolution: "STATIC",
        ports: [{ number: 80, name: "http", protocol: "HTTP" }],
        endpoints: endpoints.map((endpoint) =>
          typeof endpoint === "string" ? { address: endpoint } : { address: "127.0.0.1", ports: { http: endpoint } },
        ),
      },
    },
    {
      apiVersion: "networking.istio.io/v1",
      kind: "VirtualService",
      metadata: {
        name,
        namespace,
        ...(idleTimeout !== undefined && { annotations: { "tulle.dev/idle-timeout": idleTimeout } }),
      },
      spec: {
        hosts: [host],
        gateways: ["default/front"],
        http: [{ route: [{ destination: { host: serviceOf(id) } }], ...route }],
      },
    },
    ...(policy === undefined
      ? []
      : [
          {
            apiVersion: "networking.istio.io/v1",
            kind: "DestinationRule",
            metadata: { name, namespace },
            spec: { host: serviceOf(id), trafficPolicy: policy },
          },
        ]),
  ]
    .map((object) => JSON.stringify(object))
    .join("\n---\n");
}

/** What a client asks for. */
export const hostOf = (id: string): string => `${id.toLowerCase()}.test`;
/** What rules are written for. */
export const serviceOf = (id: string): string => `${id.toLowerCase()}.internal`;
