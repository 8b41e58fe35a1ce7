import { describe, expect, it } from "vitest";
import { endpointBinding, isEndpointBinding, variantBinding, variantName } from "../../src/deployment/binding-names.ts";
import { MeshFile } from "../../src/deployment/mesh-file.ts";
import { type MeshResource, meshResources } from "../../src/deployment/mesh-resources.ts";
import { parseObject } from "../../src/kinds/parse.ts";
import { type Problem, type SourceBinding, type Topology, topologyOf } from "../../src/deployment/topology.ts";
import { digest } from "../../project/digest.ts";

interface Written {
  readonly services: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly gateways?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** By the Worker's name, which is `SERVICE-VERSION` here. */
  readonly bindings?: Readonly<Record<string, readonly SourceBinding[]>>;
}

function read({ services, gateways, bindings = {} }: Written): Topology | readonly Problem[] {
  const file = MeshFile.parse({
    mesh: "shop",
    namespaces: {
      default: {
        services: Object.fromEntries(
          Object.entries(services).map(([name, service]) => [name, { versions: { v1: { config: name } }, ...service }]),
        ),
      },
    },
    gateways,
  });
  const read = topologyOf(
    file,
    (_, service, version) => {
      const name = `${service}-${version}`;
      return { name, services: bindings[name] ?? [] };
    },
    digest,
  );
  return read.ok ? read.value : read.error;
}

function topology(written: Written): Topology {
  const found = read(written);
  if (!("services" in found)) throw new Error(JSON.stringify(found));
  return found;
}

function problems(written: Written): readonly string[] {
  const found = read(written);
  if ("services" in found) throw new Error("nothing is wrong");
  return found.map(({ path, message }) => `${path.join(".")}: ${message}`);
}

const CALLER = { namespace: "default", serviceAccount: "web", workload: "web-v1", app: "web", version: "v1" };
const ORDERS = { service: "orders.default.svc.cluster.local", port: 80 };

describe("topologyOf", () => {
  it("leads a binding between two Workers of the mesh to the gateway that fronts the callee", () => {
    const { services } = topology({
      services: { web: {}, orders: {} },
      bindings: { "web-v1": [{ binding: "ORDERS", service: "orders-v1" }] },
    });
    expect(services[0]?.workers[0]?.bindings).toEqual([
      { binding: "ORDERS", gateway: "shop-gateway", props: { ...CALLER, ...ORDERS } },
    ]);
  });

  it.each([
    { service: "shop-gateway", entrypoint: "MeshEntrypoint", props: { namespace: "default", serviceAccount: "admin" } },
    { service: "shop-gateway" },
    { service: "shop-control", entrypoint: "ConfigApi", props: { gateway: "shop-gateway", fronts: ["*"] } },
    { service: "shop-state", entrypoint: "State", props: { gateway: "shop-gateway" } },
  ])("refuses a user's own binding to $service, $entrypoint: it would say who calls", (own) => {
    const written = { services: { web: {} }, bindings: { "web-v1": [{ binding: "OWN", ...own }] } };
    expect(problems(written)).toEqual([
      expect.stringContaining(`web: \`OWN\` binds \`${own.service}\`, which is the mesh's own`),
    ]);
  });

  it("leaves a binding to control's API, which asks for credentials", () => {
    const { services } = topology({
      services: { web: {} },
      bindings: { "web-v1": [{ binding: "CONTROL", service: "shop-control" }] },
    });
    expect(services[0]?.workers[0]?.bindings).toEqual([]);
  });

  it("leaves bindings to other Workers, and to the own service, as they are", () => {
    const { services } = topology({
      services: { web: {} },
      bindings: {
        "web-v1": [
          { binding: "ELSEWHERE", service: "legacy" },
          { binding: "SELF", service: "web-v1", entrypoint: "Admin" },
        ],
      },
    });
    expect(services[0]?.workers[0]?.bindings).toEqual([]);
  });

  it("gives each version a binding for each way in which somebody binds an entrypoint, with its user's props", () => {
    const { gateways, services } = topology({
      services: { web: {}, jobs: {}, orders: { versions: { v1: { config: "a" }, v2: { config: "b" } } } },
      bindings: {
        "web-v1": [
          { binding: "ADMIN", service: "orders-v1", entrypoint: "Admin", props: { role: "web" } },
          { binding: "PLAIN", service: "orders-v1" },
        ],
        "jobs-v1": [
          { binding: "A", service: "orders-v2", entrypoint: "Admin", props: { role: "web" } },
          { binding: "B", service: "orders-v1", entrypoint: "Admin" },
        ],
      },
    });
    const orders = gateways[0]?.endpoints.filter(({ worker }) => worker.startsWith("orders"));
    const [withProps, without] = [
      variantName("Admin", { role: "web" }, digest) ?? "",
      variantName("Admin", undefined, digest) ?? "",
    ];
    const ways = (endpoint: string, worker: string) => [
      { binding: endpoint, worker },
      { binding: `${endpoint}__${withProps}`, worker, entrypoint: "Admin", props: { role: "web" } },
      { binding: `${endpoint}__${without}`, worker, entrypoint: "Admin" },
    ];
    expect(orders).toEqual([...ways("EP_ORDERS_V1", "orders-v1"), ...ways("EP_ORDERS_V2", "orders-v2")]);
    const [web, jobs] = services;
    expect(web?.workers[0]?.bindings.map(({ props }) => [props.entrypoint, props.binding])).toEqual([
      ["Admin", withProps],
      [undefined, undefined],
    ]);
    expect(jobs?.workers[0]?.bindings.map(({ props }) => props.binding)).toEqual([withProps, without]);
  });

  it("leads calls by host name through the gateway of each service, and all others where `*` is called", () => {
    const { services } = topology({
      services: { web: { calls: ["orders", "api.example.com"] }, jobs: { calls: ["*"] }, orders: {} },
      gateways: { front: { fronts: ["*"] }, back: { fronts: ["default/orders"] } },
    });
    const [web, jobs] = services;
    expect(web?.workers[0]?.sidecar).toEqual({
      hosts: {
        orders: "MESH_BACK",
        "orders.default": "MESH_BACK",
        "orders.default.svc": "MESH_BACK",
        "orders.default.svc.cluster.local": "MESH_BACK",
        "api.example.com": "MESH_FRONT",
      },
      rest: null,
    });
    expect(web?.workers[0]?.bindings).toEqual([
      { binding: "MESH_BACK", gateway: "back", props: CALLER },
      { binding: "MESH_FRONT", gateway: "front", props: CALLER },
    ]);
    expect(jobs?.workers[0]?.sidecar?.rest).toBe("MESH_FRONT");
  });

  it.each<[string, Written, readonly string[]]>([
    [
      "two Workers of one name",
      { services: { web: {} }, gateways: { "web-v1": {} } },
      [
        "namespaces.default.services.web.versions.v1: the Worker name `web-v1` is already that of the gateway web-v1: name another configuration or environment",
      ],
    ],
    [
      "a binding to another version of the own service",
      {
        services: { orders: { versions: { v1: { config: "a" }, v2: { config: "b" } } } },
        bindings: { "orders-v2": [{ binding: "OLD", service: "orders-v1" }] },
      },
      [
        "namespaces.default.services.orders: b: `OLD` binds `orders-v1`, another version of `orders`: the mesh chooses the version of each call; make them services of their own",
      ],
    ],
    [
      "a service that no gateway fronts",
      { services: { web: {} }, gateways: { back: { fronts: ["default/orders"] } } },
      ["namespaces.default.services.web: no gateway fronts `default/web`: add it to the `fronts` of one"],
    ],
    [
      "a call of a service that is not there",
      { services: { web: { calls: ["nobody"] } } },
      [
        "namespaces.default.services.web.calls.0: no service `nobody` here: name one of this file, or a host name with a dot",
      ],
    ],
    [
      "a binding that has the name of one of the mesh's own",
      {
        services: { web: { calls: ["orders"] }, orders: {} },
        bindings: { "web-v1": [{ binding: "MESH_SHOP_GATEWAY", service: "legacy" }] },
      },
      ["namespaces.default.services.web: web: the binding name `MESH_SHOP_GATEWAY` is the mesh's own: rename it"],
    ],
    [
      "a gateway with the control Worker's name",
      { services: {}, gateways: { "shop-control": {} } },
      ["gateways.shop-control: the Worker name `shop-control` is already that of the control Worker"],
    ],
  ])("refuses %s", (_, written, expected) => {
    expect(problems(written)).toEqual(expected);
  });
});

describe("the names of bindings", () => {
  it("let no policy's address name a variant", () => {
    for (const entrypoint of ["Admin", "ADMIN", "default", "$x", "a__b"])
      for (const props of [undefined, {}, { A: 1 }]) {
        const variant = variantName(entrypoint, props, digest);
        if (variant !== null)
          expect(isEndpointBinding(variantBinding(endpointBinding("orders-v1"), variant))).toBe(false);
      }
  });

  it("tell entrypoints and props apart, whatever the order of their keys", () => {
    const names = [
      variantName("Admin", undefined, digest),
      variantName("ADMIN", undefined, digest),
      variantName("Admin", {}, digest),
      variantName("Admin", { a: 1, b: 2 }, digest),
      variantName(undefined, { a: 1, b: 2 }, digest),
    ];
    expect(new Set(names).size).toBe(names.length);
    expect(variantName("Admin", { b: 2, a: 1 }, digest)).toBe(variantName("Admin", { a: 1, b: 2 }, digest));
    expect(variantName(undefined, undefined, digest)).toBe(null);
  });
});

describe("meshResources", () => {
  it("gives a Worker with `_` in its name an object that control takes", () => {
    const file = MeshFile.parse({
      mesh: "shop",
      namespaces: { default: { services: { orders: { versions: { v1: { config: "orders" } } } } } },
    });
    const read = topologyOf(file, () => ({ name: "my_orders", services: [] }), digest);
    if (!read.ok) throw new Error(JSON.stringify(read.error));
    const entry = meshResources(read.value, false).find(({ kind }) => kind === "WorkloadEntry");
    expect(entry).toMatchObject({ metadata: { name: "my-orders" }, spec: { address: "binding:EP_MY_ORDERS" } });
    expect(parseObject(entry, { local: false }).findings).toEqual([]);
  });

  const open = topology({ services: { web: { public: ["shop.example.com"] }, orders: { serviceAccount: "clerk" } } });
  const named = (resources: readonly MeshResource[]) =>
    resources.map(({ kind, metadata: { namespace, name } }) => `${kind} ${namespace ?? ""}/${name}`);

  it("tell of namespaces, services, where each version is, and the way in", () => {
    expect(named(meshResources(open, false))).toEqual([
      "Namespace /default",
      "Namespace /istio-system",
      "Service default/web",
      "WorkloadEntry default/web-v1",
      "Service default/orders",
      "WorkloadEntry default/orders-v1",
      "Gateway istio-system/shop-gateway",
      "VirtualService default/web-public",
    ]);
    expect(meshResources(open, false)[5]?.spec).toEqual({
      address: "binding:EP_ORDERS_V1",
      labels: { app: "orders", version: "v1" },
      serviceAccount: "clerk",
    });
  });

  it("open both schemes' ports on an account, where the platform ends TLS", () => {
    const ports = (local: boolean) => {
      const gateway = meshResources(open, local).find(({ kind }) => kind === "Gateway");
      const servers = gateway?.spec?.["servers"] as readonly { readonly port: object }[];
      return servers.map(({ port }) => port);
    };
    const http = { number: 80, name: "http", protocol: "HTTP" };
    expect(ports(true)).toEqual([http]);
    expect(ports(false)).toEqual([http, { number: 443, name: "https", protocol: "HTTP" }]);
  });

  it("make no Gateway where one is named, or nothing is public", () => {
    const own = topology({
      services: { web: { public: ["shop.example.com"] } },
      gateways: { front: { gateway: "shop/mine" } },
    });
    expect(meshResources(own, false).filter(({ kind }) => kind === "Gateway")).toEqual([]);
    expect(meshResources(own, false).at(-1)?.spec?.["gateways"]).toEqual(["shop/mine"]);
    expect(named(meshResources(topology({ services: { web: {} } }), false))).toHaveLength(3);
  });

  it("open public services to names of this machine in the local mesh alone", () => {
    const hosts = (resources: readonly MeshResource[]) =>
      resources.filter(({ kind }) => kind === "VirtualService").map(({ spec }) => spec?.["hosts"]);
    expect(hosts(meshResources(open, false))).toEqual([["shop.example.com"]]);
    expect(hosts(meshResources(open, true))).toEqual([["*"]]);
    const two = topology({ services: { web: { public: ["a.example.com"] }, blog: { public: ["b.example.com"] } } });
    expect(hosts(meshResources(two, true))).toEqual([
      ["a.example.com", "web.localhost"],
      ["b.example.com", "blog.localhost"],
    ]);
    const local = topology({ services: { web: { public: ["web.localhost"] }, blog: { public: ["*.localhost"] } } });
    expect(hosts(meshResources(local, true))).toEqual([["web.localhost"], ["*.localhost"]]);
  });
});
