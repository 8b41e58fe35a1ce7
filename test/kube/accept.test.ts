import { describe, expect, it } from "vitest";
import { acceptedForm, contentTypeOf, type Form, partialMetadata, partialMetadataList } from "../../src/kube/accept.ts";

const JSON_FORM: Form = { as: "json" };
const TABLE: Form = { as: "table", version: "v1" };
const METADATA: Form = { as: "metadata", version: "v1" };

// As sent, recorded from kubectl 1.20.2, 1.27.16 and 1.32.5; those of libraries from their source.
const KUBECTL_GET =
  "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json";
const KUBECTL_1_27_DISCOVERY =
  "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";
const KUBECTL_1_32_DISCOVERY =
  "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";
const CLIENT_GO_NO_PEER_DISCOVERY =
  "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList;profile=nopeer,application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
const METADATA_CLIENT =
  "application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";
const METADATA_CLIENT_LIST =
  "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";

describe("acceptedForm of objects", () => {
  it.each<[name: string, accept: string | undefined, want: Form | null]>([
    ["none", undefined, JSON_FORM],
    ["an empty one", "", JSON_FORM],
    ["only space", "  ", JSON_FORM],
    ["kubectl get", KUBECTL_GET, TABLE],
    ["kubectl get -o yaml, apply, delete, patch and wait", "application/json", JSON_FORM],
    ["kubectl 1.20 describe, events, get --raw", "application/json, */*", JSON_FORM],
    ["kubectl 1.32 describe, create namespace", "application/vnd.kubernetes.protobuf,application/json", JSON_FORM],
    ["client-go's metadata client, one object", METADATA_CLIENT, METADATA],
    ["client-go's metadata client, a list", METADATA_CLIENT_LIST, METADATA],
    ["kube-rs, metadata", "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1", METADATA],
    ["Argo CD and client-go's dynamic informers", "application/json", JSON_FORM],
    ["client-go with CBOR", "application/json;q=0.9,application/cbor;q=1", JSON_FORM],
    ["curl", "*/*", JSON_FORM],
    ["a browser", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", JSON_FORM],
    ["Java's HttpURLConnection", "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", JSON_FORM],
    ["any application type", "application/*", JSON_FORM],

    ["another order", "application/json;g=meta.k8s.io;as=Table;v=v1", TABLE],
    ["spaces", " application/json ; as=Table ; v = v1 ; g=meta.k8s.io ", TABLE],
    ["quoted values", 'application/json;as="Table";v="v1";g="meta.k8s.io"', TABLE],
    ["capitals of the type and the names", "Application/JSON;AS=Table;V=v1;G=meta.k8s.io", TABLE],
    ["the beta Table", "application/json;as=Table;v=v1beta1;g=meta.k8s.io", { as: "table", version: "v1beta1" }],
    [
      "beta metadata",
      "application/json;as=PartialObjectMetadata;v=v1beta1;g=meta.k8s.io",
      { as: "metadata", version: "v1beta1" },
    ],
    ["an old Table before JSON", "application/json;as=Table;v=v1alpha1;g=meta.k8s.io,application/json", JSON_FORM],
    ["parameters without meaning", "application/json;charset=utf-8;stream=watch;x", JSON_FORM],
    ["JSON before a Table", "application/json,application/json;as=Table;v=v1;g=meta.k8s.io", JSON_FORM],
    ["a Table of a higher quality", "application/json;q=0.5,application/json;as=Table;v=v1;g=meta.k8s.io", TABLE],
    ["a Table of quality 0", "application/json;as=Table;v=v1;g=meta.k8s.io;q=0,application/json", JSON_FORM],
    ["a quality that is no number", "application/json;q=high", JSON_FORM],
    ["empty members", ",,application/json,", JSON_FORM],
    ["discovery before JSON", KUBECTL_1_32_DISCOVERY, JSON_FORM],

    ["protobuf alone", "application/vnd.kubernetes.protobuf", null],
    ["a protobuf Table", "application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io", null],
    ["HTML", "text/html", null],
    ["YAML", "application/yaml", null],
    ["CBOR", "application/cbor", null],
    ["JSON of quality 0", "application/json;q=0", null],
    ["an unknown kind", "application/json;as=List;v=v1;g=meta.k8s.io", null],
    ["a kind in other case", "application/json;as=table;v=v1;g=meta.k8s.io", null],
    ["a kind of Object's prototype", "application/json;as=constructor;v=v1;g=meta.k8s.io", null],
    ["a Table without group", "application/json;as=Table;v=v1", null],
    ["a Table without version", "application/json;as=Table;g=meta.k8s.io", null],
    ["a group alone", "application/json;g=meta.k8s.io", null],
    ["a Table of another group", "application/json;as=Table;v=v1;g=apidiscovery.k8s.io", null],
    ["discovery alone", "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList", null],
    ["a longer type", "application/jsonp", null],
    ["a type with a member behind it", "application/json/x", null],
    ["commas alone", ",,", null],
    ["parameters alone", ";as=Table", null],
  ])("reads %s", (_, accept, want) => {
    expect(acceptedForm(accept, ["table", "metadata"])).toEqual(want);
  });
});

describe("acceptedForm of discovery", () => {
  it.each<[name: string, accept: string | undefined, want: Form | null]>([
    ["kubectl 1.20", "application/json, */*", JSON_FORM],
    ["kubectl 1.27", KUBECTL_1_27_DISCOVERY, { as: "discovery", version: "v2beta1" }],
    ["kubectl 1.32", KUBECTL_1_32_DISCOVERY, { as: "discovery", version: "v2" }],
    ["client-go without discovery of peers", CLIENT_GO_NO_PEER_DISCOVERY, { as: "discovery", version: "v2" }],
    ["the plain form first", `application/json,${KUBECTL_1_32_DISCOVERY}`, JSON_FORM],
    ["a version to come", KUBECTL_1_32_DISCOVERY.replace("v=v2;", "v=v3;"), { as: "discovery", version: "v2beta1" }],
    ["a Table before JSON", KUBECTL_GET, JSON_FORM],
    ["a Table alone", "application/json;as=Table;v=v1;g=meta.k8s.io", null],
  ])("reads %s", (_, accept, want) => {
    expect(acceptedForm(accept, ["discovery"])).toEqual(want);
  });

  it("falls back to plain JSON where a path has no other form", () => {
    expect(acceptedForm(KUBECTL_GET, [])).toEqual(JSON_FORM);
    expect(acceptedForm(KUBECTL_1_32_DISCOVERY, [])).toEqual(JSON_FORM);
    expect(acceptedForm("application/json;as=Table;v=v1;g=meta.k8s.io", [])).toBeNull();
  });
});

describe("contentTypeOf", () => {
  it.each<[Form, string]>([
    [JSON_FORM, "application/json"],
    [TABLE, "application/json"],
    [METADATA, "application/json"],
    [{ as: "discovery", version: "v2" }, "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"],
    [
      { as: "discovery", version: "v2beta1" },
      "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",
    ],
  ])("of %j is %s", (form, want) => {
    expect(contentTypeOf(form)).toBe(want);
  });
});

describe("partial metadata", () => {
  const object = {
    apiVersion: "networking.istio.io/v1",
    kind: "VirtualService",
    metadata: { name: "reviews", namespace: "shop", uid: "u", resourceVersion: "7", labels: { app: "reviews" } },
    spec: { hosts: ["reviews"] },
    status: { conditions: [] },
  };

  it("is an object's metadata and nothing else", () => {
    expect(partialMetadata(object, "v1")).toEqual({
      kind: "PartialObjectMetadata",
      apiVersion: "meta.k8s.io/v1",
      metadata: object.metadata,
    });
  });

  it("of a Secret is without what kubectl applied, which is its data", () => {
    const applied = "kubectl.kubernetes.io/last-applied-configuration";
    const metadata = { name: "a", annotations: { [applied]: '{"data":{"a":"Yg=="}}', other: "kept" } };
    const secret = { apiVersion: "v1", kind: "Secret", metadata, data: { a: "Yg==" } };
    expect(partialMetadata(secret, "v1").metadata).toEqual({ name: "a", annotations: { other: "kept" } });
    expect(partialMetadata({ ...secret, kind: "ConfigMap" }, "v1").metadata).toEqual(metadata);
  });

  it("of a list keeps the list's own metadata", () => {
    expect(partialMetadataList([object], { resourceVersion: "9", continue: "next" }, "v1beta1")).toEqual({
      kind: "PartialObjectMetadataList",
      apiVersion: "meta.k8s.io/v1beta1",
      metadata: { resourceVersion: "9", continue: "next" },
      items: [{ kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1beta1", metadata: object.metadata }],
    });
  });
});
