import { apiVersionOf, type KindInfo } from "../../src/resources/kinds.ts";

/** Hosts outside of the mesh that the samples name: each belongs to one namespace alone. */
const SAMPLE_HOSTS = ["*.held.test"] as const;

/** The same for all samples of a process. */
const IN_AN_HOUR = new Date(Date.now() + 3_600_000).toISOString();

/** What makes an object of a kind one that is taken, whatever namespace it stands in. */
function fieldsOf(kind: string, namespace: string): Readonly<Record<string, unknown>> {
  const selector = { matchLabels: { app: "held" } };
  switch (kind) {
    case "Pod":
      return { spec: { containers: [{ name: "a", image: "a" }] } };
    case "Service":
      return { spec: { ports: [{ name: "http", port: 80 }] } };
    case "EndpointSlice":
      return { addressType: "IPv4", endpoints: [], ports: [] };
    case "ConfigMap":
      return { data: { a: "b" } };
    case "Secret":
      return { type: "Opaque", data: { a: "Yg==" } };
    case "ServiceEntry": {
      const ports = [{ number: 443, name: "https", protocol: "HTTPS" }];
      const hosts = [`${namespace}.held.test`];
      return { spec: { hosts, location: "MESH_EXTERNAL", resolution: "DNS", exportTo: ["."], ports } };
    }
    case "WorkloadEntry":
      return { spec: { address: `binding:EP_${namespace.toUpperCase().replaceAll("-", "_")}` } };
    case "WorkloadGroup":
      return { spec: { metadata: { labels: { app: "held" } }, template: { serviceAccount: "held" } } };
    case "Gateway": {
      const servers = [{ port: { number: 80, name: "http", protocol: "HTTP" }, hosts: ["./held.test"] }];
      return { spec: { selector: { app: "held" }, servers } };
    }
    case "VirtualService":
      return { spec: { hosts: ["held"], exportTo: ["."], http: [{ route: [{ destination: { host: "held" } }] }] } };
    case "DestinationRule":
      return { spec: { host: "held", exportTo: ["."] } };
    case "ProxyConfig":
      return { spec: {} };
    case "Sidecar":
      return { spec: { workloadSelector: { labels: { app: "held" } }, egress: [{ hosts: ["./*"] }] } };
    case "AuthorizationPolicy":
      return { spec: { selector, action: "DENY", rules: [{ to: [{ operation: { paths: ["/x"] } }] }] } };
    case "PeerAuthentication":
      return { spec: { selector, mtls: { mode: "PERMISSIVE" } } };
    case "RequestAuthentication":
      return { spec: { selector, jwtRules: [] } };
    case "Telemetry":
      return { spec: { selector, accessLogging: [{ filter: { expression: "response.code >= 500" } }] } };
    case "MeshConfig":
      return { spec: { rootNamespace: "mesh-root", egress: { allowedHosts: SAMPLE_HOSTS } } };
    case "EnrolmentRule":
      return {
        spec: {
          issuer: "https://issuer.held.test",
          jwks: '{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}',
          subject: "repo:acme/held:{ref}",
          namespace: "held",
          serviceAccount: "held",
        },
      };
    case "APIKeyPolicy":
      return { spec: { selector: { matchLabels: { app: "held" } } } };
    case "FaultRehearsal":
      return {
        spec: {
          targetRef: { kind: "Service", name: "held" },
          abort: { httpStatus: 503 },
          endsAt: IN_AN_HOUR,
        },
      };
    case "RateLimitPolicy":
      return {
        spec: {
          targetRefs: [{ kind: "Service", name: "held" }],
          limits: [{ name: "all", rates: [{ limit: 10, window: "1m" }] }],
        },
      };
    default:
      return {};
  }
}

/** An object of a kind that control stores. */
export function sampleOf({ group, version, kind, namespaced }: KindInfo, namespace: string, name: string) {
  const metadata = { name, ...(namespaced && { namespace }) };
  return { apiVersion: apiVersionOf(group, version), kind, metadata, ...fieldsOf(kind, namespace) };
}

/** The path of a kind below `/k8s`, in one namespace or in all. */
export function collectionOf({ group, version, plural }: KindInfo, namespace: string): string {
  const root = group === "" ? `/k8s/api/${version}` : `/k8s/apis/${group}/${version}`;
  return namespace === "" ? `${root}/${plural}` : `${root}/namespaces/${namespace}/${plural}`;
}
