/** A host of the Gateway `way-in` and where it leads. */
export interface Exposed {
  readonly host: string;
  /** As an endpoint's `address`: an IP, a name, `https://…`. */
  readonly address: string;
  /** For an address that is neither a binding nor an origin. */
  readonly port?: number;
  /** Of the route, in YAML's flow form. */
  readonly headers?: string;
}

/**
 * A Gateway with each host exposed on it, for the local mesh. Loopback and names below `localhost` may be private
 * endpoints, hosts below `origin.example` public ones.
 */
export function exposing(hosts: readonly Exposed[]): string {
  return [
    `
apiVersion: tulle.dev/v1alpha1
kind: MeshConfig
metadata: { name: default, namespace: istio-system }
spec:
  privateRanges:
    - { range: 127.0.0.0/8, namespaces: ["*"] }
    - { range: localhost, namespaces: ["*"] }
  egress: { allowedHosts: ["*.origin.example"] }`,
    `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: way-in, namespace: default }
spec: { servers: [{ port: { number: 8080, name: http, protocol: HTTP }, hosts: ["*"] }] }`,
    ...hosts.map(resourcesOf),
  ].join("\n---\n");
}

function resourcesOf({ host, address, port, headers = "{}" }: Exposed): string {
  const name = host.replaceAll(".", "-");
  const isName = !/^(\d+\.|binding:|https:)/.test(address);
  return `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${name}, namespace: default }
spec:
  hosts: [${host}]
  location: MESH_INTERNAL
  resolution: ${isName || address.startsWith("https:") ? "DNS" : "STATIC"}
  ports: [{ number: 80, name: http, protocol: HTTP${port === undefined ? "" : `, targetPort: ${port}`} }]
  endpoints: [{ address: "${address}" }]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name}, namespace: default }
spec:
  hosts: [${host}]
  gateways: [way-in]
  http: [{ headers: ${headers}, route: [{ destination: { host: ${host} } }] }]`;
}
