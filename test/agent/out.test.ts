import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { type IncomingMessage, request as httpRequest, type ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { AgentEvent } from "../../agent/log.ts";
import { openOut } from "../../agent/out.ts";
import type { Listening } from "../../agent/serve.ts";
import { EdgeAuthority } from "../../edge/certificates.ts";
import { SvidDialer } from "../../net/svid-dialer.ts";
import type { Svid } from "../../net/svid.ts";
import { TestAuthority } from "../identity/svids.ts";
import { send } from "../support/http.ts";
import { svidBy } from "../support/svid.ts";
import { until } from "../support/until.ts";

const WEB = "spiffe://cluster.local/ns/default/sa/web";

describe("the agent's way out", () => {
  let folder: string;
  let mesh: TestAuthority;
  let svid: Svid | null;
  let gateway: Server;
  let gatewayPort: number;
  let agent: Listening;
  let dialer: SvidDialer;
  let url: string;
  let seen: IncomingMessage[] = [];
  let serials: (string | undefined)[] = [];
  const told: AgentEvent[] = [];
  let answer: (request: IncomingMessage, response: ServerResponse) => void;

  const open = async (port: number, ca: string | null) =>
    openOut(
      { address: "127.0.0.1", port: 0, service: "orders.shop:8080" },
      { gateway: `https://127.0.0.1:${port}`, gatewayCa: ca, listeners: [] },
      dialer,
      (event) => told.push(event),
    );

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "tulle-agent-"));
    const edge = await EdgeAuthority.open(folder, join(folder, "ca.pem"));
    mesh = await TestAuthority.create();
    svid = await svidBy(mesh, WEB);
    const own = await edge.certificate(["127.0.0.1"]);
    gateway = createServer(
      { ...own, requestCert: true, ca: svid.bundle, rejectUnauthorized: true },
      (request, response) => {
        seen.push(request);
        serials.push((request.socket as TLSSocket).getPeerX509Certificate()?.fingerprint256);
        answer(request, response);
      },
    );
    gateway.on("upgrade", (request, socket) => {
      seen.push(request);
      socket.write("HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n");
      socket.on("data", (data: Buffer) => socket.write(`echo ${data.toString()}`));
      socket.on("error", () => undefined);
    });
    await new Promise<void>((resolve) => gateway.listen(0, "127.0.0.1", resolve));
    gatewayPort = (gateway.address() as AddressInfo).port;
    dialer = new SvidDialer(() => svid);
    agent = await open(gatewayPort, readFileSync(join(folder, "ca.pem"), "utf8"));
    url = `http://127.0.0.1:${agent.port}`;
  });
  afterAll(async () => {
    await agent.close(0);
    dialer.close();
    gateway.closeAllConnections();
    await new Promise((resolve) => gateway.close(resolve));
    rmSync(folder, { recursive: true });
  });
  beforeEach(() => {
    seen = [];
    serials = [];
    told.length = 0;
    answer = (_, response) => response.end("ok");
  });

  it("calls the gateway with its certificate, and says what was dialled", async () => {
    const { status, text } = await send(`${url}/api?q=1`, { method: "POST", body: "hello" });
    expect([status, text]).toEqual([200, "ok"]);
    expect(seen[0]).toMatchObject({ method: "POST", url: "/api?q=1" });
    expect(seen[0]?.headers).toMatchObject({
      host: `127.0.0.1:${gatewayPort}`,
      "x-tulle-dialled": "orders.shop:8080",
    });
  });

  it("passes a Host that is not its own on, and no word of the program's own on what was dialled", async () => {
    await send(`${url}/`, { host: "api.example.com", headers: { "x-tulle-dialled": "payments" } });
    await send(`${url}/`, { host: `localhost:${agent.port}` });
    expect(seen.map(({ headersDistinct }) => headersDistinct["x-tulle-dialled"])).toEqual([
      ["orders.shop:8080 api.example.com"],
      ["orders.shop:8080"],
    ]);
  });

  it("streams both ways, each part before the next is sent, and takes the call down with its client", async () => {
    answer = (request, response) => request.on("data", (part: Buffer) => response.write(`got ${part.toString()};`));
    const call = httpRequest(`${url}/`, { method: "POST", agent: false });
    call.write("one");
    const response = await new Promise<IncomingMessage>((resolve) => call.on("response", resolve));
    let text = "";
    response.setEncoding("utf8").on("data", (part: string) => (text += part));
    response.on("error", () => undefined);
    await until("the first part", () => text === "got one;");
    call.write("two");
    await until("the second part", () => text === "got one;got two;");
    const gone = new Promise((resolve) => seen[0]?.on("close", resolve));
    call.on("error", () => undefined).destroy();
    await gone;
  });

  it("shows a new certificate on the next call, and lets the calls of the old one end", async () => {
    let finish = (): void => undefined;
    answer = (_, response) => {
      response.write("begun;");
      finish = () => response.end("done");
    };
    const slow = send(`${url}/slow`);
    await until("the slow call", () => seen.length === 1);
    svid = await svidBy(mesh, WEB);
    answer = (_, response) => response.end("ok");
    const before = [serials[0]];
    expect((await send(`${url}/`)).status).toBe(200);
    expect(serials[1]).not.toBe(before[0]);
    finish();
    expect((await slow).text).toBe("begun;done");
    expect((await send(`${url}/`)).status).toBe(200);
    expect(serials[2]).toBe(serials[1]);
  });

  it("carries WebSockets", async () => {
    const socket = connect(agent.port, "127.0.0.1");
    socket.on("error", () => undefined);
    socket.write("GET /ws HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n");
    let text = "";
    socket.setEncoding("utf8").on("data", (part: string) => (text += part));
    await until("the handshake", () => text.includes("101"));
    expect(seen[0]?.headers["x-tulle-dialled"]).toBe("orders.shop:8080");
    socket.write("hi");
    await until("the echo", () => text.endsWith("echo hi"));
    socket.destroy();
  });

  it("answers 503 without a certificate that holds, and where the gateway is away or is not whom it must be", async () => {
    const held = svid;
    svid = null;
    expect(await send(`${url}/`)).toMatchObject({ status: 503, text: expect.stringContaining("certificate") });
    svid = held;
    const strict = await open(gatewayPort, null);
    expect((await send(`http://127.0.0.1:${strict.port}/`)).status).toBe(503);
    expect(told).toMatchObject([{ event: "gateway_unreachable" }]);
    const nowhere = await open(1, null);
    expect((await send(`http://127.0.0.1:${nowhere.port}/`)).status).toBe(503);
    expect(told.at(-1)).toMatchObject({
      event: "gateway_unreachable",
      reason: expect.stringContaining("ECONNREFUSED"),
    });
    expect(seen).toEqual([]);
    await strict.close(0);
    await nowhere.close(0);
  });

  it("lets no page of another site call, and is no proxy", async () => {
    expect((await send(`${url}/`, { headers: { "sec-fetch-site": "cross-site" } })).status).toBe(403);
    expect((await send(`${url}/`, { headers: { "sec-fetch-site": "none" } })).status).toBe(200);
    const socket = connect(agent.port, "127.0.0.1");
    socket.on("error", () => undefined);
    socket.write("CONNECT payments:80 HTTP/1.1\r\nhost: payments:80\r\n\r\n");
    const text = await new Promise<string>((resolve) =>
      socket.once("data", (data: Buffer) => resolve(data.toString())),
    );
    expect(text).toMatch(/^HTTP\/1\.1 405 /);
  });
});
