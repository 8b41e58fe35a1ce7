import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { convertV4MiniflareOptions, type Miniflare } from "miniflare";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { COMPATIBILITY_DATE } from "../../edge/miniflare-workers.ts";
import { bundleWorker } from "../../project/bundle.ts";
import { writeEntry } from "../../project/generated-entry.ts";
import { CALLS } from "./calls.ts";
import { until } from "../support/until.ts";
import { Runtime } from "../support/runtime.ts";

const SERVICE = join(import.meta.dirname, "service.ts");
const OLD = join(import.meta.dirname, "old-service.ts");
const HOSTS = { orders: "MESH_A", payments: "MESH_B" };

const BINDINGS = ["MESH_A", "MESH_B", "MESH_REST"].map((binding) => ({ binding }));

/** Calls a method of the binding that the path names. */
const CALLER = `export default {
  async fetch(request, env) {
    return Response.json(await env[new URL(request.url).pathname.slice(1)].called());
  },
};`;

let miniflare: Miniflare;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "tulle-sidecar-"));
  const commonjs = join(folder, "commonjs", "service");
  mkdirSync(commonjs, { recursive: true });
  writeFileSync(join(folder, "commonjs", "package.json"), '{ "type": "commonjs" }');
  const common = { compatibilityDate: COMPATIBILITY_DATE, compatibilityFlags: ["nodejs_compat"] };
  const code = async (entry: string) => [
    { type: "ESModule" as const, path: "index.js", contents: await bundleWorker(entry) },
  ];
  const through = (gateway: string) => ({ name: "gateway", entrypoint: "MeshEntrypoint", props: { gateway } });
  const own = (name: string) => ({
    durableObjects: { OBJECTS: { className: "Thing", useSQLite: true } },
    workflows: { FLOW: { name: `${name}-flow`, className: "Flow" } },
    queueProducers: { QUEUE: `${name}-queue` },
    queueConsumers: { [`${name}-queue`]: { maxBatchTimeout: 0 } },
  });
  miniflare = new Runtime(
    convertV4MiniflareOptions({
      host: "127.0.0.1",
      port: 0,
      cf: false,
      unsafeTriggerHandlers: true,
      handleStructuredLogs: () => {},
      resourcePersistencePath: folder,
      workers: [
        {
          name: "service",
          modules: await code(writeEntry(join(folder, "service"), SERVICE, { hosts: HOSTS, rest: null }, BINDINGS)),
          ...common,
          ...own("service"),
          serviceBindings: {
            MESH_A: through("a"),
            MESH_B: through("b"),
            NAMED: { name: "service", entrypoint: "Named" },
            OUTSIDE: through("outside"),
          },
          outboundService: through("outside"),
        },
        {
          name: "all",
          modules: await code(writeEntry(join(folder, "all"), SERVICE, { hosts: HOSTS, rest: "MESH_REST" }, BINDINGS)),
          ...common,
          serviceBindings: { MESH_A: through("a"), MESH_B: through("b"), MESH_REST: through("rest") },
          outboundService: through("outside"),
        },
        {
          name: "commonjs",
          modules: await code(writeEntry(commonjs, SERVICE, { hosts: HOSTS, rest: null }, BINDINGS)),
          ...common,
          serviceBindings: { MESH_A: through("a"), MESH_B: through("b") },
        },
        {
          name: "unbound",
          modules: await code(writeEntry(join(folder, "unbound"), SERVICE, { hosts: HOSTS, rest: null }, BINDINGS)),
          ...common,
        },
        {
          name: "old",
          modules: await code(writeEntry(join(folder, "old"), OLD, { hosts: HOSTS, rest: null }, BINDINGS)),
          compatibilityDate: "2022-01-01",
          serviceBindings: { MESH_A: through("a"), MESH_B: through("b") },
          outboundService: through("outside"),
        },
        ...(await Promise.all(
          ["class", "named"].map(async (name) => ({
            name,
            modules: await code(
              writeEntry(
                join(folder, name),
                join(import.meta.dirname, `${name}-service.ts`),
                {
                  hosts: HOSTS,
                  rest: null,
                },
                BINDINGS,
              ),
            ),
            ...common,
            serviceBindings: { MESH_A: through("a") },
          })),
        )),
        {
          name: "caller",
          modules: true,
          script: CALLER,
          ...common,
          serviceBindings: { CLASS: "class", NAMED: { name: "named", entrypoint: "Named" } },
        },
        // The same without a mesh: whatever it calls is reached as if by the network.
        { name: "plain", modules: await code(SERVICE), ...common, outboundService: through("plain") },
        { name: "gateway", modules: await code(join(import.meta.dirname, "gateway.ts")), ...common },
        {
          name: "talker",
          modules: true,
          script: "export default { fetch() { console.log('hello'); return new Response(); } }",
          ...common,
          tails: ["service"],
        },
      ],
    }),
  );
  await miniflare.ready;
});
afterAll(async () => {
  await miniflare.dispose();
  rmSync(folder, { recursive: true });
});

interface Answer {
  readonly gateway?: string | null;
  readonly message?: string;
}

interface Service {
  fetch(url: string): Promise<Response>;
  scheduled(options: { readonly cron: string }): Promise<unknown>;
}

async function serviceOf(worker: string): Promise<Service> {
  return (await miniflare.getWorker(worker)) as unknown as Service;
}

async function run(worker: string, name: string): Promise<Answer> {
  const answer = await (await serviceOf(worker)).fetch(`http://service/${encodeURIComponent(name)}`);
  return (await answer.json()) as Answer;
}

describe("fetch of a Worker with a generated entry", () => {
  it.each(Object.keys(CALLS))("gives what it gives without a mesh: %s", async (name) => {
    // A message is the runtime's own or ours.
    const { gateway: _, message: __, ...meshed } = await run("service", name);
    const { gateway: ___, message: ____, ...plain } = await run("plain", name);
    expect(meshed).toEqual(plain);
  });

  it.each([
    { name: "orders", service: "a", all: "a" },
    { name: "orders, by what was fetch when the module began", service: "a", all: "a" },
    { name: "payments", service: "b", all: "b" },
    { name: "outside", service: "outside", all: "rest" },
    { name: "outside by TLS", service: "outside", all: "rest" },
    { name: "orders to payments", service: "b", all: "b" },
    { name: "orders to outside", service: "outside", all: "rest" },
    // What can be sent once only the runtime follows, and stays with the first gateway.
    { name: "orders to payments, with a stream", service: "a", all: "a" },
  ])("goes through the gateway of the host: $name", async ({ name, service, all }) => {
    expect(await run("service", name)).toMatchObject({ status: 200, gateway: service });
    expect(await run("all", name)).toMatchObject({ status: 200, gateway: all });
  });

  it.each([
    ["orders", "a"],
    ["payments", "b"],
    ["outside", "outside"],
    ["orders to payments", "b"],
  ])("does so at the oldest compatibility date: %s", async (name, gateway) => {
    expect(await run("old", name)).toMatchObject({ status: 200, gateway });
  });

  it("says the host of the URL, as by the network, and not one that was passed on", async () => {
    const { got } = (await run("service", "orders, passing Host on")) as { got?: { headers: object } };
    expect(got?.headers).toEqual({});
  });

  it("does so in a project whose package.json says CommonJS, as `npm init` writes it", async () => {
    expect(await run("commonjs", "orders")).toMatchObject({ status: 200, gateway: "a" });
  });

  it("takes calls by node:http along", async () => {
    expect(await run("service", "node:http")).toEqual({ status: 200, gateway: "a" });
  });

  it("says which binding is missing, and calls nobody", async () => {
    expect(await run("unbound", "orders")).toMatchObject({
      error: "Error",
      message: expect.stringContaining("MESH_A"),
    });
  });
});

describe("the context of a call", () => {
  const HEADERS = {
    traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    tracestate: "tulle=h:1;p:aaaaaa",
  };

  async function got(worker: string, name: string, headers: Record<string, string> = HEADERS) {
    const service = (await miniflare.getWorker(worker)) as unknown as { fetch: typeof fetch };
    const answer = await service.fetch(`http://service/${encodeURIComponent(name)}`, { headers });
    const { got } = (await answer.json()) as { got: { headers: Record<string, string>; body: string } };
    return got;
  }

  it.each(["by host", "by binding", "by a Request"])("goes along with calls %s", async (name) => {
    const { headers, body } = await got("service", name, { ...HEADERS, "x-request-id": "1", "x-other": "2" });
    expect(headers).toMatchObject({ ...HEADERS, "x-request-id": "1", ...(name !== "by host" && { "x-a": "1" }) });
    expect(headers).not.toHaveProperty("x-other");
    expect(body).toBe(name === "by a Request" ? "text" : "");
  });

  it("goes along in Zipkin's form as well", async () => {
    expect((await got("service", "by host", { b3: "0" })).headers).toEqual({ b3: "0" });
  });

  it("is each call's own", async () => {
    const ids = Array.from({ length: 20 }, (_, at) => `${at}`);
    const seen = await Promise.all(ids.map(async (id) => got("service", "by binding", { traceparent: id })));
    expect(seen.map(({ headers }) => headers["traceparent"])).toEqual(ids);
  });

  it("is not made by a call that brought none", async () => {
    expect((await got("service", "by host", {})).headers).toEqual({});
  });

  it("gives way to a tracer of the service's own", async () => {
    const { headers } = await got("service", "with a tracer of its own", { ...HEADERS, "x-request-id": "1" });
    expect(headers).toEqual({ traceparent: "its own", "x-request-id": "1" });
  });

  it.each(["outside of the mesh", "by a binding outside of the mesh"])("does not leave the mesh: %s", async (name) => {
    expect((await got("service", name)).headers).toEqual({});
  });

  it("goes along from a class", async () => {
    expect((await got("class", "")).headers).toMatchObject(HEADERS);
  });

  it("stays where it was in a Worker whose runtime cannot tell, and which goes on as before", async () => {
    expect((await got("old", "orders")).headers).toEqual({});
  });
});

describe("a generated entry passes on", () => {
  it.each([
    ["named entrypoints", "entrypoint"],
    ["Durable Objects", "object"],
    ["workflows", "workflow"],
  ])("%s, whose calls go through the mesh as well", async (_, name) => {
    expect(await run("service", name)).toMatchObject({ status: 200, gateway: "a" });
  });

  it("a default export that is a class, with its methods", async () => {
    expect(await run("class", "")).toMatchObject({ status: 200, gateway: "a" });
    expect(await run("caller", "CLASS")).toMatchObject({ status: 200, gateway: "a" });
  });

  it("named entrypoints of a Worker without a default export", async () => {
    expect(await run("caller", "NAMED")).toMatchObject({ status: 200, gateway: "a" });
  });

  it("every handler of the default export", async () => {
    await (await serviceOf("service")).scheduled({ cron: "* * * * *" });
    await run("service", "message");
    const mail = "From: a@example.com\r\nTo: b@example.com\r\nMessage-ID: <1@example.com>\r\n\r\nhello";
    const email = new URL("/cdn-cgi/local/email?from=a@example.com&to=b@example.com", await miniflare.ready);
    expect((await fetch(email, { method: "POST", body: mail })).status).toBe(200);
    await (await serviceOf("talker")).fetch("http://talker/");
    const told = await until("each handler to be called", async () => {
      const events = (await run("service", "events")) as unknown as readonly { readonly handler: string }[];
      return new Set(events.map(({ handler }) => handler)).size === 4 && events;
    });
    const through = { status: 200, gateway: "a" };
    expect(told).toEqual(
      expect.arrayContaining([
        { handler: "scheduled", what: "* * * * *", seen: expect.objectContaining(through) },
        { handler: "queue", what: "a message", seen: expect.objectContaining(through) },
        { handler: "email", what: "a@example.com", seen: expect.objectContaining(through) },
        { handler: "tail", what: ["hello"], seen: expect.objectContaining(through) },
      ]),
    );
  });
});
