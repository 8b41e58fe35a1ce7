import { Registered } from "./answers.ts";
import { RegisteredWorkload, WorkloadAddress } from "./bodies.ts";
import {
  curl,
  errors,
  pathParameter,
  withBody,
  NOTHING,
  YAML_BODY,
  CODE_ONLY,
  type Operations,
  referring,
} from "./operation.ts";

export const WORKLOAD_SENT = { RegisteredWorkload, WorkloadAddress };
export const WORKLOAD_ANSWERED = { Registered };

const { body, answer } = referring<keyof typeof WORKLOAD_SENT, keyof typeof WORKLOAD_ANSWERED>();

const WRENS = `
apiVersion: networking.istio.io/v1
kind: WorkloadGroup
metadata: { name: wrens, namespace: tour }
spec: { template: { serviceAccount: wren, labels: { app: wren } } }`;

/** Workloads that register themselves. */
export const WORKLOAD_OPERATIONS: Operations = {
  "/api/v1/workload-groups/{namespace}/{name}/register": {
    post: {
      operationId: "registerWorkload",
      summary: "Register a workload of a WorkloadGroup",
      description:
        "Makes a WorkloadEntry of the group's template, named after group and address; the role is what a write of WorkloadEntries needs. The same call again renews it: nothing is stored as long as nothing differs and more than half of the lease is left. Without `ttlSeconds` the entry stays until it is deleted.",
      tags: ["Mesh"],
      parameters: [pathParameter("namespace", "The group's."), pathParameter("name", "The group's.")],
      requestBody: body("RegisteredWorkload"),
      responses: {
        "200": answer("It was registered before.", "Registered"),
        "201": answer("It is registered.", "Registered"),
        ...errors("BadRequest", "RequestEntityTooLarge", "Forbidden", "NotFound", "Conflict", "Invalid"),
      },
      "x-tulle-role": "editor",
      "x-codeSamples": [
        {
          lang: "curl",
          source: `${withBody(curl("/api/v1/apply", "-o /dev/null", YAML_BODY), "YAML", WRENS)}\n${curl("/api/v1/workload-groups/tour/wrens/register", `--json '{"address": "binding:EP_WREN", "ttlSeconds": 600}'`)}`,
          "x-expect": { namespace: "tour", name: "wrens-binding-ep-wren", action: "created" },
        },
      ],
    },
  },
  "/api/v1/workload-groups/{namespace}/{name}/deregister": {
    post: {
      operationId: "deregisterWorkload",
      summary: "Deregister a workload of a WorkloadGroup",
      description: "Deletes the WorkloadEntry that it registered. An entry that no workload registered is left alone.",
      tags: ["Mesh"],
      parameters: [pathParameter("namespace", "The group's."), pathParameter("name", "The group's.")],
      requestBody: body("WorkloadAddress"),
      responses: {
        "204": NOTHING,
        ...errors("BadRequest", "RequestEntityTooLarge", "Forbidden", "NotFound", "Conflict"),
      },
      "x-tulle-role": "editor",
      "x-codeSamples": [
        {
          lang: "curl",
          source: curl(
            "/api/v1/workload-groups/tour/wrens/deregister",
            `--json '{"address": "binding:EP_WREN"}'`,
            CODE_ONLY,
          ),
          "x-expect": "204",
        },
      ],
    },
  },
};
