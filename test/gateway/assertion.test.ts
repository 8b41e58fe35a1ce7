import { calculateJwkThumbprint, compactVerify, exportJWK } from "jose";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { callerCheck } from "../../examples/assertion/check.ts";
import { SendingMesh } from "./sending-mesh.ts";

const ASSERTION = "x-tulle-assertion";
const IDS = { iss: "spiffe://cluster.local/gateway/gateway", sub: "spiffe://cluster.local/ns/default/sa/caller" };

/** The same origin as a copy's receiver, and as a service outside of the mesh. */
const RULES = `
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: elsewhere }
spec:
  hosts: [elsewhere.test]
  ports: [{ number: 80, name: http, protocol: HTTP }]
  location: MESH_INTERNAL
  resolution: STATIC
  endpoints: [{ address: 10.77.0.8 }]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: stranger }
spec:
  hosts: [stranger.example.com]
  ports: [{ number: 80, name: http, protocol: HTTP }]
  resolution: STATIC
  endpoints: [{ address: 10.77.0.9 }]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: copied }
spec:
  hosts: [elsewhere.test]
  gateways: [mesh]
  http:
    - match: [{ uri: { prefix: /copied } }]
      route: [{ destination: { host: worker } }]
      mirror: { host: private }
    - match: [{ uri: { prefix: /removed } }]
      route: [{ destination: { host: private } }]
      headers: { request: { remove: [x-tulle-assertion] } }
    - match: [{ uri: { prefix: /again } }]
      route: [{ destination: { host: private } }]
      retries: { attempts: 1, retryOn: 5xx }
    - route: [{ destination: { host: worker } }]
`;

function urlOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

interface Seen {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly assertion: string | string[] | undefined;
}

describe("the gateway's assertion", () => {
  let mesh: SendingMesh;
  const seen: Seen[] = [];
  let status = 200;
  beforeAll(async () => {
    mesh = await SendingMesh.start({ rules: RULES });
    mesh.origin = ({ method, url, headers }, response) => {
      seen.push({ method, url, assertion: headers[ASSERTION] });
      response.writeHead(status).end();
    };
  });
  afterAll(() => mesh.stop());

  async function read(one: Seen | undefined = seen.at(-1)): Promise<Readonly<Record<string, unknown>>> {
    const assertion = one?.assertion;
    if (typeof assertion !== "string") throw new Error(`no assertion, but ${String(assertion)}`);
    const { payload, protectedHeader } = await compactVerify(assertion, mesh.assertionKey);
    const kid = await calculateJwkThumbprint(await exportJWK(mesh.assertionKey));
    expect(protectedHeader).toEqual({ alg: "EdDSA", typ: "assertion+jwt", kid });
    return JSON.parse(new TextDecoder().decode(payload)) as Readonly<Record<string, unknown>>;
  }

  it.each([
    { app: "private", host: "private" },
    { app: "public", host: "origin.example.com" },
  ])("tells a $app endpoint who calls which method of which host of it, for a minute", async ({ app, host }) => {
    const before = Math.floor(Date.now() / 1_000);
    await mesh.call(`http://${app}/`);
    const claims = await read();
    expect(claims).toMatchObject({ ...IDS, aud: `${app}.default.svc.cluster.local`, htm: "GET", host });
    expect(Number(claims["exp"]) - Number(claims["iat"])).toBe(60);
    expect(Number(claims["iat"])).toBeGreaterThanOrEqual(before - 30);
  });

  it("names no caller where nothing is proven", async () => {
    await mesh.get("http://private.test/", { method: "POST" });
    const claims = await read();
    expect(claims).toMatchObject({ iss: IDS.iss, aud: "private.default.svc.cluster.local", htm: "POST" });
    expect(claims).not.toHaveProperty("sub");
  });

  it("is signed once for calls of one kind", async () => {
    await mesh.call("http://private/a");
    await mesh.call("http://private/b");
    expect(seen.at(-1)?.assertion).toBe(seen.at(-2)?.assertion);
  });

  it("takes the place of what a client sent, in whatever spelling, and no route takes it away", async () => {
    await mesh.get("http://private.test/", { headers: { [ASSERTION]: "forged", x_tulle_assertion: "forged" } });
    expect(await read()).toMatchObject({ iss: IDS.iss });
    await mesh.call("http://elsewhere.test/removed");
    expect(await read()).toMatchObject(IDS);
  });

  it("comes with a retry, and with a copy", async () => {
    status = 503;
    await mesh.call("http://elsewhere.test/again");
    status = 200;
    const tries = seen.filter(({ url }) => url === "/again");
    expect(tries).toHaveLength(2);
    for (const one of tries) expect(await read(one)).toMatchObject(IDS);
    await mesh.call("http://elsewhere.test/copied");
    await expect.poll(() => seen.filter(({ url }) => url === "/copied").length, { timeout: 60_000 }).toBe(2);
    const asserted = seen.filter(({ url, assertion }) => url === "/copied" && assertion !== undefined);
    expect(asserted).toHaveLength(1);
    expect(await read(asserted[0])).toMatchObject({ ...IDS, aud: "private.default.svc.cluster.local" });
  });

  describe("and the check of examples/assertion", () => {
    let keys: Server;
    let issuer = IDS.iss;
    let check: ReturnType<typeof callerCheck>;
    const service = "private.default.svc.cluster.local";
    const checkFor = (more: object) =>
      callerCheck({ keys: urlOf(keys), service, trustDomain: "cluster.local", ...more });

    beforeAll(async () => {
      const key = await exportJWK(mesh.assertionKey);
      const one = { ...key, kid: await calculateJwkThumbprint(key), alg: "EdDSA", use: "sig" };
      keys = createServer((_, response) => response.end(JSON.stringify({ keys: [{ ...one, iss: issuer }] })));
      await new Promise<void>((resolve) => keys.listen(0, "127.0.0.1", resolve));
      check = checkFor({});
    });
    afterAll(() => keys.close());

    async function told(url: string, method = "GET"): Promise<Readonly<Record<string, unknown>>> {
      if (url.startsWith("http://private.test")) await mesh.get(url, { method });
      else await mesh.call(url);
      return { [ASSERTION]: seen.at(-1)?.assertion };
    }

    it("name the caller, and nobody where nobody is proven", async () => {
      expect(await check({ method: "GET", headers: await told("http://private/") })).toBe(IDS.sub);
      expect(await check({ method: "POST", headers: await told("http://private.test/", "POST") })).toBeNull();
    });

    it("refuse what no gateway signed, or for another call", async () => {
      const headers = await told("http://private/");
      const text = String(headers[ASSERTION]);
      const [head = "", body = "", signature = ""] = text.split(".");
      const forged = Buffer.from(JSON.stringify({ ...(await read()), sub: "spiffe://cluster.local/ns/x/sa/admin" }));
      const bad: readonly (readonly [string, typeof check, Parameters<typeof check>[0]])[] = [
        ["none", check, { method: "GET", headers: {} }],
        ["two", check, { method: "GET", headers: { [ASSERTION]: [text, text] } }],
        ["another method", check, { method: "POST", headers }],
        ["another service", checkFor({ service: "other" }), { method: "GET", headers }],
        ["another mesh", checkFor({ trustDomain: "other" }), { method: "GET", headers }],
        [
          "other claims",
          check,
          { method: "GET", headers: { [ASSERTION]: `${head}.${forged.toString("base64url")}.${signature}` } },
        ],
        ["no signature", check, { method: "GET", headers: { [ASSERTION]: `${head}.${body}.` } }],
      ];
      for (const [name, judge, call] of bad) await expect(judge(call), name).rejects.toThrow();
    });

    it("refuse what a gateway signed under the name of another", async () => {
      issuer = `${IDS.iss}-b`;
      const judge = checkFor({});
      await expect(judge({ method: "GET", headers: await told("http://private/") })).rejects.toThrow("another gateway");
      issuer = IDS.iss;
      await expect(checkFor({})({ method: "GET", headers: await told("http://private/") })).resolves.toBe(IDS.sub);
    });
  });

  it("is told to no Worker, whose binding is the proof, and to nobody outside of the mesh", async () => {
    for (const url of ["http://worker/", "http://stranger.example.com/"]) {
      const before = seen.length;
      await mesh.call(url);
      expect(seen.length, url).toBe(before + 1);
      expect(seen.at(-1)?.assertion, url).toBeUndefined();
    }
  });
});
