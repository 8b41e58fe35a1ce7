import { describe, expect, it } from "vitest";
import { apiVersionOf } from "../../src/resources/kinds.ts";
import { findKind, findResource, KINDS } from "../../src/kinds/registry.ts";

describe("findKind", () => {
  it.each([
    ["v1", "Service", "services"],
    ["discovery.k8s.io/v1", "EndpointSlice", "endpointslices"],
    ["networking.istio.io/v1alpha3", "VirtualService", "virtualservices"],
    ["networking.istio.io/v1beta1", "WorkloadEntry", "workloadentries"],
    ["networking.example.com/v1", "DestinationRule", "destinationrules"],
    ["security.istio.io/v1beta1", "RequestAuthentication", "requestauthentications"],
    ["security.example.com/v1", "AuthorizationPolicy", "authorizationpolicies"],
    ["tulle.dev/v1alpha1", "MeshConfig", "meshconfigs"],
    ["tulle.dev/v1alpha1", "EnrolmentRule", "enrolmentrules"],
  ])("knows %s %s", (apiVersion, kind, plural) => {
    expect(findKind(apiVersion, kind)?.plural).toBe(plural);
  });

  it.each([
    ["networking.istio.io/v2", "VirtualService"],
    ["networking.example.com/v1beta1", "VirtualService"],
    ["security.istio.io/v1alpha3", "AuthorizationPolicy"],
    ["security.example.com/v1", "VirtualService"],
    ["v1", "VirtualService"],
    ["v1", "Authorizat\u0456onPolicy"],
    ["__proto__", "constructor"],
  ])("does not know %s %s", (apiVersion, kind) => {
    expect(findKind(apiVersion, kind)).toBeUndefined();
  });
});

it("finds every kind by its path, in each version and alias group", () => {
  for (const info of KINDS)
    for (const apiVersion of [...info.versions.map((version) => apiVersionOf(info.group, version)), ...info.aliases]) {
      const [version = "", group = ""] = apiVersion.split("/").toReversed();
      expect(findResource(group, version, info.plural)).toBe(info);
    }
});
