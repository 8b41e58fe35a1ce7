import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Folder } from "../dev/support/folder.ts";
import { send } from "../support/http.ts";
import { RunningMesh } from "../support/mesh.ts";
import { connected } from "../support/otlp.ts";
import { OtlpReceiver, tracedTo } from "../support/otlp-receiver.ts";
import { until } from "../support/until.ts";

const receiver = new OtlpReceiver();

beforeAll(async () => void (await receiver.start()));
afterAll(() => receiver.kill());

let count = 0;

/** A trace that nobody has begun yet. */
const newTrace = () => `${"0".repeat(31)}${(count += 1)}`.slice(-32).replace(/^0/, "a");

/** Whole, as a tree: once its spans hang together, and as many as these have arrived. */
async function told(trace: string, spans: number): Promise<readonly string[]> {
  return until(`the ${spans} spans of a trace`, () => {
    const own = receiver.spans.filter(({ traceId }) => traceId === trace);
    return own.length >= spans && connected(receiver.spans, trace);
  });
}

describe("the traces of the examples", () => {
  let mesh: RunningMesh;

  beforeAll(async () => {
    mesh = await RunningMesh.start(["--port-base", "26800", "--loopback", "127.0.91.0/24"]);
    await mesh.mustApply(tracedTo(receiver.port));
    await mesh.settled();
  });
  afterAll(() => mesh.stop());

  it("show a page of Bookinfo as one: the Gateway, and each service below the one that called it", async () => {
    let trace = "";
    const page = await until("stars", async () => {
      trace = newTrace();
      const answer = await send(mesh.info.page ?? "", { headers: { traceparent: `00-${trace}-b7ad6b7169203331-01` } });
      return answer.status === 200 && answer.text.includes(' stars"') && answer.text;
    });
    expect(page).toContain("The Comedy of Errors");
    const tree = await told(trace, 8);
    expect(tree.slice(0, 2)).toEqual(["server istio-ingressgateway.istio-system", "  client productpage.default"]);
    expect(tree).toContain("    server details.default");
    expect(tree).toContain("    server reviews.default");
    expect(tree).toContain("        server ratings.default");
    expect(receiver.problems).toEqual([]);
  });

  it("tell, as the log does, of a call that comes back to where it was", async () => {
    const web = await mesh.enrol("default", "web");
    let trace = "";
    const url = "http://order-service/call/payment-service/call/order-service/";
    await until("an answer of all three", async () => {
      trace = newTrace();
      const headers = { traceparent: `00-${trace}-b7ad6b7169203331-01` };
      return (await mesh.asWorkload(web, url, { headers })).status === 200;
    });
    await told(trace, 6);
    const loops = receiver.spans
      .filter(({ traceId, kind }) => traceId === trace && kind === "server")
      .map(({ service, attributes }) => [attributes["tulle.hops"], service, attributes["tulle.loop"]]);
    expect(loops.toSorted(([a], [b]) => Number(a) - Number(b))).toEqual([
      [1, "order-service.default", undefined],
      [2, "payment-service.default", undefined],
      [3, "order-service.default", 1],
    ]);
    const logged = await until("the lines of 3 gateways", () => {
      const lines = mesh.accessLog().filter(({ trace_id }) => trace_id === trace);
      return lines.length >= 3 && lines;
    });
    expect(logged.flatMap(({ loop }) => loop ?? [])).toEqual([1]);
  });

  it("end where two services call each other without end, and the answer says why all along the way", async () => {
    const web = await mesh.enrol("default", "web");
    const trace = newTrace();
    const url = `http://order-service${"/call/payment-service/call/order-service".repeat(10)}/`;
    const answer = await mesh.asWorkload(web, url, { headers: { traceparent: `00-${trace}-b7ad6b7169203331-01` } });
    expect([answer.status, answer.text]).toEqual([508, "the request goes round in a loop of services"]);
    const logged = await until("the lines of 16 gateways", () => {
      const lines = mesh.accessLog().filter(({ trace_id }) => trace_id === trace);
      return lines.length >= 16 && lines;
    });
    expect(logged.map(({ status }) => status)).toEqual(Array.from({ length: 16 }, () => 508));
    expect(logged.flatMap(({ details, loop }) => (details === "request_loop" ? [loop] : []))).toHaveLength(1);
  });
});

const worker = (name: string, more: object = {}) => ({
  name,
  main: "index.js",
  compatibility_date: "2024-09-01",
  ...more,
});

/**
 * Three services: the first calls the second by its host, that one the third by a binding. Two more call each other without end. None
 * knows of any header.
 */
const PROJECT = {
  "tulle.jsonc": {
    mesh: "plain",
    namespaces: {
      default: {
        services: {
          web: { versions: { v1: { config: "web/wrangler.json" } }, calls: ["orders"], public: ["web.localhost"] },
          orders: { versions: { v1: { config: "orders/wrangler.json" } } },
          stock: { versions: { v1: { config: "stock/wrangler.json" } } },
          ping: { versions: { v1: { config: "ping/wrangler.json" } }, calls: ["pong"] },
          pong: { versions: { v1: { config: "pong/wrangler.json" } }, calls: ["ping"] },
        },
      },
    },
  },
  "web/wrangler.json": worker("web"),
  "web/index.js": `export default { fetch: async () => new Response(await (await fetch("http://orders/")).text()) };`,
  "orders/wrangler.json": worker("orders", { services: [{ binding: "STOCK", service: "stock" }] }),
  "orders/index.js": `import { WorkerEntrypoint } from "cloudflare:workers";
export default class extends WorkerEntrypoint { async fetch() { return this.env.STOCK.fetch("http://stock/left"); } }`,
  "stock/wrangler.json": worker("stock"),
  "stock/index.js": `export default { fetch: () => new Response("7") };`,
  "ping/wrangler.json": worker("ping"),
  "ping/index.js": `export default { fetch: () => fetch("http://pong/") };`,
  "pong/wrangler.json": worker("pong"),
  "pong/index.js": `export default { fetch: () => fetch("http://ping/") };`,
};

describe("the traces of services that pass no header on", () => {
  let mesh: RunningMesh;
  let folder: Folder;

  beforeAll(async () => {
    folder = new Folder(PROJECT);
    const place = ["--port-base", "27800", "--loopback", "127.0.92.0/24"];
    mesh = await RunningMesh.start(["--project", `${folder.path}/tulle.jsonc`, ...place]);
    await mesh.mustApply(tracedTo(receiver.port));
    await mesh.settled();
  });
  afterAll(async () => {
    await mesh.stop();
    folder.remove();
  });

  it("hang together all the same, by fetch and by bindings", async () => {
    const web = await mesh.enrol("default", "client");
    let trace = "";
    await until("the answer", async () => {
      trace = newTrace();
      const headers = { traceparent: `00-${trace}-b7ad6b7169203331-01` };
      return (await mesh.asWorkload(web, "http://web/", { headers })).text === "7";
    });
    expect(await told(trace, 6)).toEqual([
      "server web.default",
      "  client web.default",
      "    server orders.default",
      "      client orders.default",
      "        server stock.default",
      "          client stock.default",
    ]);
  });

  it("end where two of them call each other without end", async () => {
    const client = await mesh.enrol("default", "client");
    const text = await until("both to be called", async () => {
      const answer = await mesh.asWorkload(client, "http://ping/");
      return answer.status === 508 && answer.text;
    });
    expect(text).toBe("the request goes round in a loop of services");
  });
});
