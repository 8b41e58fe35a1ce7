import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Answer, send } from "../support/http.ts";
import { RunningMesh, type Svid } from "../support/mesh.ts";
import { until } from "../support/until.ts";
import { UNPASSABLE } from "./unpassable.ts";

/** Policies follow the address, so what has one of its own has an address of its own. */
const ENDPOINTS = {
  "127.0.251.1": "hashed",
  "127.0.251.2": "hashed",
  "127.0.251.3": "hashed",
  "127.0.251.4": "quick",
  "127.0.251.5": "late",
};
const ISSUER = "test-issuer-1@istio.io";

/** Three cases of Istio's suite that its runner cannot ask, asked as they are meant: see unpassable.ts. */
describe("what the cases mean that cannot pass as the runner asks them", () => {
  let mesh: RunningMesh;
  let caller: Svid;
  let token: string;
  const servers: Server[] = [];
  const got: string[] = [];
  const held: ServerResponse[] = [];

  async function listen(
    address: string,
    answer: (request: IncomingMessage, response: ServerResponse) => void,
    port = 0,
  ): Promise<number> {
    const server = createServer(answer);
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(port, address, resolve));
    return (server.address() as AddressInfo).port;
  }

  const call = async (host: string, headers: Readonly<Record<string, string>> = {}, port = 80): Promise<Answer> =>
    send(`${mesh.info.mesh}/`, {
      host,
      headers,
      tls: { ...caller, ca: mesh.ca, servername: `outbound_.${port}_._.${host}` },
    });

  beforeAll(async () => {
    mesh = await RunningMesh.start([
      "--port-base",
      "23700",
      "--loopback",
      "127.0.37.0/24",
      "--empty",
      "--gateways",
      "1",
      "--plain-private",
    ]);
    const echo =
      (name: string) =>
      (request: IncomingMessage, response: ServerResponse): void => {
        got.push(`${name} ${request.headers.host}`);
        response.end(name);
      };
    // All endpoints of a Service listen on one port.
    let port = 0;
    for (const address of Object.keys(ENDPOINTS)) port = await listen(address, echo(address), port);
    const outside = await listen("127.0.0.1", echo("outside"));
    const { publicKey, privateKey } = await generateKeyPair("RS256");
    const jwks = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: "one", alg: "RS256" }] });
    const keys = await listen("127.0.0.1", ({ url }, response) => {
      if (url === "/late") held.push(response);
      else response.end(jwks);
    });
    token = await new SignJWT({ sub: "sub-1" })
      .setProtectedHeader({ alg: "RS256", kid: "one" })
      .setIssuer(ISSUER)
      .setExpirationTime("1h")
      .sign(privateKey);
    await mesh.mustApply(configuration({ port, outside, keys }));
    caller = await mesh.enrol("default", "a");
    await until("the mesh serves", async () => (await call("hashed.default.svc.cluster.local")).status === 200);
  });

  afterAll(async () => {
    for (const response of held) response.destroy();
    for (const server of servers) {
      server.closeAllConnections();
      server.close();
    }
    await mesh.stop();
  });

  it("tries each of them", () => {
    expect(UNPASSABLE.map((one) => one.case)).toEqual([
      "load-balancing/consistent-hash-cookie-with-ttl",
      "egress/registry-only-to-declared-host",
      "request-authentication/jwks-fetch-times-out",
    ]);
  });

  it("a cookie with a ttl comes with the first answer alone, and leads ten requests to one endpoint", async () => {
    const host = "hashed.default.svc.cluster.local";
    const first = await call(host);
    const [cookie = ""] = [first.headers["set-cookie"] ?? []].flat();
    expect(cookie).toMatch(/^session-cookie="[0-9a-f]{16}"; Max-Age=3600; HttpOnly$/);
    for (let again = 0; again < 9; again++) {
      const next = await call(host, { cookie: cookie.split(";")[0] ?? "" });
      expect(next).toMatchObject({ status: 200, text: first.text });
      expect(next.headers["set-cookie"]).toBeUndefined();
    }
  });

  it("REGISTRY_ONLY lets a host through that is declared, and no other", async () => {
    got.length = 0;
    expect(await call("fake.external.com")).toMatchObject({ status: 200, text: "outside" });
    expect(got).toEqual(["outside fake.external.com"]);
    expect((await call("other.external.com")).status).toBe(502);
  });

  it("a key set that comes later than its timeout makes 401, and the service gets nothing", async () => {
    const headers = { authorization: `Bearer ${token}` };
    expect((await call("quick.default.svc.cluster.local", headers)).status).toBe(200);
    got.length = 0;
    expect((await call("late.default.svc.cluster.local", headers)).status).toBe(401);
    expect(held.length).toBeGreaterThan(0);
    expect(got).toEqual([]);
  });
});

interface Ports {
  readonly port: number;
  readonly outside: number;
  readonly keys: number;
}

function configuration({ port, outside, keys }: Ports): string {
  const documents = [
    ...["hashed", "quick", "late"].map((name) => service(name, port)),
    ...Object.entries(ENDPOINTS).map(([address, name], index) => endpoint(`e${index}`, address, name)),
    ...["quick", "late"].map((name) => authentication(name, keys)),
  ];
  return `
apiVersion: tulle.dev/v1alpha1
kind: MeshConfig
metadata: { name: default, namespace: istio-system }
spec:
  privateRanges: [{ range: 127.0.0.0/8, namespaces: ["*"] }, { range: localhost, namespaces: ["*"] }]
  egress: { allowedHosts: [127.0.0.1] }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: hashed }
spec:
  host: hashed
  trafficPolicy: { loadBalancer: { consistentHash: { httpCookie: { name: session-cookie, ttl: 3600s } } } }
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { name: default }
spec: { egress: [{ hosts: ["*/*"] }], outboundTrafficPolicy: { mode: REGISTRY_ONLY } }
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: external }
spec:
  hosts: [fake.external.com]
  location: MESH_EXTERNAL
  resolution: DNS
  ports: [{ name: http, number: 80, protocol: HTTP }]
  endpoints: [{ address: localhost, ports: { http: ${outside} } }]
---
${documents.join("\n---")}
`;
}

function service(name: string, port: number): string {
  return `
apiVersion: v1
kind: Service
metadata: { name: ${name} }
spec: { selector: { app: ${name} }, ports: [{ name: http, port: 80, targetPort: ${port} }] }`;
}

function endpoint(name: string, address: string, app: string): string {
  return `
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: ${name} }
spec: { address: ${address}, labels: { app: ${app} }, serviceAccount: ${app} }`;
}

/** As the case has it; \`quick\` is the same with a key server that answers in time. */
function authentication(name: string, keys: number): string {
  return `
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: { name: ${name} }
spec:
  selector: { matchLabels: { app: ${name} } }
  jwtRules:
    - issuer: ${ISSUER}
      jwksUri: http://127.0.0.1:${keys}/${name}
      outputPayloadToHeader: x-test-payload
      forwardOriginalToken: true
      timeout: ${name === "late" ? "10ms" : "5s"}`;
}
