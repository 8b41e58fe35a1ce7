import type { Kind } from "../../src/kinds/kind.ts";
import { describe, expect, it } from "vitest";
import { COMMON_DESCRIPTIONS } from "../../src/kinds/descriptions.ts";
import { objectSchema, servedAs } from "../../src/kube/schemas.ts";
import type { Schema } from "../../src/kinds/openapi.ts";
import { parseDocuments } from "../../src/resources/documents.ts";
import { KINDS } from "../../src/kinds/registry.ts";
import { parsed } from "../resources/parsed.ts";

function infoOf(kind: string): Kind {
  const info = KINDS.find((each) => each.kind === kind);
  if (info === undefined) throw new Error(`no kind ${kind}`);
  return info;
}

/** Lists and maps leave no trace in a path, as in `kubectl explain`. */
function below(schema: Schema): Schema {
  if (schema.items !== undefined) return below(schema.items);
  const { additionalProperties: more } = schema;
  return typeof more === "object" ? below(more) : schema;
}

function schemaAt(kind: string, path: string): Schema | undefined {
  let schema: Schema | undefined = objectSchema(infoOf(kind));
  for (const name of path === "" ? [] : path.split(".")) schema = schema && below(schema).properties?.[name];
  return schema;
}

/** What is wrong with `value`, by the parts of JSON Schema that our schemas use: paths with a word each. */
function problems(schema: Schema, value: unknown, path = ""): readonly string[] {
  const { anyOf, properties = {}, additionalProperties: more } = schema;
  if (anyOf !== undefined && !anyOf.some((option) => problems(option, value).length === 0)) return [`${path}: union`];
  if (!isOfType(schema, value)) return [`${path}: type`];
  if (schema.enum !== undefined && !schema.enum.includes(value)) return [`${path}: enum`];
  if (typeof value === "number" && (value < (schema.minimum ?? value) || value > (schema.maximum ?? value)))
    return [`${path}: range`];
  if (typeof value === "string" && value.length < (schema.minLength ?? 0)) return [`${path}: short`];
  if (Array.isArray(value)) {
    if (value.length < (schema.minItems ?? 0) || value.length > (schema.maxItems ?? value.length))
      return [`${path}: length`];
    return value.flatMap((member: unknown, index) => problems(schema.items ?? {}, member, `${path}[${index}]`));
  }
  if (typeof value !== "object" || value === null) return [];
  const missing = (schema.required ?? []).filter((name) => !Object.hasOwn(value, name));
  return [
    ...missing.map((name) => `${path}.${name}: missing`),
    ...Object.entries(value).flatMap(([name, member]: [string, unknown]) => {
      const known = Object.hasOwn(properties, name) ? properties[name] : undefined;
      if (known !== undefined) return problems(known, member, `${path}.${name}`);
      if (more === false) return [`${path}.${name}: unknown`];
      return typeof more === "object" ? problems(more, member, `${path}.${name}`) : [];
    }),
  ];
}

function isOfType({ type }: Schema, value: unknown): boolean {
  if (type === undefined) return true;
  if (type === "array") return Array.isArray(value);
  if (type === "object") return typeof value === "object" && value !== null && !Array.isArray(value);
  return type === "integer" ? Number.isInteger(value) : typeof value === type;
}

function eachSchema(schema: Schema, path: string, visit: (schema: Schema, path: string) => void): void {
  visit(schema, path);
  for (const [name, member] of Object.entries(schema.properties ?? {}))
    eachSchema(member, path === "" ? name : `${path}.${name}`, visit);
  if (schema.items !== undefined) eachSchema(schema.items, path, visit);
  if (typeof schema.additionalProperties === "object") eachSchema(schema.additionalProperties, path, visit);
}

const KEYWORDS = new Set(
  `type format description default enum minimum maximum minLength minItems maxItems
   required properties additionalProperties items anyOf x-tulle-refused x-kubernetes-preserve-unknown-fields
   x-kubernetes-list-type x-kubernetes-list-map-keys x-kubernetes-patch-merge-key x-kubernetes-patch-strategy`.split(
    /\s+/,
  ),
);

/** What stands beside the metadata; the readers of `src/resources` take all of them. */
const EXAMPLES: readonly (readonly [apiVersion: string, kind: string, fields: string])[] = [
  ["v1", "Namespace", "spec: {finalizers: [kubernetes]}"],
  ["v1", "Namespace", "status: {phase: Active, other: 1}"],
  [
    "v1",
    "Service",
    "spec: {ports: [{port: 80, targetPort: http, name: a, nodePort: 3}, {port: 81, targetPort: 8081, name: b}], selector: {a: b}, clusterIP: None, unheard: {of: 1}}",
  ],
  ["v1", "Service", "spec: {type: ExternalName, externalName: example.com}"],
  [
    "v1",
    "Pod",
    "spec: {serviceAccountName: a, containers: [{name: c, image: i, env: [{name: A, valueFrom: {fieldRef: {fieldPath: x}}}], livenessProbe: {httpGet: {port: http}}}], volumes: [{name: v, emptyDir: {}}]}",
  ],
  [
    "discovery.k8s.io/v1",
    "EndpointSlice",
    "addressType: IPv4\nendpoints: [{addresses: [10.0.0.1], conditions: {ready: true}, nodeName: n, targetRef: {kind: Pod, name: p}}]\nports: [{port: 80, name: a}]",
  ],
  ["discovery.k8s.io/v1", "EndpointSlice", "addressType: FQDN"],
  ["v1", "ConfigMap", "data: {a.txt: b}\nbinaryData: {c: AA==}\nimmutable: true\nunheard: {of: 1}"],
  ["v1", "Secret", "type: kubernetes.io/tls\ndata: {tls.crt: '', tls.key: AA==}\nstringData: {a: b}\nimmutable: false"],
  ["v1", "Secret", "stringData: {a: b}"],
  [
    "networking.istio.io/v1",
    "ServiceEntry",
    "spec: {hosts: [a.example.com], ports: [{number: 443, name: https, protocol: https}], location: MESH_EXTERNAL, resolution: DNS, exportTo: [.]}",
  ],
  [
    "networking.istio.io/v1beta1",
    "ServiceEntry",
    "spec: {hosts: [a.example.com], ports: [{number: 80, name: http}], resolution: STATIC, endpoints: [{address: 'binding:EP_A', ports: {http: 8080}, labels: {a: b}, weight: 2}]}",
  ],
  [
    "networking.istio.io/v1",
    "WorkloadEntry",
    "spec: {address: 10.0.0.1, ports: {http: 80}, labels: {a: b}, serviceAccount: c, weight: 0}",
  ],
  [
    "networking.istio.io/v1",
    "Gateway",
    "spec: {selector: {istio: ingressgateway}, servers: [{port: {number: 443, name: https, protocol: HTTPS}, hosts: ['*'], tls: {mode: SIMPLE, credentialName: c}}]}",
  ],
  [
    "networking.istio.io/v1",
    "VirtualService",
    "spec: {hosts: [reviews], gateways: [mesh], http: [{match: [{uri: {prefix: /a}, headers: {x: {}}, withoutHeaders: {y: {exact: z}}, port: 80}], route: [{destination: {host: reviews, subset: v1, port: {number: 80}}, weight: 1, headers: {request: {set: {a: b}, remove: [c]}}}], rewrite: {uri: /b}, timeout: 0s}]}\nstatus: {conditions: [{type: Accepted, status: 'True', reason: Accepted, message: '', lastTransitionTime: '2026-01-01T00:00:00Z', observedGeneration: 1}], other: 1}",
  ],
  ["networking.example.com/v1", "VirtualService", "spec: {hosts: [a], http: [{route: [{destination: {host: a}}]}]}"],
  [
    "networking.istio.io/v1alpha3",
    "DestinationRule",
    "spec: {host: reviews, subsets: [{name: v1, labels: {version: v1}}], trafficPolicy: {connectionPool: {tcp: {maxConnections: 1, connectTimeout: 1s}, http: {http2KeepAlive: {interval: 1s, timeout: 1s}}}, outlierDetection: {consecutive5xxErrors: 7, interval: 5m}, tls: {mode: ISTIO_MUTUAL, insecureSkipVerify: false}, portLevelSettings: [{port: {number: 80}, loadBalancer: {simple: RANDOM}}]}}",
  ],
  [
    "networking.istio.io/v1",
    "Sidecar",
    "spec: {workloadSelector: {labels: {app: a}}, egress: [{port: {number: 80, protocol: HTTP, name: http}, hosts: ['./*', '~shop/a.com']}, {hosts: ['*/*']}], outboundTrafficPolicy: {mode: REGISTRY_ONLY}, inboundConnectionPool: {tcp: {maxConnections: 1}}, ingress: [{port: {number: 80, protocol: HTTP, name: http}, connectionPool: {http: {http2MaxRequests: 1}}}]}",
  ],
  [
    "security.istio.io/v1",
    "AuthorizationPolicy",
    "spec: {selector: {matchLabels: {app: a}}, action: DENY, rules: [{from: [{source: {notPrincipals: ['*']}}], to: [{operation: {paths: ['/a/{*}']}}], when: [{key: 'request.headers[x]', values: [a]}]}, {}]}",
  ],
  ["security.istio.io/v1", "AuthorizationPolicy", "spec: {}"],
  [
    "security.istio.io/v1beta1",
    "PeerAuthentication",
    "spec: {selector: {matchLabels: {a: b}}, mtls: {mode: STRICT}, portLevelMtls: {'80': {mode: DISABLE}}}",
  ],
  [
    "security.istio.io/v1",
    "RequestAuthentication",
    "spec: {jwtRules: [{issuer: a, jwksUri: 'https://a.example.com/keys', fromHeaders: [{name: x, prefix: 'Bearer '}], outputClaimToHeaders: [{header: x, claim: a.b}], forwardOriginalToken: true}]}",
  ],
  [
    "networking.istio.io/v1",
    "WorkloadGroup",
    "spec: {metadata: {labels: {app: a}, annotations: {a.b/c: d}}, template: {ports: {http: 80}, labels: {v: '1'}, serviceAccount: a, network: n, locality: a/b/c, weight: 2}, probe: {periodSeconds: 5, httpGet: {port: 80, path: /up, httpHeaders: [{name: a, value: b}]}}}",
  ],
  ["networking.istio.io/v1beta1", "ProxyConfig", "spec: {selector: {matchLabels: {}}}"],
  [
    "telemetry.istio.io/v1alpha1",
    "Telemetry",
    "spec: {selector: {matchLabels: {a: b}}, tracing: [{match: {mode: CLIENT}, providers: [{name: a}], randomSamplingPercentage: 1.5, customTags: {a: {literal: {value: b}}, c: {header: {name: x-c, defaultValue: d}}}}], metrics: [{overrides: [{match: {metric: REQUEST_COUNT}, tagOverrides: {a: {value: request.method}, b: {operation: REMOVE}}}]}], accessLogging: [{filter: {expression: 'response.code >= 500'}, disabled: false}]}",
  ],
  [
    "tulle.dev/v1alpha1",
    "MeshConfig",
    "spec: {defaultProviders: {accessLogging: [envoy]}, accessLogFile: /dev/stdout, accessLogEncoding: JSON, extensionProviders: [{name: a, envoyFileAccessLog: {logFormat: {text: '%DURATION%'}}}, {name: b, prometheus: {}}]}",
  ],
  [
    "tulle.dev/v1alpha1",
    "MeshConfig",
    "spec: {escapedSlashes: {default: KEEP, hosts: [{host: '*.a.com', mode: DECODE}]}, egress: {allowedHosts: [a.com]}, privateRanges: [{range: 10.0.0.0/8, namespaces: ['*']}], snapshot: {maxAge: 1h}}",
  ],
  [
    "tulle.dev/v1alpha1",
    "EnrolmentRule",
    "spec: {issuer: 'https://a.example.com', audience: 'tulle://cluster.local', jwksUri: 'https://a.example.com/keys', subject: 'a:{b}', namespace: '{b}', serviceAccount: web}",
  ],
  [
    "tulle.dev/v1alpha1",
    "RateLimitPolicy",
    "spec: {targetRefs: [{kind: Service, name: a}], limits: [{name: a, when: 'request.method == \"GET\"', key: [source.address], onMissingKey: Skip, rates: [{limit: 1, window: 1m, burst: 2}], scope: Location, onError: Refuse}]}",
  ],
  [
    "tulle.dev/v1alpha1",
    "APIKeyPolicy",
    "spec: {selector: {matchLabels: {app: a}}, header: x-key, presence: Optional}",
  ],
  [
    "tulle.dev/v1alpha1",
    "FaultRehearsal",
    "spec: {targetRef: {kind: Service, name: a}, route: r, headers: {x-a: {prefix: b}}, percentage: {value: 10}, delay: {fixedDelay: 5s}, endsAt: '2026-01-31T12:00:00Z'}",
  ],
];

function written([apiVersion, kind, fields]: (typeof EXAMPLES)[number]): string {
  const name = kind === "MeshConfig" ? "default" : "a";
  const place = kind === "Namespace" || kind === "EnrolmentRule" ? "" : ", namespace: shop";
  return `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: {name: ${name}${place}, labels: {a: b}, finalizers: [c/d]}\n${fields}\n`;
}

function input(yaml: string): unknown {
  const documents = parseDocuments(yaml, "yaml");
  return documents.ok ? documents.value[0]?.value : null;
}

describe("objectSchema", () => {
  it.each(KINDS)("writes $kind in the keywords of OpenAPI 3.0 that Kubernetes knows, without references", (info) => {
    const schema = objectSchema(info);
    expect(JSON.parse(JSON.stringify(schema))).toStrictEqual(schema);
    eachSchema(schema, "", (each, path) => {
      expect(
        Object.keys(each).filter((keyword) => !KEYWORDS.has(keyword)),
        path,
      ).toEqual([]);
      // The template of newer `kubectl explain` fails on an empty one.
      expect(Object.keys(each).length, path).toBeGreaterThan(0);
    });
  });

  it.each(EXAMPLES)("of %s %s takes what the reader takes: %s", (...example) => {
    const yaml = written(example);
    const errors = parsed(yaml).findings.filter(({ severity }) => severity === "error");
    expect(errors).toEqual([]);
    expect(problems(objectSchema(infoOf(example[1])), input(yaml))).toEqual([]);
  });

  it("has an example of every kind that can be written", () => {
    const kinds = new Set(EXAMPLES.map(([, kind]) => kind));
    expect(KINDS.filter(({ kind, readOnly }) => !readOnly && !kinds.has(kind))).toEqual([]);
  });

  it.each([
    ["an unknown field", "{hosts: [a], http: [{rout: []}]}", [".spec.http[0].rout: unknown"]],
    ["a missing field", "{hosts: [a], http: [{directResponse: {}}]}", [".spec.http[0].directResponse.status: missing"]],
    ["another type", "{hosts: a, http: [{route: [{destination: {host: a}}]}]}", [".spec.hosts: type"]],
    ["an empty list", "{hosts: [a], http: []}", [".spec.http: length"]],
  ])("of a strict kind refuses %s", (_, spec, found) => {
    const yaml = written(["networking.istio.io/v1", "VirtualService", `spec: ${spec}`]);
    expect(problems(objectSchema(infoOf("VirtualService")), input(yaml))).toEqual(found);
  });

  it("names refused fields and says why, as the reader does", () => {
    const schema = schemaAt("VirtualService", "spec.tcp");
    const { findings } = parsed(
      written([
        "networking.istio.io/v1",
        "VirtualService",
        "spec: {hosts: [a], http: [{route: [{destination: {host: a}}]}], tcp: [{}]}",
      ]),
    );
    const refusal = findings.find(({ field }) => field === "spec.tcp");
    expect(schema).toEqual({ description: refusal?.message, "x-tulle-refused": true });
  });

  it("says of fields that only tune connections that they have no effect", () => {
    const timeout = schemaAt("DestinationRule", "spec.subsets.trafficPolicy.connectionPool.tcp.connectTimeout");
    expect(timeout?.type).toBe("string");
    expect(timeout?.description).toContain("without effect");
  });

  it("keeps Kubernetes' own kinds open, and closes the others", () => {
    for (const info of KINDS) {
      const closed: string[] = [];
      eachSchema(objectSchema(info), "", ({ additionalProperties }, path) => {
        if (additionalProperties === false) closed.push(path);
      });
      expect(closed.includes("spec"), info.kind).toBe(!info.core);
      if (info.core) expect(closed, info.kind).toEqual([]);
    }
    for (const path of ["", "spec", "spec.ports", "status"])
      expect(below(schemaAt("Service", path) ?? {}), path).toMatchObject({
        "x-kubernetes-preserve-unknown-fields": true,
      });
  });

  it("says how lists are merged", () => {
    expect(schemaAt("Service", "spec.ports")).toMatchObject({
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["port", "protocol"],
      "x-kubernetes-patch-merge-key": "port",
      "x-kubernetes-patch-strategy": "merge",
    });
    expect(schemaAt("Pod", "spec.containers.env")).toMatchObject({ "x-kubernetes-list-map-keys": ["name"] });
    expect(schemaAt("VirtualService", "spec.http")).toMatchObject({ "x-kubernetes-list-type": "atomic" });
    const conditions = schemaAt("VirtualService", "status.conditions");
    expect(conditions).toMatchObject({ "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"] });
    expect(conditions).not.toHaveProperty("x-kubernetes-patch-merge-key");
  });
});

describe("descriptions", () => {
  it("are about fields that exist", () => {
    for (const { kind, descriptions } of KINDS)
      for (const [path, text] of Object.entries(descriptions))
        expect(schemaAt(kind, path)?.description, `${kind}.${path}`).toBe(text);
    for (const path of Object.keys(COMMON_DESCRIPTIONS))
      expect(schemaAt("Gateway", path)?.description, path).toBe(COMMON_DESCRIPTIONS[path]);
  });

  it.each(KINDS.filter(({ core }) => !core))(
    "are there for every field of $kind down to the third level",
    ({ kind }) => {
      const bare: string[] = [];
      eachSchema(schemaAt(kind, "spec") ?? {}, "spec", ({ description, type }, path) => {
        const within = path.split(".").length <= 4 && schemaAt(kind, path)?.description === undefined;
        if (within && description === undefined && type !== undefined) bare.push(path);
      });
      expect(bare).toEqual([]);
    },
  );

  it.each(KINDS)("are there for $kind itself", ({ kind }) => {
    expect(schemaAt(kind, "")?.description).toBeDefined();
  });

  it("are one sentence or two, of one line", () => {
    for (const text of [COMMON_DESCRIPTIONS, ...KINDS.map(({ descriptions }) => descriptions)].flatMap(
      Object.values<string>,
    ))
      expect(text).toMatch(/^[^\n]{1,240}\.$/);
  });
});

describe("kept fields", () => {
  it("stand in objects, and none of them is read", () => {
    for (const { kind, keptFields } of KINDS)
      for (const [path, fields] of Object.entries(keptFields)) {
        const { properties = {} } = below(schemaAt(kind, path) ?? {});
        for (const field of fields)
          expect(properties[field.replace(/\W+$/, "")]?.description, `${kind}.${path} ${field}`).toBe(
            "Kept, not read.",
          );
      }
  });
});

describe("servedAs", () => {
  it("names the versions, newest first, then the aliases", () => {
    const names = servedAs(infoOf("Gateway")).map(({ group, version }) => `${group}/${version}`);
    expect(names).toEqual([
      "networking.istio.io/v1",
      "networking.istio.io/v1beta1",
      "networking.istio.io/v1alpha3",
      "networking.example.com/v1",
    ]);
    expect(servedAs(infoOf("Pod"))).toEqual([{ group: "", version: "v1", kind: "Pod" }]);
  });
});
