import { says } from "./upstream.ts";
import { serviceOf } from "./world.ts";

/** Shorter than a run of the short suite, so that what hangs is given up in it. */
const TIMEOUT = "1s";

/** Takes whatever comes, as a collector of OpenTelemetry does. */
export const takes = says("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}");
/** All spans and lines of the mesh go to one collector; private addresses are this machine's, and nothing is retried. */
export function toldTo(sink: string): string {
  const service = serviceOf(sink);
  return JSON.stringify({
    apiVersion: "tulle.dev/v1alpha1",
    kind: "MeshConfig",
    metadata: { name: "default", namespace: "istio-system" },
    spec: {
      privateRanges: [{ range: "127.0.0.0/8", namespaces: ["*"] }],
      defaultHttpRetryPolicy: { attempts: 0 },
      extensionProviders: [
        { name: "spans", opentelemetry: { service, port: 80, http: { path: "/v1/traces", timeout: TIMEOUT } } },
        { name: "lines", envoyOtelAls: { service, port: 80 } },
      ],
      defaultProviders: { tracing: ["spans"], accessLogging: ["lines"] },
      defaultConfig: { tracing: { sampling: 100 } },
    },
  });
}
