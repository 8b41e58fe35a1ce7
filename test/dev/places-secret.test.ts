import { convertV4MiniflareOptions, type Miniflare } from "miniflare";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { workerCode } from "../../project/built.ts";
import { callsEnded, pushPlaces } from "../../edge/dev/places.ts";
import { Runtime } from "../support/runtime.ts";

const DATE = "2026-10-20";
const gateway = {
  name: "gateway",
  settings: { fronts: ["*"], domains: [], certificates: {} },
  gateway: null,
  makesGateway: false,
  endpoints: [{ binding: "EP_ORDERS", worker: "orders" }],
};

/** Remembers what it is told. */
const CONTROL = `
import { WorkerEntrypoint } from "cloudflare:workers";
let told = null;
export class ConfigApi extends WorkerEntrypoint {
  register(registration) { told = registration.bindings; }
}
export default { fetch: () => Response.json(told) };
`;

let miniflare: Miniflare;
let port: number;

async function registered(): Promise<unknown> {
  const control = (await miniflare.getWorker("control")) as unknown as { fetch(url: string): Promise<Response> };
  return (await control.fetch("http://control/")).json();
}

beforeAll(async () => {
  const worker = (name: string, contents: string) => ({
    name,
    modules: [{ type: "ESModule" as const, path: "index.js", contents }],
    compatibilityDate: DATE,
  });
  miniflare = new Runtime(
    convertV4MiniflareOptions({
      host: "127.0.0.1",
      port: 0,
      cf: false,
      workers: [
        {
          ...worker("gateway", await workerCode("dev-gateway")),
          bindings: { PLACES_SECRET: "right", GATEWAY_NAME: "gateway", SNAPSHOT_KEYS: "[]", TULLE_LOCAL: "1" },
          serviceBindings: { CONTROL: { name: "control", entrypoint: "ConfigApi" } },
          unsafeDirectSockets: [{ host: "127.0.0.1", port: 0, entrypoint: "Places" }],
        },
        worker("control", CONTROL),
      ],
    }),
  );
  await miniflare.ready;
  port = Number((await miniflare.unsafeGetDirectURL("gateway", "Places")).port);
});

afterAll(async () => {
  await miniflare.dispose();
});

describe("where Workers run", () => {
  it("is told to a gateway by nobody without the secret of this start", async () => {
    await expect(pushPlaces(port, "wrong", gateway, {})).rejects.toThrow("401");
    const page = await fetch(`http://127.0.0.1:${port}/`, { method: "PUT", body: JSON.stringify({ places: {} }) });
    expect(page.status).toBe(401);
    await expect(callsEnded(port, "wrong", "orders")).rejects.toThrow("401");
    expect(await registered()).toBeNull();
  });

  it("makes the bindings known to control, also as they come and go", async () => {
    await pushPlaces(port, "right", gateway, {});
    expect(await registered()).toEqual(["EP_ORDERS"]);
    const more = [...gateway.endpoints, { binding: "EP_STOCK", worker: "stock" }];
    await pushPlaces(port, "right", { ...gateway, endpoints: more }, {});
    expect(await registered()).toEqual(["EP_ORDERS", "EP_STOCK"]);
    await pushPlaces(port, "right", { ...gateway, endpoints: more.slice(1) }, {});
    expect(await registered()).toEqual(["EP_STOCK"]);
  });
});
