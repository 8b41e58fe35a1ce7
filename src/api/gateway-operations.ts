import { Listening } from "./bodies.ts";
import {
  type Content,
  BARE_CURL,
  curl,
  errors,
  pathParameter,
  NOTHING,
  CODE_ONLY,
  type Operations,
  referring,
} from "./operation.ts";

export const GATEWAY_SENT = { Listening };

const { body } = referring<keyof typeof GATEWAY_SENT, never>();

const TEXT: Content = { "text/plain": { schema: { type: "string" } } };

/** What watches the mesh asks for, and what its edge tells. */
export const GATEWAY_OPERATIONS: Operations = {
  "/metrics": {
    get: {
      operationId: "metrics",
      summary: "All gateways' metrics, in Prometheus' text format",
      tags: ["Mesh"],
      responses: { "200": { description: "The sums of all gateways.", content: TEXT }, ...errors("Forbidden") },
      "x-tulle-role": "viewer",
      "x-codeSamples": [
        {
          lang: "curl",
          source: curl("/metrics"),
          "x-expect": "# TYPE istio_requests_total counter\ntulle_configuration_generation",
        },
        {
          lang: "kubectl",
          source: "kubectl get --raw /metrics",
          "x-expect": "# TYPE istio_requests_total counter",
        },
      ],
    },
  },
  "/healthz": {
    get: {
      operationId: "health",
      summary: "Whether control runs",
      tags: ["Mesh"],
      security: [],
      responses: { "200": { description: "It does.", content: TEXT } },
      "x-tulle-role": null,
      "x-codeSamples": [{ lang: "curl", source: `${BARE_CURL} "$TULLE/healthz"`, "x-expect": "ok" }],
    },
  },
  "/api/v1/gateways/{namespace}/{name}/listeners": {
    post: {
      operationId: "reportListeners",
      summary: "Say where a Gateway is listened for",
      description:
        "For whoever opens the ports of Gateways, such as the local edge: it becomes the Gateway's `status.addresses` and its condition `Programmed`. The role is what a write to `gateways/status` needs. This is no change of the configuration.",
      tags: ["Mesh"],
      parameters: [pathParameter("namespace", "The Gateway's."), pathParameter("name", "The Gateway's.")],
      requestBody: body("Listening"),
      responses: { "204": NOTHING, ...errors("BadRequest", "RequestEntityTooLarge", "Forbidden", "NotFound") },
      "x-tulle-role": "editor",
      "x-codeSamples": [
        {
          lang: "curl",
          source: curl(
            "/api/v1/gateways/tour/front/listeners",
            `--json '{"addresses": ["127.0.0.9"], "boundPorts": {"80": 20080}, "failed": []}'`,
            CODE_ONLY,
          ),
          "x-expect": "204",
        },
      ],
    },
  },
};
