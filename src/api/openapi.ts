import { KUBE_COLLECTION_OPERATIONS } from "./kube-collection-operations.ts";
import { KUBE_OBJECT_OPERATIONS } from "./kube-object-operations.ts";
import { errorResponses, type JsonSchema, type Operation, type Response, TAGS } from "./operation.ts";
import { PLAIN_OPERATIONS, plainSchemas } from "./plain-operations.ts";

export interface OpenApi {
  readonly openapi: "3.1.0";
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly servers: readonly { readonly url: string }[];
  readonly security: readonly Readonly<Record<string, readonly string[]>>[];
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  /** By path and method. The order is that of the page, and samples run in it. */
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly securitySchemes: Readonly<Record<string, JsonSchema>>;
    readonly responses: Readonly<Record<string, Response>>;
    readonly schemas: Readonly<Record<string, JsonSchema>>;
  };
}

function bearer(description: string): JsonSchema {
  return { type: "http", scheme: "bearer", description };
}

/** The plain API whole, and of the Kubernetes API what all kinds have. */
export function openApiDocument(): OpenApi {
  return {
    openapi: "3.1.0",
    info: {
      title: "Tulle",
      version: "v1",
      description:
        "The control API of a mesh. Kubernetes' own documents, with the schemas of all kinds, are below `/k8s/openapi/`.",
    },
    servers: [{ url: "/" }],
    security: [{ token: [] }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths: { ...PLAIN_OPERATIONS, ...KUBE_COLLECTION_OPERATIONS, ...KUBE_OBJECT_OPERATIONS },
    components: {
      securitySchemes: {
        token: bearer("A token that `POST /api/v1/tokens`, `POST /api/v1/sessions` or `POST /api/v1/bootstrap` made."),
        password: {
          type: "http",
          scheme: "basic",
          description: "Such a token as the password, under any name: for what asks a Prometheus so.",
        },
        idToken: bearer("The ID token of an identity provider, once."),
        bootstrapSecret: bearer("The deployment's bootstrap secret."),
        joinToken: bearer("A join token, once."),
        proof: bearer("A proof that one holds the key of a certificate, once."),
      },
      responses: errorResponses(),
      schemas: plainSchemas(),
    },
  };
}
