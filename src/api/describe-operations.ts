import { z } from "zod";
import { DESCRIBED_KINDS } from "../compile/istio/described.ts";
import { curl, errors, type Operation, pathParameter } from "./operation.ts";

const object = z.strictObject({
  apiVersion: z.string(),
  kind: z.string(),
  namespace: z.string(),
  name: z.string(),
});

export const Description = z.strictObject({
  kind: z.enum(DESCRIBED_KINDS),
  namespace: z.string(),
  name: z.string(),
  generation: z.int().min(0).describe("Of the configuration that it is as of."),
  parts: z
    .array(
      z.strictObject({
        part: z.string().describe("What of it: `port 9080`, `route …`, `DENY`."),
        value: z.string().describe("In words, cut where it is long."),
        object: object.describe("Which object says so."),
        field: z.string().describe("Where in it; empty: the object itself."),
      }),
    )
    .describe("Routes and policies in the order in which they are looked at."),
  hidden: z.int().min(0).describe("Parts that objects of other namespaces say, which the token does not read."),
  findings: z
    .array(z.looseObject({ code: z.string(), severity: z.string(), object, field: z.string(), message: z.string() }))
    .describe("Of the objects that are named."),
  gateways: z
    .array(
      z.strictObject({
        gateway: z.string(),
        generation: z.int().nullable().describe("Of its newest root; null: none was asked for."),
        have: z.int().nullable().describe("The oldest that one of its isolates serves; null: it was not seen lately."),
      }),
    )
    .describe("Those that serve it."),
});

export const DESCRIBE_ANSWERED = { Description };

/** Of the configuration as it holds. */
export const DESCRIBE_OPERATIONS: Readonly<Record<string, Readonly<Record<string, Operation>>>> = {
  "/api/v1/describe/{kind}/{namespace}/{name}": {
    get: {
      operationId: "describe",
      summary: "What holds for a service, a route, a policy or a workload, and what says so",
      description:
        "The configuration as all objects together make it: each part with the object and the field that it comes from. Routes are those that callers meet who have no view of their own. A service is named by its object or its host, a workload as logs and metrics name it, a route by its VirtualService.",
      tags: ["Mesh"],
      parameters: [
        pathParameter("kind", "`service`, `route`, `policy` or `workload`."),
        pathParameter("namespace", "Its namespace."),
        pathParameter("name", "Its name."),
      ],
      responses: {
        "200": {
          description: "What holds.",
          content: { "application/json": { schema: { $ref: "#/components/schemas/Description" } } },
        },
        ...errors("Forbidden", "NotFound"),
      },
      "x-tulle-role": "viewer",
      "x-codeSamples": [
        {
          lang: "curl",
          label: "What is not there",
          source: `${curl("/api/v1/describe/service/tour/nobody").replace(" --fail-with-body", "")} -w '\\n%{http_code}\\n'`,
          "x-expect": "there is no service `nobody` in namespace `tour`\n404",
        },
      ],
    },
  },
};
