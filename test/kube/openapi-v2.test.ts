import { describe, expect, it } from "vitest";
import { encodeOpenApiV2, openApiV2 } from "../../src/kube/openapi-v2.ts";
import { objectSchema, servedAs } from "../../src/kube/schemas.ts";
import type { Schema } from "../../src/kinds/openapi.ts";
import { KINDS } from "../../src/kinds/registry.ts";

/** A message of numbered fields, each with its values as they stand. */
type Wire = ReadonlyMap<number, readonly (number | Uint8Array)[]>;

function wire(bytes: Uint8Array): Wire {
  const fields = new Map<number, (number | Uint8Array)[]>();
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes[at++];
      if (byte === undefined) throw new Error("cut off");
      value += (byte % 128) * factor;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    const number = Math.floor(tag / 8);
    const size = varint();
    if (tag % 8 !== 0 && tag % 8 !== 2) throw new Error(`wire type ${tag % 8}`);
    const value = tag % 8 === 0 ? size : bytes.subarray(at, at + size);
    if (tag % 8 === 2) at += size;
    fields.set(number, [...(fields.get(number) ?? []), value]);
  }
  if (at !== bytes.length) throw new Error("cut off");
  return fields;
}

const many = (fields: Wire, number: number): readonly Wire[] =>
  (fields.get(number) ?? []).map((value) => wire(value as Uint8Array));
const texts = (fields: Wire, number: number): readonly string[] =>
  (fields.get(number) ?? []).map((value) => new TextDecoder().decode(value as Uint8Array));
const one = (fields: Wire, ...path: readonly number[]): Wire =>
  path.reduce((within, number) => many(within, number)[0] ?? new Map(), fields);
const text = (fields: Wire, number: number): string => texts(fields, number)[0] ?? "";

function named<T>(fields: Wire, number: number, read: (value: Wire) => T): Readonly<Record<string, T>> {
  return Object.fromEntries(many(fields, number).map((entry) => [text(entry, 1), read(one(entry, 2))]));
}

function extensions(fields: Wire, number: number): Readonly<Record<string, unknown>> {
  return named(fields, number, (any): unknown => JSON.parse(text(any, 2)));
}

/** By the field numbers of gnostic's `OpenAPIv2.proto`. */
function schemaOf(fields: Wire): Schema {
  const more = many(fields, 21)[0];
  return {
    ...(fields.has(2) && { format: text(fields, 2) }),
    ...(fields.has(4) && { description: text(fields, 4) }),
    ...(fields.has(19) && { required: texts(fields, 19) }),
    ...(more && { additionalProperties: more.has(2) ? more.get(2)?.[0] === 1 : schemaOf(one(more, 1)) }),
    ...(fields.has(22) && { type: text(one(fields, 22), 1) as "object" }),
    ...(fields.has(23) && { items: schemaOf(one(fields, 23, 1)) }),
    ...(fields.has(25) && { properties: named(one(fields, 25), 1, schemaOf) }),
    ...extensions(fields, 31),
  };
}

/** What the protobuf form carries of a schema. */
function carried(schema: Schema): Schema {
  const {
    default: _1,
    enum: _2,
    minimum: _3,
    maximum: _4,
    minLength: _5,
    minItems: _6,
    maxItems: _7,
    ...rest
  } = schema;
  const { properties, items, additionalProperties: more } = rest;
  return {
    ...rest,
    ...(properties && {
      properties: Object.fromEntries(Object.entries(properties).map(([name, member]) => [name, carried(member)])),
    }),
    ...(items && { items: carried(items) }),
    ...(typeof more === "object" && { additionalProperties: carried(more) }),
  };
}

const document = openApiV2();
const encoded = wire(encodeOpenApiV2(document));

describe("encodeOpenApiV2", () => {
  it("carries every definition", () => {
    expect(text(encoded, 1)).toBe("2.0");
    expect(one(encoded, 2).has(1)).toBe(true);
    const definitions = named(one(encoded, 9), 1, schemaOf);
    expect(Object.keys(definitions)).toEqual(Object.keys(document.definitions));
    for (const [name, schema] of Object.entries(document.definitions))
      expect(definitions[name], name).toStrictEqual(carried(schema));
  });

  it("carries a PATCH with dry run for every name of every kind that can be written", () => {
    const patches = many(one(encoded, 8), 2).map((entry) => ({ path: text(entry, 1), patch: one(entry, 2, 8) }));
    const kinds = patches.map(({ patch }) => extensions(patch, 13)["x-kubernetes-group-version-kind"]);
    expect(kinds).toEqual(KINDS.filter(({ readOnly }) => !readOnly).flatMap(servedAs));
    expect(patches.map(({ path }) => path)).toContain("/api/v1/namespaces/{name}");
    for (const { path, patch } of patches) {
      const parameters = many(patch, 8).map((parameter) => one(parameter, 1, 2, 3));
      const told = parameters.map((query) => [text(query, 2), text(query, 4), text(query, 6)]);
      expect(told, path).toContainEqual(["query", "dryRun", "string"]);
      expect(told, path).toContainEqual(["query", "force", "boolean"]);
      expect(text(patch, 5), path).toMatch(/^\w+$/);
      expect(
        named(one(patch, 9), 1, (response) => text(one(response, 1), 1)),
        path,
      ).toEqual({ "200": "done" });
    }
    const ids = patches.map(({ patch }) => text(patch, 5));
    expect(new Set(ids).size).toBe(ids.length);
  });

  it("names strategic merge for Kubernetes' own kinds only", () => {
    const strategic = many(one(encoded, 8), 2)
      .filter((entry) => texts(one(entry, 2, 8), 7).includes("application/strategic-merge-patch+json"))
      .map((entry) => text(entry, 1));
    expect(strategic).toEqual([
      "/api/v1/namespaces/{name}",
      "/api/v1/namespaces/{namespace}/pods/{name}",
      "/api/v1/namespaces/{namespace}/services/{name}",
      "/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices/{name}",
      "/api/v1/namespaces/{namespace}/configmaps/{name}",
      "/api/v1/namespaces/{namespace}/secrets/{name}",
    ]);
  });
});

describe("openApiV2", () => {
  it("has one definition of a kind for all its names", () => {
    expect(
      document.definitions["io.istio.security.v1.PeerAuthentication"]?.["x-kubernetes-group-version-kind"],
    ).toEqual([
      { group: "security.istio.io", version: "v1", kind: "PeerAuthentication" },
      { group: "security.istio.io", version: "v1beta1", kind: "PeerAuthentication" },
      { group: "security.example.com", version: "v1", kind: "PeerAuthentication" },
    ]);
    expect(Object.keys(document.definitions)).toHaveLength(KINDS.length);
  });

  it("leaves unions without a type and without members", () => {
    const { targetPort } = portOf(document.definitions["io.k8s.api.core.v1.Service"]);
    expect(targetPort).toBeDefined();
    expect(Object.keys(targetPort ?? {})).toEqual(["description"]);
    expect(JSON.stringify(document)).not.toContain('"anyOf"');
  });

  it("does not ask for fields where others are refused: the server says more", () => {
    const spec = document.definitions["io.istio.networking.v1.VirtualService"]?.properties?.["spec"];
    expect(spec?.properties?.["tcp"]).toBeDefined();
    expect(spec?.required).toBeUndefined();
    const { spec: full } = objectSchema(KINDS.find(({ kind }) => kind === "VirtualService")!).properties ?? {};
    expect(full?.required).toEqual(["http"]);
    const { properties } = spec?.properties?.["http"]?.items?.properties?.["route"]?.items ?? {};
    expect(properties?.["destination"]?.required).toEqual(["host"]);
  });
});

function portOf(service: Schema | undefined): Readonly<Record<string, Schema>> {
  return service?.properties?.["spec"]?.properties?.["ports"]?.items?.properties ?? {};
}
