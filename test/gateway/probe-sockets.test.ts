import { type AddressInfo, createServer, type Server } from "node:net";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { COMPATIBILITY_DATE, GATEWAY_FLAGS } from "../../edge/miniflare-workers.ts";
import { privateNetwork, startPrivateForwarder } from "../../edge/private-forwarder.ts";
import { moduleFrom } from "../../edge/workers.ts";
import type { EndpointAddress } from "../../src/snapshot/model.ts";

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
    runtime = new Miniflare(
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
  ): Promise<unknown> {
    const body = JSON.stringify({ address, authority, settings });
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
});
