import * as fc from "fast-check";
import { it } from "vitest";
import { lookupSlice } from "../../src/compile/lookup.ts";
import type { Slice } from "../../src/snapshot/model.ts";
import { expectEqual } from "../support/equal.ts";
import { times } from "../support/scale.ts";
import { TestWorld } from "./world.ts";

const NAMESPACES = ["a", "b", "istio-system"] as const;
const HOSTS = ["x.p.test", "y.p.test", "z.q.test"] as const;
const PATTERNS = [...HOSTS, "*.p.test", "*.test"] as const;
/** The labels of the workloads of each service account; none: no workload carries it. */
const ACCOUNTS: Readonly<Record<string, readonly Readonly<Record<string, string>>[]>> = {
  one: [{ app: "one", tier: "front" }],
  two: [{ app: "two", tier: "front" }],
  both: [
    { app: "one", tier: "back" },
    { app: "two", tier: "back" },
  ],
  none: [],
};

interface Thing {
  readonly of: string;
  readonly exportTo: readonly string[];
}
interface Service extends Thing {
  readonly host: string;
}
interface Route extends Thing {
  readonly hosts: readonly string[];
}
interface Sidecar {
  readonly of: string;
  readonly labels: Readonly<Record<string, string>> | null;
  readonly hosts: readonly string[] | null;
}
interface Mesh {
  readonly services: readonly Service[];
  readonly routes: readonly Route[];
  readonly sidecars: readonly Sidecar[];
}

const of = fc.constantFrom(...NAMESPACES);
const exportTo = fc.constantFrom<readonly string[]>([], ["*"], ["."], ["a"], ["b"], ["elsewhere", "."]);
const entry = fc
  .tuple(fc.constantFrom("", "", "", "~"), fc.constantFrom("*", ".", ...NAMESPACES), fc.constantFrom("*", ...PATTERNS))
  .map(([out, namespace, host]) => `${out}${namespace}/${host}`);
const mesh: fc.Arbitrary<Mesh> = fc.record({
  services: fc.array(fc.record({ of, exportTo, host: fc.constantFrom(...HOSTS, "*.p.test") }), { maxLength: 5 }),
  routes: fc.array(
    fc.record({
      of,
      exportTo,
      hosts: fc.constantFrom(["x.p.test"], ["y.p.test", "z.q.test"], ["*.p.test"], ["*.test"]),
    }),
    { maxLength: 3 },
  ),
  sidecars: fc.array(
    fc.record({
      of,
      labels: fc.constantFrom(null, null, {}, { app: "one" }, { tier: "front" }, { tier: "back" }),
      hosts: fc.option(fc.array(entry, { minLength: 1, maxLength: 3 })),
    }),
    { maxLength: 4 },
  ),
});

/** What Istio's documents say, for one caller and one host, without any of the product's code. */
function naive(
  { services, routes, sidecars }: Mesh,
  caller: { of: string; account: string },
  host: string,
): string | null {
  const [first = {}, ...others] = ACCOUNTS[caller.account] ?? [];
  const labels = Object.entries(first).filter(([key, value]) => others.every((other) => other[key] === value));
  const has = (wanted: Readonly<Record<string, string>>): boolean =>
    Object.entries(wanted).every(([key, value]) => labels.some(([name, is]) => name === key && is === value));
  const own = sidecars.filter((sidecar) => sidecar.of === caller.of);
  const sidecar =
    own.find((one) => one.labels !== null && has(one.labels)) ??
    own.find((one) => one.labels === null) ??
    sidecars.find((one) => one.of === "istio-system" && one.labels === null);
  const entries = sidecar?.hosts ?? ["*/*"];

  const within = (name: string, pattern: string): boolean =>
    pattern === "*" || pattern === name || (pattern.startsWith("*.") && name.endsWith(pattern.slice(1)));
  const named = (text: string, namespace: string): string | null => {
    const [from = "", pattern = ""] = text.split("/");
    return from === "*" || (from === "." ? caller.of : from) === namespace ? pattern : null;
  };
  const matches = (namespace: string, name: string, bothWays: boolean): boolean => {
    const excluded = entries.some((text) => {
      const pattern = text.startsWith("~") ? named(text.slice(1), namespace) : null;
      return pattern !== null && within(name, pattern);
    });
    return (
      !excluded &&
      entries.some((text) => {
        const pattern = text.startsWith("~") ? null : named(text, namespace);
        return pattern !== null && (within(name, pattern) || (bothWays && within(pattern, name)));
      })
    );
  };
  const exported = (thing: Thing): boolean =>
    thing.exportTo.length === 0 ||
    thing.exportTo.some((to) => to === "*" || (to === "." ? thing.of : to) === caller.of);

  const patterns = [host, ...["*.p.test", "*.test"].filter((pattern) => pattern !== host && within(host, pattern))];
  const visibleRoutes = routes.filter(
    (route) => exported(route) && route.hosts.some((name) => matches(route.of, name, true)),
  );
  const candidates = services.filter((one) => one.host === host && exported(one) && matches(one.of, host, false));
  const service = candidates.find((one) => one.of === caller.of) ?? candidates[0];
  for (const pattern of service ? patterns : [host]) {
    const route = visibleRoutes.find(({ hosts }) => hosts.includes(pattern));
    if (route) return `route ${routes.indexOf(route)}`;
  }
  if (service) return `service ${services.indexOf(service)}`;
  const [, wider] = patterns;
  return wider === undefined ? null : naive({ services, routes, sidecars }, caller, wider);
}

function yaml({ services, routes, sidecars }: Mesh): string {
  const object = (kind: string, name: string, of: string, spec: unknown): unknown => ({
    apiVersion: "networking.istio.io/v1",
    kind,
    metadata: { name, namespace: of },
    spec,
  });
  const scope = (to: readonly string[]): object => (to.length === 0 ? {} : { exportTo: to });
  const all = [
    object("ServiceEntry", "target", "istio-system", {
      hosts: ["target.elsewhere"],
      ports: [{ number: 80, name: "http", protocol: "HTTP" }],
      resolution: "STATIC",
      endpoints: [{ address: "binding:EP_TARGET" }],
    }),
    ...NAMESPACES.flatMap((of) =>
      Object.entries(ACCOUNTS).flatMap(([serviceAccount, workloads]) =>
        workloads.map((labels, index) =>
          object("WorkloadEntry", `${serviceAccount}-${index}`, of, {
            address: `binding:EP_${of.toUpperCase().replaceAll("-", "_")}_${serviceAccount.toUpperCase()}_${index}`,
            serviceAccount,
            labels,
          }),
        ),
      ),
    ),
    ...services.map(({ of, host, exportTo: to }, index) =>
      object("ServiceEntry", `s-${index}`, of, {
        hosts: [host],
        ports: [{ number: 80, name: "http", protocol: "HTTP" }],
        resolution: "STATIC",
        endpoints: [{ address: `binding:EP_S_${index}` }],
        ...scope(to),
      }),
    ),
    ...routes.map(({ of, hosts, exportTo: to }, index) =>
      object("VirtualService", `r-${index}`, of, {
        hosts,
        http: [{ route: [{ destination: { host: "target.elsewhere" } }] }],
        ...scope(to),
      }),
    ),
    ...sidecars.map(({ of, labels, hosts }, index) =>
      object("Sidecar", `c-${index}`, of, {
        ...(labels && { workloadSelector: { labels } }),
        ...(hosts ? { egress: [{ hosts }] } : { outboundTrafficPolicy: { mode: "ALLOW_ANY" } }),
      }),
    ),
  ];
  return all.map((one) => JSON.stringify(one)).join("\n---\n");
}

/** Of which object a slice was made. */
function origin(slice: Slice | undefined): string | null {
  if (slice === undefined) return null;
  const [route] = slice.routes;
  const name = /\/r-(\d+)\//.exec(route?.name ?? "")?.[1];
  if (name !== undefined) return `route ${name}`;
  const [endpoint] = slice.clusters[route?.destinations[0]?.cluster ?? ""]?.endpoints ?? [];
  return `service ${endpoint?.id.split("_").at(-1)}`;
}

it("what each caller's scope finds is what exportTo and the Sidecars let that caller see", () => {
  fc.assert(
    fc.property(mesh, (made) => {
      const world = new TestWorld();
      world.apply(yaml(made));
      const scopes = world.compiler.scopes({ fronts: ["*"], gateways: ["*"] });
      for (const namespace of [...NAMESPACES, "elsewhere"])
        for (const account of Object.keys(ACCOUNTS))
          for (const host of [...HOSTS, "other.p.test", "other.test"]) {
            const found = origin(lookupSlice(scopes, `mesh/${namespace}/${account}`, host)?.slice);
            const known = namespace === "elsewhere" ? "none" : account;
            expectEqual(
              `${namespace}/${account} ${host}: ${found}`,
              `${namespace}/${account} ${host}: ${naive(made, { of: namespace, account: known }, host)}`,
            );
          }
    }),
    { numRuns: times(150, 5_000) },
  );
});
