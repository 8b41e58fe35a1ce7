import { describe, expect, it } from "vitest";
import { componentName, openApiV3Document, openApiV3Index, openApiV3Paths } from "../../src/kube/openapi-v3.ts";
import { KINDS } from "../../src/kinds/registry.ts";

function documentAt(path: string) {
  const document = openApiV3Document(path);
  if (document === null) throw new Error(`no document at ${path}`);
  return document;
}

describe("openApiV3Index", () => {
  it("names a document for every group and version, placeholders of articles included, without the mount", () => {
    const { paths } = openApiV3Index((path) => `${path.length} &`);
    expect(Object.keys(paths)).toEqual(openApiV3Paths());
    expect(Object.keys(paths).toSorted()).toEqual([
      "api/v1",
      "apis/discovery.k8s.io/v1",
      "apis/networking.example.com/v1",
      "apis/networking.istio.io/v1",
      "apis/networking.istio.io/v1alpha3",
      "apis/networking.istio.io/v1beta1",
      "apis/security.example.com/v1",
      "apis/security.istio.io/v1",
      "apis/security.istio.io/v1beta1",
      "apis/telemetry.istio.io/v1",
      "apis/telemetry.istio.io/v1alpha1",
      "apis/tulle.dev/v1alpha1",
    ]);
    expect(paths["api/v1"]).toEqual({ serverRelativeURL: "/openapi/v3/api/v1?hash=6%20%26" });
  });
});

describe("openApiV3Document", () => {
  it("is null where nothing is served", () => {
    expect(openApiV3Document("apis/apps/v1")).toBeNull();
    expect(openApiV3Document("")).toBeNull();
  });

  it.each(openApiV3Paths())(
    "of %s is JSON whose references lead somewhere and whose operations have names of their own",
    (path) => {
      const document = documentAt(path);
      const text = JSON.stringify(document);
      expect(JSON.parse(text)).toStrictEqual(document);
      const referred = [...text.matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)].map(([, name]) => name ?? "");
      expect(new Set(referred)).toEqual(new Set(Object.keys(document.components.schemas)));
      expect(JSON.stringify(document.components)).not.toContain("$ref");
      const names = [...text.matchAll(/"operationId":"([^"]+)"/g)].map(([, name]) => name);
      expect(new Set(names).size).toBe(names.length);
    },
  );

  it("has every operation of a kind, each with the kind and what it does", () => {
    const { paths, components } = documentAt("apis/networking.istio.io/v1beta1");
    const gvk = { group: "networking.istio.io", version: "v1beta1", kind: "VirtualService" };
    const one = paths["/apis/networking.istio.io/v1beta1/namespaces/{namespace}/virtualservices/{name}"];
    const many = paths["/apis/networking.istio.io/v1beta1/namespaces/{namespace}/virtualservices"];
    const all = paths["/apis/networking.istio.io/v1beta1/virtualservices"];
    const operations = [one?.get, one?.put, one?.patch, one?.delete, many?.get, many?.post, many?.delete, all?.get];
    expect(operations.map((operation) => operation?.["x-kubernetes-action"])).toEqual([
      "get",
      "put",
      "patch",
      "delete",
      "list",
      "post",
      "deletecollection",
      "list",
    ]);
    for (const operation of operations) expect(operation?.["x-kubernetes-group-version-kind"]).toEqual(gvk);
    expect(one?.parameters.map(({ name }) => name)).toEqual(["namespace", "name"]);
    expect(components.schemas["io.istio.networking.v1beta1.VirtualService"]).toMatchObject({
      type: "object",
      "x-kubernetes-group-version-kind": [gvk],
    });
  });

  it("names strategic merge for Kubernetes' own kinds only", () => {
    const types = (document: string, path: string) =>
      Object.keys(documentAt(document).paths[path]?.patch?.requestBody?.content ?? {});
    const mesh = ["application/merge-patch+json", "application/json-patch+json", "application/apply-patch+yaml"];
    expect(
      types("apis/tulle.dev/v1alpha1", "/apis/tulle.dev/v1alpha1/namespaces/{namespace}/meshconfigs/{name}"),
    ).toEqual(mesh);
    expect(types("api/v1", "/api/v1/namespaces/{name}")).toEqual([...mesh, "application/strategic-merge-patch+json"]);
  });

  it("says that a patch can be tried out and checked", () => {
    const { patch } = documentAt("api/v1").paths["/api/v1/namespaces/{namespace}/services/{name}"] ?? {};
    expect(patch?.parameters.map(({ name }) => name).toSorted()).toEqual([
      "dryRun",
      "fieldManager",
      "fieldValidation",
      "force",
    ]);
  });

  it("has no namespace in the paths of a kind without one", () => {
    const paths = Object.keys(documentAt("api/v1").paths).filter((path) => path.startsWith("/api/v1/namespaces"));
    expect(paths).toContain("/api/v1/namespaces");
    expect(documentAt("api/v1").paths["/api/v1/namespaces/{name}"]?.parameters.map(({ name }) => name)).toEqual([
      "name",
    ]);
  });

  it("has no operation that writes what the mesh alone writes", () => {
    const writes = KINDS.filter(({ readOnly }) => readOnly).flatMap(({ plural }) =>
      Object.entries(documentAt("api/v1").paths)
        .filter(([path]) => path.split("/").includes(plural))
        .flatMap(([, item]) => Object.keys(item).filter((verb) => verb !== "parameters" && verb !== "get")),
    );
    expect(writes).toEqual([]);
  });
});

describe("componentName", () => {
  it.each([
    ["networking.istio.io", "v1", "VirtualService", "io.istio.networking.v1.VirtualService"],
    ["networking.example.com", "v1", "Gateway", "com.example.networking.v1.Gateway"],
    ["", "v1", "Service", "io.k8s.api.core.v1.Service"],
    ["discovery.k8s.io", "v1", "EndpointSlice", "io.k8s.api.discovery.v1.EndpointSlice"],
    ["tulle.dev", "v1alpha1", "MeshConfig", "dev.tulle.v1alpha1.MeshConfig"],
  ])("of %s/%s %s is as Kubernetes would name it", (group, version, kind, name) => {
    expect(componentName({ group, version, kind })).toBe(name);
  });
});
