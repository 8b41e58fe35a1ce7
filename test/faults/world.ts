/** A host `ID.test` on the public way in, whose service has these endpoints on loopback. */
export function world(id: string, ports: readonly number[], route: object = {}): string {
  const namespace = id.toLowerCase();
  const host = hostOf(id);
  return [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } },
    {
      apiVersion: "networking.istio.io/v1",
      kind: "ServiceEntry",
      metadata: { name: "service", namespace },
      spec: {
        hosts: [serviceOf(id)],
        location: "MESH_INTERNAL",
        resolution: "STATIC",
        ports: [{ number: 80, name: "http", protocol: "HTTP" }],
        endpoints: ports.map((port) => ({ address: "127.0.0.1", ports: { http: port } })),
      },
    },
    {
      apiVersion: "networking.istio.io/v1",
      kind: "VirtualService",
      metadata: { name: "service", namespace },
      spec: {
        hosts: [host],
        gateways: ["default/front"],
        http: [{ route: [{ destination: { host: serviceOf(id) } }], ...route }],
      },
    },
  ]
    .map((object) => JSON.stringify(object))
    .join("\n---\n");
}

/** What a client asks for. */
export const hostOf = (id: string): string => `${id.toLowerCase()}.test`;
/** What rules are written for. */
export const serviceOf = (id: string): string => `${id.toLowerCase()}.internal`;
