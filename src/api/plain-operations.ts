import { Status } from "./answers.ts";
import { CHANGE_ANSWERED, CHANGE_OPERATIONS, CHANGE_SENT } from "./change-operations.ts";
import { AUDIT_ANSWERED, AUDIT_OPERATIONS, AUDIT_SENT } from "./audit-operations.ts";
import { DECIDE_ANSWERED, DECIDE_OPERATIONS, DECIDE_SENT } from "./decide-operations.ts";
import { GATEWAY_OPERATIONS, GATEWAY_SENT } from "./gateway-operations.ts";
import { WORKLOAD_ANSWERED, WORKLOAD_OPERATIONS, WORKLOAD_SENT } from "./workload-operations.ts";
import { ACCOUNT_ANSWERED, ACCOUNT_OPERATIONS, ACCOUNT_SENT } from "./account-operations.ts";
import { ENROLMENT_ANSWERED, ENROLMENT_OPERATIONS, ENROLMENT_SENT } from "./enrolment-operations.ts";
import { CA_ANSWERED, CA_OPERATIONS, CA_SENT } from "./ca-operations.ts";
import { DASHBOARD_ANSWERED, DASHBOARD_OPERATIONS } from "./dashboard-operations.ts";
import { DESCRIBE_ANSWERED, DESCRIBE_OPERATIONS } from "./describe-operations.ts";
import { QUERY_ANSWERED, QUERY_OPERATIONS } from "./query-operations.ts";
import { KEY_ANSWERED, KEY_OPERATIONS, KEY_SENT } from "./key-operations.ts";
import { LIMIT_ANSWERED, LIMIT_OPERATIONS, LIMIT_SENT } from "./limit-operations.ts";
import { TAIL_OPERATIONS } from "./tail-operations.ts";
import { EXPLAIN_ANSWERED, EXPLAIN_OPERATIONS, EXPLAIN_SENT } from "./explain-operations.ts";
import { RECORD_OPERATIONS, RECORDS_ANSWERED } from "./record-operations.ts";
import { curl, errors, jsonSchema, type JsonSchema, type Operations } from "./operation.ts";

/** By their names in the document. What is sent is read as `input`; what is answered is as `output` says. */
const SENT = {
  ...CHANGE_SENT,
  ...DECIDE_SENT,
  ...GATEWAY_SENT,
  ...WORKLOAD_SENT,
  ...ACCOUNT_SENT,
  ...ENROLMENT_SENT,
  ...AUDIT_SENT,
  ...CA_SENT,
  ...EXPLAIN_SENT,
  ...LIMIT_SENT,
  ...KEY_SENT,
};
const ANSWERED = {
  Status,
  ...CHANGE_ANSWERED,
  ...AUDIT_ANSWERED,
  ...DECIDE_ANSWERED,
  ...WORKLOAD_ANSWERED,
  ...ACCOUNT_ANSWERED,
  ...ENROLMENT_ANSWERED,
  ...EXPLAIN_ANSWERED,
  ...RECORDS_ANSWERED,
  ...CA_ANSWERED,
  ...DASHBOARD_ANSWERED,
  ...DESCRIBE_ANSWERED,
  ...QUERY_ANSWERED,
  ...LIMIT_ANSWERED,
  ...KEY_ANSWERED,
};

export function plainSchemas(): Readonly<Record<string, JsonSchema>> {
  return Object.fromEntries([
    ...Object.entries(ANSWERED).map(([name, schema]) => [name, jsonSchema(schema, "output")] as const),
    ...Object.entries(SENT).map(([name, schema]) => [name, jsonSchema(schema, "input")] as const),
  ]);
}

/** Of the plain API, by path and method in lower case, in the order of the page. */
export const PLAIN_OPERATIONS: Operations = {
  ...CHANGE_OPERATIONS,
  ...AUDIT_OPERATIONS,
  ...DECIDE_OPERATIONS,
  ...EXPLAIN_OPERATIONS,
  ...RECORD_OPERATIONS,
  ...GATEWAY_OPERATIONS,
  ...WORKLOAD_OPERATIONS,
  "/api/v1/openapi.json": {
    get: {
      operationId: "openapi",
      summary: "This API as an OpenAPI 3.1 document",
      description:
        "What this page is made from, samples included. Kubernetes' own documents, with the schemas of all kinds, are below `/k8s/openapi/`.",
      tags: ["Mesh"],
      responses: {
        "200": {
          description: "The document.",
          headers: { ETag: { description: "For `If-None-Match`.", schema: { type: "string" } } },
          content: { "application/json": { schema: { type: "object" } } },
        },
        "304": { description: "It is the one that `If-None-Match` names." },
        ...errors(),
      },
      "x-tulle-role": "viewer",
      "x-codeSamples": [
        {
          lang: "curl",
          source: curl("/api/v1/openapi.json"),
          "x-expect": { openapi: "3.1.0", info: { title: "Tulle" } },
        },
      ],
    },
  },
  ...ACCOUNT_OPERATIONS,
  ...ENROLMENT_OPERATIONS,
  ...CA_OPERATIONS,
  ...DASHBOARD_OPERATIONS,
  ...DESCRIBE_OPERATIONS,
  ...QUERY_OPERATIONS,
  ...TAIL_OPERATIONS,
  ...LIMIT_OPERATIONS,
  ...KEY_OPERATIONS,
};
