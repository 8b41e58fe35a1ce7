import type { IncomingMessage, ServerResponse } from "node:http";
import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { rawToken } from "../identity/tokens.ts";
import { times } from "../support/scale.ts";
import { SendingMesh } from "./sending-mesh.ts";

const CLIENTS = times(50, 1_000);
/** So many that each of two endpoints is called, save once in 2^59 times. */
const CALLS = 60;
const FAR = 4_102_444_800;
const ADDRESSES = ["10.77.0.1", "10.77.0.2"];

const issuer = (client: number) => `https://issuer.test/${client}`;

/**
 * One request may run, the rest wait: a slot that is not given back stops the host for good. One error ejects an endpoint for
 * good. Each call goes to the endpoint with fewer calls: one that is counted for ever gets no more. Each client has an issuer of
 * its own, whose keys are fetched at its first token: then its request is before the decision.
 */
const RULES = [
  {
    apiVersion: "networking.istio.io/v1",
    kind: "WorkloadEntry",
    metadata: { name: "private-2" },
    spec: { address: ADDRESSES[1], labels: { app: "private" }, serviceAccount: "private" },
  },
  {
    apiVersion: "networking.istio.io/v1",
    kind: "DestinationRule",
    metadata: { name: "private" },
    spec: {
      host: "private",
      trafficPolicy: {
        loadBalancer: { simple: "LEAST_REQUEST" },
        connectionPool: { tcp: { maxConnections: 1 }, http: { http1MaxPendingRequests: CLIENTS } },
        outlierDetection: {
          consecutive5xxErrors: 1,
          interval: "1h",
          baseEjectionTime: "1h",
          maxEjectionPercent: 100,
        },
      },
    },
  },
  {
    apiVersion: "security.istio.io/v1",
    kind: "RequestAuthentication",
    metadata: { name: "private" },
    spec: {
      selector: { matchLabels: { app: "private" } },
      jwtRules: Array.from({ length: CLIENTS }, (_, client) => ({
        issuer: issuer(client),
        jwksUri: `https://origin.example.com/keys/${client}`,
      })),
    },
  },
]
  .map((object) => `\n---\n${JSON.stringify(object)}`)
  .join("");

interface Reached {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

describe(`${CLIENTS} clients that go away`, () => {
  let mesh: SendingMesh;

  beforeAll(async () => {
    mesh = await SendingMesh.start({ rules: RULES });
  });
  afterAll(() => mesh.stop());

  function dial(target: string, headers: readonly string[] = []): Socket {
    const socket = connect(mesh.gatewayPort, "127.0.0.1");
    socket.on("error", () => undefined);
    socket.write([`GET ${target} HTTP/1.1`, "Host: private.test", ...headers, "", ""].join("\r\n"));
    return socket;
  }

  /** The next request that reaches the origin. */
  const reached = async (): Promise<Reached> =>
    new Promise((resolve) => (mesh.origin = (request, response) => resolve({ request, response })));

  /** The slot is free, no endpoint is ejected, and none is thought to be busy: both get their share. */
  async function expectUntouched(): Promise<void> {
    mesh.origin = (_, response) => response.end("ok");
    const before = mesh.lines.filter(({ path }) => path === "/healthy").length;
    for (let call = 0; call < CALLS; call += 1)
      expect((await mesh.get("http://private.test/healthy")).status).toBe(200);
    const lines = (await mesh.logged("/healthy", before + CALLS)).slice(before);
    expect(new Set(lines.map(({ endpoint }) => endpoint))).toEqual(
      new Set(ADDRESSES.map((address) => `${address}:80`)),
    );
  }

  async function expectOneLineEach(target: string, count: number, flags: readonly string[]): Promise<void> {
    const lines = await mesh.logged(target, count);
    expect(lines).toHaveLength(count);
    expect(new Set(lines.map(({ response_flags }) => response_flags))).toEqual(new Set(flags));
    expect(new Set(lines.map(({ request_id }) => request_id)).size).toBe(count);
  }

  it("before the decision, while keys are fetched, leave nothing and are one line each", async () => {
    for (let client = 0; client < CLIENTS; client += 1) {
      const claims = JSON.stringify({ iss: issuer(client), sub: "a", exp: FAR });
      const fetched = reached();
      const socket = dial("/undecided", [`Authorization: Bearer ${rawToken('{"alg":"ES256","kid":"a"}', claims)}`]);
      const { request, response } = await fetched;
      expect(request.url).toBe(`/keys/${client}`);
      socket.resetAndDestroy();
      await mesh.logged("/undecided", client + 1);
      response.end('{"keys":[]}');
    }
    await expectOneLineEach("/undecided", CLIENTS, ["DC"]);
    await expectUntouched();
  });

  it("while they wait for a slot leave nothing and are one line each", async () => {
    const running = reached();
    const first = dial("/running");
    await running;
    const waiting = Array.from({ length: CLIENTS + 1 }, () => dial("/waiting"));
    // One is too many: its answer tells that all others wait.
    const refused = await Promise.race(
      waiting.map(async (socket) => new Promise<Socket>((resolve) => socket.once("data", () => resolve(socket)))),
    );
    for (const socket of waiting) if (socket !== refused) socket.resetAndDestroy();
    await mesh.logged("/waiting", CLIENTS + 1);
    first.resetAndDestroy();
    refused.destroy();
    await expectOneLineEach("/waiting", CLIENTS + 1, ["DC", "UO"]);
    await expectOneLineEach("/running", 1, ["DC"]);
    await expectUntouched();
  });

  it("before the headers leave nothing, end the call to the service, and are one line each", async () => {
    for (let client = 0; client < CLIENTS; client += 1) {
      const call = reached();
      const socket = dial("/headers");
      const { response } = await call;
      const closed = new Promise((resolve) => response.once("close", resolve));
      socket.resetAndDestroy();
      await closed;
    }
    await expectOneLineEach("/headers", CLIENTS, ["DC"]);
    await expectUntouched();
  });

  it("in the body leave nothing, end the call to the service, and are one line each", async () => {
    for (let client = 0; client < CLIENTS; client += 1) {
      const call = reached();
      const socket = dial("/body");
      const { response } = await call;
      response.write("the beginning");
      await new Promise((resolve) => socket.once("data", resolve));
      const closed = new Promise((resolve) => response.once("close", resolve));
      socket.resetAndDestroy();
      await closed;
    }
    await expectOneLineEach("/body", CLIENTS, ["DC"]);
    await expectUntouched();
  });
});
