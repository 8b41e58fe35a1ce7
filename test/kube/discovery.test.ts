import { describe, expect, it } from "vitest";
import {
  aggregatedDiscovery,
  apiGroup,
  apiGroupList,
  apiResourceList,
  apiVersions,
  version,
} from "../../src/kube/discovery.ts";
import { apiVersionOf, type KindInfo } from "../../src/resources/kinds.ts";
import { findResource, KINDS } from "../../src/kinds/registry.ts";

const ALL = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
const READ = ["get", "list", "watch"];

function named(kind: string): KindInfo {
  const info = KINDS.find((each) => each.kind === kind);
  if (info === undefined) throw new Error(`no kind ${kind}`);
  return info;
}

function resources(apiVersion: string) {
  return apiResourceList(apiVersion)?.resources ?? [];
}

function resource(apiVersion: string, name: string) {
  return resources(apiVersion).find((each) => each.name === name);
}

it("calls itself a version in text alone", () => {
  expect(version()).toMatchObject({ major: "1", minor: "33", gitVersion: "v1.33.0+mesh" });
  for (const value of Object.values(version())) expect(value).toBeTypeOf("string");
});

it("has one version of the core group", () => {
  expect(apiVersions()).toEqual({ kind: "APIVersions", versions: ["v1"], serverAddressByClientCIDRs: [] });
});

describe("groups", () => {
  it("are listed without the core group, aliases last", () => {
    const list = apiGroupList();
    expect(list).toMatchObject({ kind: "APIGroupList", apiVersion: "v1" });
    const names = list.groups.map(({ name }) => name);
    expect(names).toEqual([...new Set(names)]);
    expect(names).not.toContain("");
    const aliases = KINDS.flatMap((info) => info.aliases.map((apiVersion) => apiVersion.split("/")[0] ?? ""));
    const ordered = [...names].sort((a, b) => Number(aliases.includes(a)) - Number(aliases.includes(b)));
    expect(names).toEqual(ordered);
    expect(names).toEqual(expect.arrayContaining([...new Set(aliases)]));
    expect(names).toEqual(expect.arrayContaining(["authorization.k8s.io", "authentication.k8s.io"]));
  });

  it("name their versions, the preferred one first", () => {
    const v1 = { groupVersion: "networking.istio.io/v1", version: "v1" };
    expect(apiGroup("networking.istio.io")).toEqual({
      kind: "APIGroup",
      apiVersion: "v1",
      name: "networking.istio.io",
      versions: [
        v1,
        { groupVersion: "networking.istio.io/v1beta1", version: "v1beta1" },
        { groupVersion: "networking.istio.io/v1alpha3", version: "v1alpha3" },
      ],
      preferredVersion: v1,
    });
  });

  it("are the same one by one as in the list", () => {
    for (const group of apiGroupList().groups)
      expect(apiGroup(group.name)).toEqual({ kind: "APIGroup", apiVersion: "v1", ...group });
  });

  it.each(["", "v1", "istio.io", "__proto__", "constructor", "networking.istio.io/v1"])("do not hold `%s`", (name) => {
    expect(apiGroup(name)).toBeNull();
  });
});

describe.each(KINDS)("$kind of group `$group`", (info) => {
  const apiVersionsOf = info.versions.map((each) => apiVersionOf(info.group, each));

  it("is a resource of each of its versions", () => {
    for (const apiVersion of apiVersionsOf)
      expect(resource(apiVersion, info.plural)).toEqual({
        name: info.plural,
        singularName: info.kind.toLowerCase(),
        namespaced: info.namespaced,
        kind: info.kind,
        verbs: info.readOnly ? READ : ALL,
        ...(info.shortNames.length > 0 && { shortNames: info.shortNames }),
        ...(info.categories.length > 0 && { categories: info.categories }),
      });
  });

  it("is a resource of its alias groups, under its plural alone", () => {
    for (const apiVersion of info.aliases) {
      const found = resource(apiVersion, info.plural);
      expect(found).toMatchObject({ kind: info.kind, namespaced: info.namespaced, verbs: ALL });
      expect(found).not.toHaveProperty("shortNames");
      expect(found).not.toHaveProperty("categories");
    }
  });

  it("has its status beside it where it has one", () => {
    for (const apiVersion of [...apiVersionsOf, ...info.aliases]) {
      const status = resource(apiVersion, `${info.plural}/status`);
      const want = {
        name: `${info.plural}/status`,
        singularName: "",
        namespaced: info.namespaced,
        kind: info.kind,
        verbs: ["get", "patch", "update"],
      };
      expect(status).toEqual(info.hasStatus ? want : undefined);
    }
  });
});

it("serves a status for what the mesh compiles and for few core kinds", () => {
  const without = KINDS.filter((info) => !info.hasStatus).map(({ kind }) => kind);
  expect(without).toEqual(expect.arrayContaining(["EndpointSlice", "Event"]));
  for (const kind of ["Namespace", "Service", "Pod", "VirtualService", "MeshConfig"])
    expect(named(kind).hasStatus).toBe(true);
  for (const info of KINDS) expect(info.core || info.hasStatus).toBe(true);
});

describe("apiResourceList", () => {
  it("lists nothing that no path serves", () => {
    const reviews = new Set(["authorization.k8s.io", "authentication.k8s.io"]);
    for (const { name: group, versions } of [{ name: "", versions: [{ version: "v1" }] }, ...apiGroupList().groups]) {
      if (reviews.has(group)) continue;
      for (const { version: each } of versions) {
        const listed = resources(apiVersionOf(group, each));
        expect(listed.length).toBeGreaterThan(0);
        for (const { name, kind } of listed)
          expect(findResource(group, each, name.replace(/\/status$/, ""))?.kind).toBe(kind);
      }
    }
  });

  it.each([
    ["authorization.k8s.io/v1", ["SelfSubjectAccessReview", "SelfSubjectRulesReview"]],
    ["authentication.k8s.io/v1", ["SelfSubjectReview"]],
  ])("has the reviews of %s, to be created only", (apiVersion, kinds) => {
    expect(apiResourceList(apiVersion)).toEqual({
      kind: "APIResourceList",
      apiVersion: "v1",
      groupVersion: apiVersion,
      resources: kinds.map((kind) => ({
        name: `${kind.toLowerCase()}s`,
        singularName: kind.toLowerCase(),
        namespaced: false,
        kind,
        verbs: ["create"],
      })),
    });
  });

  it.each([
    "",
    "v2",
    "networking.istio.io",
    "networking.istio.io/v2",
    "networking.istio.io/v1/virtualservices",
    "networking.example.com/v1beta1",
    "authentication.k8s.io/v1beta1",
    "/v1",
    "__proto__",
  ])("is null for `%s`", (apiVersion) => {
    expect(apiResourceList(apiVersion)).toBeNull();
  });
});

describe("aggregatedDiscovery", () => {
  it.each(["v2", "v2beta1"] as const)("names its version %s", (each) => {
    expect(aggregatedDiscovery("groups", each)).toMatchObject({
      kind: "APIGroupDiscoveryList",
      apiVersion: `apidiscovery.k8s.io/${each}`,
      metadata: {},
    });
  });

  it("has the core group alone, without a name, under /api", () => {
    const { items } = aggregatedDiscovery("core", "v2");
    expect(items).toHaveLength(1);
    expect(items[0]).toMatchObject({ metadata: {}, versions: [{ version: "v1", freshness: "Current" }] });
    expect(items[0]?.metadata).toEqual({});
    expect(items[0]?.versions[0]?.resources[0]).toEqual({
      resource: "namespaces",
      responseKind: { group: "", version: "v1", kind: "Namespace" },
      scope: "Cluster",
      singularResource: "namespace",
      verbs: ALL,
      shortNames: ["ns"],
      subresources: [
        {
          subresource: "status",
          responseKind: { group: "", version: "v1", kind: "Namespace" },
          verbs: ["get", "patch", "update"],
        },
      ],
    });
  });

  it("says the same as the plain documents", () => {
    const { items } = aggregatedDiscovery("groups", "v2");
    expect(items.map(({ metadata }) => metadata)).toEqual(apiGroupList().groups.map(({ name }) => ({ name })));
    for (const { metadata, versions } of [...items, ...aggregatedDiscovery("core", "v2").items]) {
      const group = metadata.name ?? "";
      expect(versions.map((each) => each.version)).toEqual(
        group === "" ? apiVersions().versions : apiGroup(group)?.versions.map((each) => each.version),
      );
      for (const each of versions) {
        const plain = each.resources.flatMap((found) => {
          const {
            resource: name,
            singularResource: singularName,
            scope,
            verbs,
            responseKind,
            subresources = [],
          } = found;
          const { shortNames, categories } = found;
          const namespaced = scope === "Namespaced";
          const { kind } = responseKind;
          expect(responseKind).toEqual({ group, version: each.version, kind });
          return [
            {
              name,
              singularName,
              namespaced,
              kind,
              verbs,
              ...(shortNames && { shortNames }),
              ...(categories && { categories }),
            },
            ...subresources.map((sub) => ({
              name: `${name}/${sub.subresource}`,
              singularName: "",
              namespaced,
              kind: sub.responseKind.kind,
              verbs: sub.verbs,
            })),
          ];
        });
        expect(plain).toEqual(resources(apiVersionOf(group, each.version)));
      }
    }
  });
});
