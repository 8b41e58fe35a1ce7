import { beforeAll, describe, expect, it } from "vitest";
import type { Cluster, Slice } from "../../src/snapshot/model.ts";
import { callFromOutside, callInMesh, logged, serveSlices, until } from "./support/gateway.ts";
import { serve } from "./support/services.ts";
import { sliceOf } from "./support/slices.ts";
import { tapOf } from "./support/wire.ts";

const A = "a.default.svc.cluster.local";
const B = "b.default.svc.cluster.local";
const ORDER = { namespace: "shop", serviceAccount: "order", workload: "order-v1" };

/**
 * One call at a time, and none waits: what waits is woken by another request, and the runtime of these tests, unlike the real
 * one, lets what it awaits go on as part of that other request.
 */
const ONE: Cluster["pool"] = { maxConnections: 1, maxPending: 0 };

function withPool(host: string, pool: Cluster["pool"]): Slice {
  const slice = sliceOf(host);
  const clusters = Object.entries(slice.clusters).map(([id, cluster]) => [id, { ...cluster, pool }] as const);
  return { ...slice, clusters: Object.fromEntries(clusters) };
}

beforeAll(() => serveSlices({ "mesh/*": { [A]: sliceOf(A), [B]: withPool(B, ONE) } }));

async function call(host: string, init: RequestInit = {}): Promise<Response> {
  return callInMesh(`http://${host}/`, { ...init, props: ORDER });
}

/** A service that answers when it is told to, and what came to it. */
class Held {
  readonly arrived: Request[] = [];
  #answers = 0;

  constructor(name: "a" | "b") {
    serve(name, async (request) => {
      const number = this.arrived.push(request);
      while (this.#answers < number) await scheduler.wait(5);
      return new Response(`answer ${number}`);
    });
  }

  answer(): void {
    this.#answers += 1;
  }
}

describe("a gateway from entrypoint to service", () => {
  it("answers the first request of a cold isolate after one exchange", async () => {
    serve("a", () => new Response("hello"));
    const response = await call(A);
    expect([response.status, await response.text()]).toEqual([200, "hello"]);
    expect(tapOf("gateway").ups).toHaveLength(1);
  });

  it("tells the service who calls, by the binding's props alone", async () => {
    serve("a", (request) => Response.json(Object.fromEntries(request.headers)));
    const response = await call(A, {
      headers: { "x-forwarded-client-cert": "By=me;URI=spiffe://cluster.local/ns/x/sa/admin" },
    });
    const seen = await response.json<Record<string, string>>();
    expect(seen["x-forwarded-client-cert"]).toContain("URI=spiffe://cluster.local/ns/shop/sa/order");
    expect(seen["x-forwarded-client-cert"]).not.toContain("admin");
  });

  it("has no route for a host that it does not serve, nor for the mesh's from outside", async () => {
    const inside = await call("nobody.example");
    const outside = await callFromOutside(`https://${A}/`, { headers: { host: A } });
    expect([inside.status, outside.status]).toEqual([404, 404]);
  });

  it("logs one line for a call, with its caller and endpoint", async () => {
    serve("a", () => new Response("hello"));
    const lines = await logged(async () => (await call(A)).text());
    expect(lines).toMatchObject([
      { status: 200, path: "/", source_workload: "order-v1", endpoint: "binding:EP_A", response_flags: "-" },
    ]);
  });

  it("answers 503 UF where the service throws", async () => {
    serve("a", () => {
      throw new Error("broken");
    });
    const lines = await logged(async () => (await call(A)).text());
    expect(lines).toMatchObject([{ status: 503, response_flags: "UF" }]);
  });
});

describe("bodies through a gateway", () => {
  const bytes = Uint8Array.from({ length: 300_000 }, (_, at) => (at * 31) % 251);
  const streamed = () => new Blob([bytes]).stream();

  it.each([
    ["of known length", () => bytes],
    ["of unknown length", streamed],
  ])("arrive and return byte for byte: %s", async (_, body) => {
    serve("a", (request) => new Response(request.body));
    const response = await call(A, { method: "POST", body: body() });
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(bytes);
  });

  it("that break off are logged as UC, and the client learns it", async () => {
    serve("a", () => {
      const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
      const writer = writable.getWriter();
      writer
        .write(bytes.slice(0, 10))
        .then(async () => writer.abort(new Error("broken")))
        .catch(() => undefined);
      return new Response(readable);
    });
    const lines = await logged(async () => {
      const response = await call(A);
      await expect(response.arrayBuffer()).rejects.toThrow();
    });
    expect(lines).toMatchObject([{ status: 200, response_flags: "UC" }]);
  });
});

describe("a limit of one call at a time", () => {
  it("refuses the second until the first is answered", async () => {
    const service = new Held("b");
    const first = call(B);
    await until(() => service.arrived.length === 1);
    const lines = await logged(async () => {
      expect((await call(B)).status).toBe(503);
    });
    expect(lines).toMatchObject([{ response_flags: "UO" }]);
    service.answer();
    expect(await (await first).text()).toBe("answer 1");
    service.answer();
    expect(await (await call(B)).text()).toBe("answer 2");
  });

  it("has its place free again after a client went away, which is logged as DC", async () => {
    const service = new Held("b");
    const lines = await logged(async () => {
      const client = new AbortController();
      const gone = call(B, { signal: client.signal });
      await until(() => service.arrived.length === 1);
      client.abort();
      await expect(gone).rejects.toThrow();
    });
    expect(lines).toMatchObject([{ response_flags: "DC" }]);
    service.answer();
    service.answer();
    expect(await (await call(B)).text()).toBe("answer 2");
  });
});

describe("a limit in front of a workload", () => {
  it("counts the calls of all callers, and is free again after one has ended", async () => {
    const slice = sliceOf(A);
    const clusters = Object.entries(slice.clusters).map(([id, cluster]) => {
      const endpoints = cluster.endpoints.map((endpoint) => ({ ...endpoint, limit: 1 }));
      return [id, { ...cluster, endpoints }] as const;
    });
    await serveSlices({ "mesh/*": { [A]: { ...slice, clusters: Object.fromEntries(clusters) } } });
    const service = new Held("a");
    const first = call(A);
    await until(() => service.arrived.length === 1);
    const other = { props: { namespace: "bank", serviceAccount: "clerk" } };
    const lines = await logged(async () => {
      const refused = await callInMesh(`http://${A}/`, other);
      expect([refused.status, refused.headers.get("x-envoy-overloaded")]).toEqual([503, "true"]);
    });
    expect(lines).toMatchObject([{ response_flags: "UO", details: "overflow" }]);
    service.answer();
    service.answer();
    expect(await (await first).text()).toBe("answer 1");
    expect(await (await callInMesh(`http://${A}/`, other)).text()).toBe("answer 2");
  });
});

describe("a change of configuration", () => {
  it("is obeyed as soon as an exchange brought it", async () => {
    serve("a", () => new Response("hello"));
    expect((await call(A)).status).toBe(200);
    const shut = { mtls: "STRICT", jwt: [], deny: [{ name: "default/shut", rules: [{}] }], allow: [] } as const;
    await serveSlices({ "mesh/*": { [A]: sliceOf(A, { policySets: [shut] }) } });
    const lines = await logged(async () => (await call(A)).text());
    expect(lines).toMatchObject([{ status: 403, policy: "default/shut" }]);
  });
});
