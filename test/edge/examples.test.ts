import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Example, readExample, readPlainProject } from "../../edge/examples.ts";
import { layoutOf } from "../../edge/layout.ts";
import { readPlainWorker } from "../../edge/plain-worker.ts";
import { endpointBindings, serviceWorkers } from "../../edge/service-workers.ts";
import { readWranglerConfig } from "../../project/wrangler-config.ts";
import { parseDocuments } from "../../src/resources/documents.ts";

describe("an example", () => {
  it.each(["bookinfo", "article"] as const)("has Workers that wrangler reads in the same way: %s", async (name) => {
    for (const { worker, source } of readExample(name).workers) {
      const path = join(import.meta.dirname, "../../examples", name, worker.config);
      const config = await readWranglerConfig(path, worker.environment);
      expect(source).toEqual({
        name: config.name,
        main: config.main,
        compatibilityDate: config.compatibility_date,
        compatibilityFlags: config.compatibility_flags,
        vars: config.vars,
        services: config.services ?? [],
      });
    }
  });

  it("Bookinfo tells the mesh where each version of its services is, and in whose name it calls", () => {
    expect(servicesOf(readExample("bookinfo"))).toEqual([
      "Service productpage 9080",
      "WorkloadEntry productpage-v1 productpage/v1 binding:EP_PRODUCTPAGE_V1 bookinfo-productpage",
      "Service details 9080",
      "WorkloadEntry details-v1 details/v1 binding:EP_DETAILS_V1 bookinfo-details",
      "Service reviews 9080",
      "WorkloadEntry reviews-v1 reviews/v1 binding:EP_REVIEWS_V1 bookinfo-reviews",
      "WorkloadEntry reviews-v2 reviews/v2 binding:EP_REVIEWS_V2 bookinfo-reviews",
      "WorkloadEntry reviews-v3 reviews/v3 binding:EP_REVIEWS_V3 bookinfo-reviews",
      "Service ratings 9080",
      "WorkloadEntry ratings-v1 ratings/v1 binding:EP_RATINGS_V1 bookinfo-ratings",
    ]);
  });

  it("the shop tells it, too", () => {
    expect(servicesOf(readExample("article"))).toEqual([
      "Service order-service 80",
      "WorkloadEntry order-service-v1 order-service/v1 binding:EP_ORDER_SERVICE_V1 order-service",
      "Service payment-service 80",
      "WorkloadEntry payment-service-v1 payment-service/v1 binding:EP_PAYMENT_SERVICE_V1 payment-service",
      "Service reviews-service 80",
      "WorkloadEntry reviews-service-v1 reviews-service/v1 binding:EP_REVIEWS_SERVICE_V1 reviews-service",
      "WorkloadEntry reviews-service-v2 reviews-service/v2 binding:EP_REVIEWS_SERVICE_V2 reviews-service",
    ]);
  });
});

interface Resource {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace: string; readonly labels: { readonly app: string } };
  readonly spec: {
    readonly ports: readonly { readonly name: string; readonly port: number }[];
    readonly selector: { readonly app: string };
    readonly labels: { readonly app: string; readonly version: string };
    readonly address: string;
    readonly serviceAccount: string;
  };
}

function servicesOf({ resources }: Example): readonly string[] {
  const documents = resources.flatMap((text) => {
    const parsed = parseDocuments(text, "yaml");
    if (!parsed.ok) throw new Error(text);
    return parsed.value.map(({ value }) => value as Resource);
  });
  return documents.flatMap(({ kind, metadata: { name, namespace, labels }, spec }) => {
    if (kind !== "Service" && kind !== "WorkloadEntry") return [];
    expect(namespace).toBe("default");
    if (kind === "Service") {
      expect([labels.app, spec.selector, spec.ports[0]?.name]).toEqual([name, { app: name }, "http"]);
      return [`${kind} ${name} ${spec.ports.map(({ port }) => port).join()}`];
    }
    return [`${kind} ${name} ${spec.labels.app}/${spec.labels.version} ${spec.address} ${spec.serviceAccount}`];
  });
}

describe("a Worker of the examples", () => {
  let folder: string;
  beforeAll(() => (folder = mkdtempSync(join(tmpdir(), "tulle-plain-"))));
  afterAll(() => rmSync(folder, { recursive: true }));

  const read = (text: string, environment?: string) => {
    const path = join(folder, "wrangler.jsonc");
    writeFileSync(path, text);
    return readPlainWorker(path, environment);
  };
  const START = '"name": "a", "main": "src/a.ts", "compatibility_date": "2026-01-01"';

  it("has variables and bindings of its environment alone, as wrangler has it, and its name with it", () => {
    const vars = '"vars": { "A": "1" }, "env": { "x": { "vars": { "B": 2 } }, "y": { "name": "other" } }';
    expect(read(`{ ${START}, ${vars} }`)).toMatchObject({
      name: "a",
      main: join(folder, "src/a.ts"),
      vars: { A: "1" },
    });
    expect(read(`{ ${START}, ${vars} }`, "x")).toMatchObject({ name: "a-x", vars: { B: 2 } });
    expect(read(`{ ${START}, ${vars} }`, "y")).toMatchObject({ name: "other", vars: {} });
  });

  it.each([
    ["with what its runtime would not set up", `{ ${START}, "kv_namespaces": [] }`, undefined, "kv_namespaces"],
    ["without code", '{ "name": "a", "compatibility_date": "2026-01-01" }', undefined, "main"],
    ["that is no JSON", "{ name }", undefined, "no JSON with comments"],
    ["in an environment that is not there", `{ ${START} }`, "x", "no environment `x`"],
  ])("is refused %s", (_, text, environment, message) => {
    expect(() => read(text, environment)).toThrow(message);
  });
});

describe("the bindings of an example", () => {
  let folder: string;
  beforeAll(() => (folder = mkdtempSync(join(tmpdir(), "tulle-bindings-"))));
  afterAll(() => rmSync(folder, { recursive: true }));

  /** A mesh of the services `web` and `orders`, each a Worker of that name; web has these bindings. */
  const project = (services: readonly object[]) => {
    const configs = Object.entries({ web: services, orders: [] });
    for (const [name, bound] of configs) {
      mkdirSync(join(folder, name), { recursive: true });
      writeFileSync(join(folder, name, "index.ts"), "export default {};");
      const config = { name, main: "index.ts", compatibility_date: "2026-01-01", services: bound };
      writeFileSync(join(folder, name, "wrangler.jsonc"), JSON.stringify(config));
    }
    const named = configs.map(([name]) => [name, { versions: { v1: { config: `${name}/wrangler.jsonc` } } }]);
    const file = { mesh: "shop", namespaces: { shop: { services: Object.fromEntries(named) as object } } };
    writeFileSync(join(folder, "tulle.jsonc"), JSON.stringify(file));
    return readPlainProject(join(folder, "tulle.jsonc"));
  };
  const start = async (...examples: ReturnType<typeof project>[]) =>
    serviceWorkers(layoutOf(folder, 0), { examples, servicePorts: false, unmeshed: false }, "gateway");
  const OWN = { binding: "OWN", service: "web", entrypoint: "Admin" };

  it("lead to other services through the gateway, and to one's own directly", async () => {
    const bound = { binding: "ORDERS", service: "orders", entrypoint: "Admin", props: { tier: 1 } };
    const example = project([bound, OWN]);
    const [web] = await start(example);
    const caller = { namespace: "shop", serviceAccount: "web", workload: "web", app: "web", version: "v1" };
    const [variant = "", ...others] = Object.keys(endpointBindings([example])).filter((name) => name.includes("__"));
    expect(others).toEqual([]);
    expect(web?.serviceBindings).toEqual({
      ORDERS: {
        name: "gateway",
        entrypoint: "MeshEntrypoint",
        props: {
          ...caller,
          service: "orders.shop.svc.cluster.local",
          port: 80,
          entrypoint: "Admin",
          binding: variant.replace("EP_ORDERS__", ""),
        },
      },
      OWN: { name: "web", entrypoint: "Admin" },
    });
    expect(endpointBindings([example])).toEqual({
      EP_WEB: { name: "web" },
      EP_ORDERS: { name: "orders" },
      [variant]: { name: "orders", entrypoint: "Admin", props: { tier: 1 } },
    });
  });

  it("to a Worker that is not there are refused", async () => {
    await expect(start(project([{ binding: "GONE", service: "gone" }]))).rejects.toThrow("`gone`, which is not there");
  });

  it("are not given to two Workers of one name", async () => {
    await expect(start(project([]), project([]))).rejects.toThrow("a Worker `web`");
  });
});
