import { expect, it } from "vitest";
import { service, TestWorld } from "./world.ts";

const policy = (name: string, targets: string, namespace = "default"): string => `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: ${name}, namespace: ${namespace} }
spec: { ${targets}, rules: [{ to: [{ operation: { methods: [GET] } }] }] }`;

const tokens = (name: string, targets: string): string => `
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: { name: ${name}, namespace: default }
spec: { ${targets}, jwtRules: [{ issuer: i }] }`;

const to = (...names: string[]): string =>
  `targetRefs: [${names.map((name) => `{ group: "", kind: Service, name: ${name} }`).join(", ")}]`;

/** A second name for the endpoints of \`reviews\`. */
const ALIAS = `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: alias, namespace: default }
spec:
  hosts: [alias.test]
  ports: [{ number: 80, name: http, protocol: HTTP }]
  resolution: STATIC
  endpoints: [{ address: "binding:EP_DEFAULT_REVIEWS_V1" }]`;

function world(...documents: readonly string[]): TestWorld {
  const made = new TestWorld();
  made.apply(documents.join("\n---\n"));
  return made;
}

/** Names of the policies that guard the endpoints of a host, those of tokens among them. */
function guards(made: TestWorld, host: string): readonly string[] {
  const slice = made.slice("mesh/*", host.includes(".") ? host : `${host}.default.svc.cluster.local`);
  const sets = Object.values(slice?.clusters ?? {}).flatMap(({ endpoints }) =>
    endpoints.map(({ policySet }) => slice?.policySets[policySet]),
  );
  const names = sets.flatMap((set) => [...(set?.jwt ?? []), ...(set?.deny ?? []), ...(set?.allow ?? [])]);
  return [...new Set(names.map(({ name }) => name))].sort();
}

it("guards the endpoints of its targets and no others, by whatever name they are called", () => {
  const made = world(
    service("reviews"),
    service("ratings"),
    service("cart"),
    ALIAS,
    policy("p", to("reviews", "cart")),
  );
  expect(guards(made, "reviews")).toEqual(["default/p"]);
  expect(guards(made, "cart")).toEqual(["default/p"]);
  expect(guards(made, "alias.test")).toEqual(["default/p"]);
  expect(guards(made, "ratings")).toEqual([]);
});

it("guards the endpoints of a ServiceEntry, also those that another service has", () => {
  const target = "targetRef: { group: networking.istio.io, kind: ServiceEntry, name: alias }";
  const made = world(service("reviews"), service("ratings"), ALIAS, policy("p", target), tokens("t", target));
  expect(guards(made, "alias.test")).toEqual(["default/p", "default/t/0"]);
  expect(guards(made, "reviews")).toEqual(["default/p", "default/t/0"]);
  expect(guards(made, "ratings")).toEqual([]);
});

it("is for its own namespace, in the root namespace as well, and guards nothing where the service is not there yet", () => {
  const made = world(service("reviews"), service("reviews", { namespace: "shop" }));
  made.apply(policy("root", to("reviews"), "istio-system"));
  made.apply(policy("shop", to("reviews"), "shop"));
  expect(made.apply(policy("p", to("nobody"))).join()).toContain("AuthorizationPolicy/p spec.targetRefs");
  expect(guards(made, "reviews")).toEqual([]);
  expect(guards(made, "reviews.shop.svc.cluster.local")).toEqual(["shop/shop"]);
});

it("follows what is applied later: the service, its endpoints, the policy's targets", () => {
  const made = world(service("ratings"), policy("p", to("reviews")));
  made.apply(service("reviews"));
  expect(guards(made, "reviews")).toEqual(["default/p"]);
  made.apply(ALIAS);
  expect(guards(made, "alias.test")).toEqual(["default/p"]);
  made.apply(policy("p", to("ratings")));
  expect([guards(made, "reviews"), guards(made, "alias.test"), guards(made, "ratings")]).toEqual([
    [],
    [],
    ["default/p"],
  ]);
});
