import { generateKeyPairSync, sign } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, request as httpRequest, type Server } from "node:http";
import { Agent, request as httpsRequest } from "node:https";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { AssertionKeys } from "../../agent/assertion-keys.ts";
import { Callers } from "../../agent/callers.ts";
import { type InListening, openIn } from "../../agent/in.ts";
import type { AgentEvent } from "../../agent/log.ts";
import type { CallerProof } from "../../agent/options.ts";
import { AgentState } from "../../agent/state.ts";
import { startPrivateForwarder } from "../../edge/private-forwarder.ts";
import { MeshControl } from "../../net/mesh-control.ts";
import type { RevocationRefusal } from "../../net/revocations.ts";
import { SvidDialer } from "../../net/svid-dialer.ts";
import type { Svid } from "../../net/svid.ts";
import { assertionClaims, assertionHeader } from "../../src/identity/assertion.ts";
import { TestAuthority } from "../identity/svids.ts";
import { svidBy } from "../support/svid.ts";

const GATEWAY = "spiffe://cluster.local/gateway/gateway-a";
const ORDERS = "spiffe://cluster.local/ns/shop/sa/orders";
const WEB = "spiffe://cluster.local/ns/default/sa/web";
const SERVICE = "orders.shop.svc.cluster.local";

interface Answered {
  readonly status: number;
  readonly text: string;
}

describe("the agent's way in", () => {
  let folder: string;
  let mesh: TestAuthority;
  let own: Svid;
  let gatewaySvid: Svid;
  let program: Server;
  let control: Server;
  let published: string | null;
  let asked = 0;
  let seen: IncomingMessage[] = [];
  /** By SPIFFE ID or serial. */
  const refusals = new Map<string, RevocationRefusal>();
  const revoked = {
    refusal: (serial: string | null, spiffeId: string) => refusals.get(spiffeId) ?? refusals.get(serial ?? "") ?? null,
    epoch: () => JSON.stringify([...refusals]),
  };
  const told: AgentEvent[] = [];
  const closing: (() => Promise<unknown> | void)[] = [];
  const signer = generateKeyPairSync("ed25519");

  async function agent(proof: Partial<CallerProof> = {}, programPort = portOf(program)): Promise<InListening> {
    const place = { server: `http://127.0.0.1:${portOf(control)}`, ca: null };
    const keys = new AssertionKeys(new MeshControl(place), new AgentState(mkdtempSync(join(folder, "state-"))));
    await keys.start();
    const all = { certificate: true, assertion: false, services: [SERVICE], ...proof };
    const callers = new Callers(all, "cluster.local", keys, revoked);
    const listener = { address: "127.0.0.1", port: 0, programPort };
    const open = await openIn(listener, { proof: all, certificate: null }, own, callers, (event) => told.push(event));
    closing.push(
      async () => open.close(0),
      () => keys.stop(),
    );
    return open;
  }

  /** As a gateway's request reaches the local edge's forwarder, which dials in its name. */
  async function forwarded(
    port: number,
    peers: readonly string[],
    headers: Readonly<Record<string, string>> = {},
    svid: Svid | null = gatewaySvid,
  ): Promise<Answered & { readonly failures: readonly string[] }> {
    const failures: string[] = [];
    const dialer = new SvidDialer(() => svid, revoked);
    const forwarder = await startPrivateForwarder(false, {
      toPeers: async (ids) => dialer.toPeers(ids),
      failed: (_, reason) => failures.push(reason),
    });
    const answered = await new Promise<Answered>((resolve) => {
      const call = httpRequest({
        host: "127.0.0.1",
        port: forwarder.port,
        method: "POST",
        path: `https://127.0.0.1:${port}/api`,
        headers: { host: "orders.shop", "mf-cf-blob": JSON.stringify({ tullePeers: peers }), ...headers },
      });
      call.on("response", (response) => read(response, resolve));
      call.on("error", () => resolve({ status: 0, text: "" }));
      call.end("hello");
    });
    dialer.close();
    await forwarder.close();
    return { ...answered, failures };
  }

  /** Straight to the agent, by TLS, whoever one is. */
  async function direct(
    port: number,
    svid: Svid | null,
    headers: Readonly<Record<string, string>> = {},
    connections: Agent | false = false,
  ): Promise<Answered> {
    return new Promise((resolve) => {
      const shown = svid === null ? {} : { cert: svid.certificate, key: svid.key };
      const call = httpsRequest({
        host: "127.0.0.1",
        port,
        method: "POST",
        path: "/api",
        agent: connections,
        ca: own.bundle,
        checkServerIdentity: () => undefined,
        headers: { host: "orders.shop", ...headers },
        ...shown,
      });
      call.on("response", (response) => read(response, resolve));
      call.on("error", (error: NodeJS.ErrnoException) => resolve({ status: 0, text: String(error.code) }));
      call.end();
    });
  }

  const keyOf = ({ publicKey }: typeof signer, kid: string, iss: string) => ({
    ...publicKey.export({ format: "jwk" }),
    kid,
    iss,
  });

  function assertion(change: Readonly<Record<string, unknown>> = {}, key = signer.privateKey): string {
    const about = { principal: WEB.slice("spiffe://".length), service: SERVICE, method: "POST", host: "orders.shop" };
    const claims = { ...assertionClaims(GATEWAY, about, Math.floor(Date.now() / 1_000)), ...change };
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const input = `${part(assertionHeader("one"))}.${part(claims)}`;
    return `${input}.${sign(null, Buffer.from(input), key).toString("base64url")}`;
  }

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "tulle-agent-in-"));
    mesh = await TestAuthority.create();
    own = await svidBy(mesh, ORDERS);
    gatewaySvid = await svidBy(mesh, GATEWAY);
    program = createServer((request, response) => {
      seen.push(request);
      request.resume().on("end", () => response.end("done"));
    });
    control = createServer((request, response) => {
      asked += 1;
      if (published === null || request.url !== "/api/v1/assertion-keys") response.writeHead(404).end();
      else response.end(published);
    });
    for (const server of [program, control]) {
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      closing.push(async () => new Promise((resolve) => server.close(resolve)));
    }
  });
  afterAll(async () => {
    for (const server of [program, control]) server.closeAllConnections();
    await Promise.all(closing.map(async (close) => close()));
    rmSync(folder, { recursive: true });
  });
  beforeEach(() => {
    seen = [];
    told.length = 0;
    refusals.clear();
    published = JSON.stringify({ keys: [keyOf(signer, "one", GATEWAY)] });
  });

  it("hands a gateway's call to the program, with what the gateway says of the caller", async () => {
    const { port } = await agent();
    const said = `By=${ORDERS};URI=${WEB}`;
    const answered = await forwarded(port, [WEB, ORDERS], { "x-forwarded-client-cert": said });
    expect(answered).toEqual({ status: 200, text: "done", failures: [] });
    expect(seen[0]).toMatchObject({ method: "POST", url: "/api" });
    expect(seen[0]?.headers).toMatchObject({ host: "orders.shop", "x-forwarded-client-cert": said });
  });

  it("is called by a gateway only where its certificate is the expected workload's", async () => {
    const { port } = await agent();
    const wrong = await forwarded(port, [WEB]);
    expect(wrong).toMatchObject({ status: 0, failures: [`it is ${ORDERS}, and must be ${WEB}`] });
    expect((await forwarded(port, [])).failures[0]).toContain("serviceAccount");
    expect((await forwarded(port, [ORDERS], {}, null)).failures[0]).toContain("no certificate");
    const stranger = await svidBy(await TestAuthority.create(), GATEWAY);
    expect((await forwarded(port, [ORDERS], {}, stranger)).status).toBe(0);
    expect(seen).toEqual([]);
  });

  it("takes no call of a workload, none without a certificate, and no plain text", async () => {
    const { port } = await agent();
    expect((await direct(port, await svidBy(mesh, WEB))).status).toBe(403);
    expect(told).toMatchObject([{ event: "call_refused", code: `not_a_gateway: ${WEB}` }]);
    expect((await direct(port, null)).status).toBe(0);
    expect((await direct(port, await svidBy(await TestAuthority.create(), GATEWAY))).status).toBe(0);
    const past = { notBefore: Date.now() - 7_200_000, notAfter: Date.now() - 3_600_000 };
    expect((await direct(port, await svidBy(mesh, GATEWAY, past))).status).toBe(0);
    const plain = await new Promise<string>((resolve) => {
      const socket = connect(port, "127.0.0.1");
      let text = "";
      socket.on("data", (data: Buffer) => (text += data.toString("latin1")));
      socket.on("error", () => undefined).on("close", () => resolve(text));
      socket.write("GET /api HTTP/1.1\r\nhost: orders.shop\r\n\r\n");
    });
    expect(plain).not.toContain("HTTP/1.1 2");
    expect(seen).toEqual([]);
    expect((await direct(port, gatewaySvid)).status).toBe(200);
  });

  it("checks an assertion that comes, and wants one where it is told to", async () => {
    const { port } = await agent();
    expect((await direct(port, gatewaySvid, { "x-tulle-assertion": assertion() })).status).toBe(200);
    expect(seen[0]?.headers["x-tulle-assertion"]).toBeUndefined();
    expect((await direct(port, gatewaySvid, { "x-tulle-assertion": assertion({ htm: "GET" }) })).status).toBe(401);
    expect(told).toMatchObject([{ event: "call_refused", code: "assertion_method" }]);
    const strict = await agent({ assertion: true });
    expect((await direct(strict.port, gatewaySvid)).status).toBe(401);
    expect((await direct(strict.port, gatewaySvid, { "x-tulle-assertion": assertion() })).status).toBe(200);
    const otherGateway = await svidBy(mesh, `${GATEWAY}b`);
    expect((await direct(strict.port, otherGateway, { "x-tulle-assertion": assertion() })).status).toBe(401);
  });

  it("takes no call of a gateway that was revoked, on a connection that stands either", async () => {
    const { port } = await agent();
    const kept = new Agent({ keepAlive: true, maxSockets: 1 });
    const call = async () => direct(port, gatewaySvid, {}, kept);
    expect((await call()).status).toBe(200);
    refusals.set(GATEWAY, "certificate_revoked");
    expect((await call()).status).toBe(403);
    expect(told).toMatchObject([{ event: "call_refused", code: `certificate_revoked: ${GATEWAY}` }]);
    refusals.clear();
    // The authority of this test gives each leaf this number.
    refusals.set("2", "certificate_revoked");
    expect((await direct(port, gatewaySvid)).status).toBe(403);
    refusals.clear();
    refusals.set(GATEWAY, "revocation_stale");
    expect((await direct(port, gatewaySvid)).status).toBe(503);
    refusals.clear();
    expect((await direct(port, gatewaySvid)).status).toBe(200);
    kept.destroy();
    expect(seen).toHaveLength(2);
  });

  it("takes no assertion of a gateway or about a caller that was revoked, one that it took before either", async () => {
    const { port } = await agent({ certificate: false, assertion: true });
    const call = async () => direct(port, null, { "x-tulle-assertion": held });
    const held = assertion();
    expect((await call()).status).toBe(200);
    for (const id of [GATEWAY, WEB]) {
      refusals.set(id, "certificate_revoked");
      expect((await call()).status).toBe(403);
      refusals.clear();
    }
    expect((await call()).status).toBe(200);
  });

  it("takes no assertion that a revoked gateway signs under the name of another", async () => {
    const revokedOne = generateKeyPairSync("ed25519");
    published = JSON.stringify({ keys: [keyOf(signer, "two", GATEWAY), keyOf(revokedOne, "one", `${GATEWAY}b`)] });
    refusals.set(`${GATEWAY}b`, "certificate_revoked");
    const { port } = await agent({ certificate: false, assertion: true });
    const said = (issuer: string) => ({ "x-tulle-assertion": assertion({ iss: issuer }, revokedOne.privateKey) });
    expect((await direct(port, null, said(`${GATEWAY}b`))).status).toBe(403);
    expect((await direct(port, null, said(GATEWAY))).status).toBe(401);
    expect(told.at(-1)).toMatchObject({ event: "call_refused", code: "assertion_issuer" });
    expect(seen).toEqual([]);
  });

  it("is not called by a gateway once its own certificate was revoked", async () => {
    const { port } = await agent();
    expect((await forwarded(port, [ORDERS])).status).toBe(200);
    refusals.set(ORDERS, "certificate_revoked");
    expect(await forwarded(port, [ORDERS])).toMatchObject({
      status: 0,
      failures: [`it is ${ORDERS}, and its certificate was revoked`],
    });
    refusals.set(ORDERS, "revocation_stale");
    expect((await forwarded(port, [ORDERS])).failures[0]).toContain("revocation.maxAge");
    refusals.clear();
    refusals.set("2", "certificate_revoked");
    expect((await forwarded(port, [ORDERS])).status).toBe(0);
    expect(seen).toHaveLength(1);
  });

  it("is not called on a connection from before that", async () => {
    const { port } = await agent();
    const dialer = new SvidDialer(() => gatewaySvid, revoked);
    const forwarder = await startPrivateForwarder(false, {
      toPeers: async (ids) => dialer.toPeers(ids),
      failed: () => undefined,
    });
    const call = async (): Promise<number> =>
      new Promise((resolve) => {
        const headers = { host: "orders.shop", "mf-cf-blob": JSON.stringify({ tullePeers: [ORDERS] }) };
        const path = `https://127.0.0.1:${port}/api`;
        const sent = httpRequest({ host: "127.0.0.1", port: forwarder.port, path, headers, agent: false });
        sent.on("response", (response) => read(response, ({ status }) => resolve(status)));
        sent.on("error", () => resolve(0));
        sent.end();
      });
    expect(await call()).toBe(200);
    refusals.set(ORDERS, "certificate_revoked");
    expect(await call()).toBe(0);
    dialer.close();
    await forwarder.close();
  });

  it("tells the program only what was signed, where no certificate comes", async () => {
    const { port } = await agent({ certificate: false, assertion: true });
    const headers = {
      "x-tulle-assertion": assertion(),
      "x-forwarded-client-cert": `URI=${GATEWAY}`,
      "x_forwarded-client_cert": "a",
    };
    expect((await direct(port, null, headers)).status).toBe(200);
    expect(seen[0]?.headersDistinct["x-forwarded-client-cert"]).toEqual([`By=${ORDERS};URI=${WEB}`]);
    expect(seen[0]?.headers["x_forwarded-client_cert"]).toBeUndefined();
    expect((await direct(port, null)).status).toBe(401);
    expect((await direct(port, await svidBy(mesh, WEB), headers)).status).toBe(403);
  });

  it("asks for keys that it does not know not more than once in half a minute, and goes on with those that it has", async () => {
    const { port } = await agent({ assertion: true });
    published = null;
    const before = asked;
    const made = assertion();
    for (let call = 0; call < 5; call += 1)
      expect((await direct(port, gatewaySvid, { "x-tulle-assertion": made })).status).toBe(200);
    const [head, ...rest] = made.split(".");
    const unknown = [
      Buffer.from(String(Buffer.from(head ?? "", "base64url")).replace('"one"', '"two"')).toString("base64url"),
      ...rest,
    ];
    for (let call = 0; call < 5; call += 1)
      expect((await direct(port, gatewaySvid, { "x-tulle-assertion": unknown.join(".") })).status).toBe(401);
    expect(asked - before).toBe(0);
    const blind = await agent({ assertion: true });
    expect((await direct(blind.port, gatewaySvid, { "x-tulle-assertion": made })).status).toBe(503);
    const lenient = await agent();
    expect((await direct(lenient.port, gatewaySvid, { "x-tulle-assertion": made })).status).toBe(200);
  });

  it("shows its new certificate to the next connection", async () => {
    const open = await agent();
    expect((await forwarded(open.port, [ORDERS])).status).toBe(200);
    open.renew(await svidBy(mesh, WEB));
    expect((await forwarded(open.port, [ORDERS])).failures).toEqual([`it is ${WEB}, and must be ${ORDERS}`]);
    expect((await forwarded(open.port, [WEB])).status).toBe(200);
  });

  it("answers 503 where the program is away", async () => {
    const { port } = await agent({}, 1);
    expect(await direct(port, gatewaySvid)).toMatchObject({ status: 503, text: expect.stringContaining("program") });
    expect(told).toMatchObject([{ event: "program_unreachable" }]);
  });
});

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

function read(response: IncomingMessage, then: (answered: Answered) => void): void {
  let text = "";
  response.setEncoding("utf8").on("data", (part: string) => (text += part));
  response.on("end", () => then({ status: response.statusCode ?? 0, text }));
}
