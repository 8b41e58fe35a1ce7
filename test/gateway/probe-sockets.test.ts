import { createServer as createHttp2Server, type ServerHttp2Stream } from "node:http2";
import { type AddressInfo, createServer, type Server } from "node:net";
import { convertV4MiniflareOptions, type Miniflare } from "miniflare";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { COMPATIBILITY_DATE, GATEWAY_FLAGS } from "../../edge/miniflare-workers.ts";
import { privateNetwork, startPrivateForwarder } from "../../edge/private-forwarder.ts";
import { moduleFrom } from "../../edge/workers.ts";
import type { EndpointAddress, Probe } from "../../src/snapshot/model.ts";
import { Runtime } from "../support/runtime.ts";

const settings = { initialDelayMs: 0, timeoutMs: 2_000, periodMs: 1, successThreshold: 1, failureThreshold: 1 };

describe("a probe by a TCP connection, as the runtime makes it", () => {
  let forwarder: Awaited<ReturnType<typeof startPrivateForwarder>>;
  let runtime: Miniflare;
  let server: Server;
  let closed: Promise<void>;
  let url: URL;

  beforeAll(async () => {
    closed = new Promise((resolve) => {
      server = createServer((socket) =>
        socket
          .on("error", () => undefined)
          .on("close", () => resolve())
          .resume(),
      );
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    forwarder = await startPrivateForwarder(false);
    runtime = new Runtime(
      convertV4MiniflareOptions({
        host: "127.0.0.1",
        port: 0,
        cf: false,
        modules: await moduleFrom("test/gateway/probing-worker.ts"),
        compatibilityDate: COMPATIBILITY_DATE,
        compatibilityFlags: [...GATEWAY_FLAGS],
        serviceBindings: { PRIVATE: privateNetwork(forwarder.port) },
      }),
    );
    url = await runtime.ready;
  });

  afterAll(async () => {
    await runtime.dispose();
    await forwarder.close();
    server.close();
  });

  async function probed(
    authority: string,
    address: EndpointAddress = { kind: "private", authority },
    way: Pick<Probe, "grpc"> & Partial<Pick<Probe, "settings">> = {},
  ): Promise<unknown> {
    const body = JSON.stringify({ address, authority, settings, ...way });
    return (await fetch(url, { method: "POST", body })).json();
  }

  it("is well where somebody listens, and leaves no connection behind", async () => {
    expect(await probed(`127.0.0.1:${(server.address() as AddressInfo).port}`)).toBe(true);
    await closed;
  });

  it("has failed where nobody listens, or where the network leads nowhere", async () => {
    expect(await probed("127.0.0.1:1")).toBe(false);
    expect(await probed("192.0.2.1:80")).toBe(false);
  });

  it("of a public origin goes to its own port", async () => {
    expect(await probed("a:80", { kind: "origin", origin: "https://nothing.invalid" })).toBe(false);
    const { port } = server.address() as AddressInfo;
    expect(await probed("a:80", { kind: "origin", origin: `https://127.0.0.1:${port}` })).toBe(true);
  });

  it("of a service binding says nothing", async () => {
    expect(await probed("a:80", { kind: "binding", name: "EP_A" })).toBe(true);
  });

  describe("by gRPC's health check", () => {
    const STATUS: Readonly<Record<string, number>> = { "": 1, "shop.Cart": 1, "shop.Down": 2 };
    const asked: unknown[] = [];
    let health: ReturnType<typeof createHttp2Server>;
    let authority: string;

    /** As a server of gRPC answers: the status of a service that it knows, else an error in the headers alone. */
    function answer(stream: ServerHttp2Stream, service: string): void {
      const status = STATUS[service];
      const headers = { ":status": 200, "content-type": "application/grpc" };
      if (status === undefined) return stream.respond({ ...headers, "grpc-status": "5" }, { endStream: true });
      stream.respond(headers, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      stream.end(Uint8Array.of(0, 0, 0, 0, 2, 8, status));
    }

    beforeAll(async () => {
      health = createHttp2Server();
      health.on("stream", (stream, headers) => {
        let body = Buffer.alloc(0);
        stream.on("error", () => undefined).on("data", (chunk: Buffer) => (body = Buffer.concat([body, chunk])));
        stream.on("end", () => {
          const { ":method": method, ":path": path, ":authority": host, "content-type": type, te } = headers;
          asked.push([method, path, host, type, te]);
          const service = body.subarray(7).toString();
          if (service !== "shop.Slow") answer(stream, service);
        });
      });
      await new Promise<void>((resolve) => health.listen(0, "127.0.0.1", resolve));
      authority = `127.0.0.1:${(health.address() as AddressInfo).port}`;
    });
    afterAll(() => health.close());

    const asks = async (service: string, at = authority, timeoutMs = settings.timeoutMs): Promise<unknown> =>
      probed(at, undefined, { grpc: { service }, settings: { ...settings, timeoutMs } });

    it("is well where the server, or the service that is named, is SERVING", async () => {
      expect(await asks("")).toBe(true);
      expect(await asks("shop.Cart")).toBe(true);
      const call = ["POST", "/grpc.health.v1.Health/Check", authority, "application/grpc", "trailers"];
      expect(asked).toEqual([call, call]);
    });

    it("has failed where it is not serving, not known, does not answer in time, or speaks no HTTP/2", async () => {
      expect(await asks("shop.Down")).toBe(false);
      expect(await asks("shop.Other")).toBe(false);
      expect(await asks("shop.Slow", authority, 100)).toBe(false);
      expect(await asks("", `127.0.0.1:${(server.address() as AddressInfo).port}`, 100)).toBe(false);
      expect(await asks("", "127.0.0.1:1")).toBe(false);
    });
  });
});
