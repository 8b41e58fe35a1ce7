import { describe, expect, it } from "vitest";
import { service, TestWorld } from "./world.ts";

const REVIEWS = "reviews.default.svc.cluster.local";
const AUTHZ = "authz.security.svc.cluster.local";
const CLUSTER = `outbound|8000||${AUTHZ}`;

function settings(fields = "", host = AUTHZ): string {
  return `
apiVersion: tulle.dev/v1alpha1
kind: MeshConfig
metadata: { name: default, namespace: istio-system }
spec:
  extensionProviders:
    - name: opa
      envoyExtAuthzHttp: { service: ${host}, port: 8000, timeout: 1s ${fields} }`;
}

function ask(provider = "opa", more = "", namespace = "default"): string {
  return `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: ask, namespace: ${namespace}${more} }
spec: { action: CUSTOM, provider: { name: ${provider} }, rules: [{ to: [{ operation: { paths: [/admin] } }] }] }`;
}

const PROVIDER = service("authz", { namespace: "security", port: 8000 });

function made(...objects: readonly string[]): TestWorld {
  const world = new TestWorld();
  for (const object of objects) world.apply(object);
  return world;
}

describe("a slice whose policies ask somebody", () => {
  it("holds who that is and where, whatever that namespace exports", () => {
    const world = made(
      service("reviews"),
      PROVIDER,
      settings(", failOpen: true, headersToUpstreamOnAllow: [X-User, 'Remote-*']"),
      ask(),
    );
    const slice = world.slice("mesh/*", REVIEWS);
    expect(slice?.authorizers).toEqual({
      opa: {
        cluster: CLUSTER,
        timeoutMs: 1_000,
        failOpen: true,
        toService: [
          { kind: "exact", value: "x-user" },
          { kind: "prefix", value: "remote-" },
        ],
      },
    });
    expect(slice?.clusters[CLUSTER]?.endpoints).toMatchObject([{ address: { name: "EP_SECURITY_AUTHZ_V1" } }]);
    expect(slice?.policySets[0]?.custom).toMatchObject([{ name: "default/ask", provider: "opa" }]);
    // A path that a policy looks at is read in one way only.
    expect(slice?.path.params).toBe("REFUSE");
    const routes = slice?.routes.flatMap(({ destinations }) => destinations.map(({ cluster }) => cluster));
    expect(routes).not.toContain(CLUSTER);
  });

  it("asks under no policies of the authorizer itself, which mesh-wide ones would ask again", () => {
    const world = made(service("reviews"), PROVIDER, settings(), ask("opa", "", "istio-system"));
    const slice = world.slice("mesh/*", REVIEWS);
    const [endpoint] = slice?.clusters[CLUSTER]?.endpoints ?? [];
    expect(slice?.policySets[endpoint?.policySet ?? -1]).toEqual({ mtls: "PERMISSIVE", jwt: [], deny: [], allow: [] });
    // Called by its own name it is guarded as any other.
    expect(world.slice("mesh/*", AUTHZ)?.policySets[0]?.custom).toHaveLength(1);
  });

  it("leaves out what nobody asks", () => {
    const slice = made(service("reviews"), PROVIDER, settings()).slice("mesh/*", REVIEWS);
    expect(slice).not.toHaveProperty("authorizers");
    expect(Object.keys(slice?.clusters ?? {})).not.toContain(CLUSTER);
  });

  it("follows the settings and the service", () => {
    const world = made(service("reviews"), ask());
    expect(world.slice("mesh/*", REVIEWS)).not.toHaveProperty("authorizers");
    world.apply(settings());
    expect(world.slice("mesh/*", REVIEWS)).not.toHaveProperty("authorizers");
    world.apply(PROVIDER);
    expect(world.slice("mesh/*", REVIEWS)?.authorizers).toHaveProperty("opa");
    world.apply(settings(", pathPrefix: /check"));
    expect(world.slice("mesh/*", REVIEWS)?.authorizers?.["opa"]?.pathPrefix).toBe("/check");
    world.delete("Service", "authz", "security");
    expect(world.slice("mesh/*", REVIEWS)).not.toHaveProperty("authorizers");
  });

  it("finds a service by its namespace, where the settings say it", () => {
    const world = made(service("reviews"), PROVIDER, settings("", `security/${AUTHZ}`), ask());
    expect(world.slice("mesh/*", REVIEWS)?.authorizers).toHaveProperty("opa");
    world.apply(settings("", `shop/${AUTHZ}`));
    expect(world.slice("mesh/*", REVIEWS)).not.toHaveProperty("authorizers");
  });
});

describe("a CUSTOM policy", () => {
  it("is warned of where its provider, or that one's service, is not there yet", () => {
    const world = made(service("reviews"), ask());
    const codes = () =>
      [...world.verdicts].flatMap(([key, found]) =>
        key.includes("AuthorizationPolicy") ? found.map(({ code }) => code) : [],
      );
    expect(codes()).toEqual(["TULLE0121"]);
    world.apply(settings());
    expect(codes()).toEqual(["TULLE0121"]);
    world.apply(PROVIDER);
    expect(codes()).toEqual([]);
  });
});
