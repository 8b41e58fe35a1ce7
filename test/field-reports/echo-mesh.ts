import { createServer, request as httpRequest, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { RunningMesh } from "../support/mesh.ts";
import { until } from "../support/until.ts";

/** A request as the service got it. */
interface Arrived {
  readonly method: string;
  /** Path and query as they stood in the request line. */
  readonly target: string;
  /** Names in lower case; lines of one name joined by `, `. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface Outcome {
  readonly status: number;
  readonly text: string;
  readonly setCookies: readonly string[];
  /** Null where the service did not answer. */
  readonly arrived: Arrived | null;
}

export interface Sending {
  readonly method?: string;
  readonly headers?: readonly (readonly [string, string])[];
}

/** The local mesh with services behind it, on this machine, that tell what arrived. Hosts are `NAME.test`. */
export class EchoMesh {
  readonly mesh: RunningMesh;
  readonly #servers: readonly Server[];

  private constructor(mesh: RunningMesh, servers: readonly Server[]) {
    this.mesh = mesh;
    this.#servers = servers;
  }

  /**
   * @param base first port; the mesh's loopback network is chosen to fit
   * @param names of the cases: each is a service of its own (`app: NAME`), served as `NAME.test` where no YAML routes it
   * @param yaml what the cases apply
   */
  static async start(base: number, names: readonly string[], yaml: readonly string[]): Promise<EchoMesh> {
    const network = `127.0.${(base / 100) % 250}.0/24`;
    const mesh = await RunningMesh.start(["--port-base", `${base}`, "--loopback", network, "--empty"]);
    // Policies follow the address, so each service has one of its own.
    const opened = await Promise.all(
      [...names, "ready"].map(async (name, at) => openEcho(name, `127.0.250.${at + 1}`)),
    );
    const echo = new EchoMesh(
      mesh,
      opened.map(({ server }) => server),
    );
    try {
      await mesh.mustApply([FRONT, ...opened.map(service), ...yaml].join("\n---\n"));
      await until("the mesh to serve", async () => (await echo.send("ready", "/")).status === 200);
      // The gateway gets what it needs of each host with the host's first request, which may come too early on a busy machine.
      await Promise.all(
        names.map(async (name) =>
          until(`${name} to be known`, async () => (await echo.send(name, "/")).status !== 503),
        ),
      );
    } catch (error) {
      await echo.stop();
      throw error;
    }
    return echo;
  }

  async stop(): Promise<void> {
    await this.mesh.stop();
    for (const server of this.#servers) {
      server.closeAllConnections();
      server.close();
    }
  }

  /** @param target path and query, sent as they stand */
  async send(name: string, target: string, { method = "GET", headers = [] }: Sending = {}): Promise<Outcome> {
    const { hostname, port } = new URL(this.mesh.info.gateway);
    const lines = ["Host", `${name}.test`, ...headers.flat()];
    const options = { host: hostname, port, method, path: target, headers: lines, setHost: false, agent: false };
    return new Promise((resolve, reject) => {
      const request = httpRequest(options, (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
        response.on("error", reject);
        response.on("end", () => {
          const setCookies = response.headers["set-cookie"] ?? [];
          resolve({ status: response.statusCode ?? 0, text, setCookies, arrived: arrivedIn(text) });
        });
      });
      request.on("error", reject);
      request.end();
    });
  }
}

interface Echo {
  readonly name: string;
  readonly address: string;
  readonly server: Server;
  readonly port: number;
}

async function openEcho(name: string, address: string): Promise<Echo> {
  const server = createServer((request, response) => {
    request.resume();
    const headers: Record<string, string> = {};
    for (const [name, values = []] of Object.entries(request.headersDistinct)) headers[name] = values.join(", ");
    const arrived: Arrived = { method: request.method ?? "", target: request.url ?? "", headers };
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ arrived }));
  });
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  return { name, address, server, port: (server.address() as AddressInfo).port };
}

function arrivedIn(text: string): Arrived | null {
  return text.startsWith('{"arrived":') ? (JSON.parse(text) as { readonly arrived: Arrived }).arrived : null;
}

const FRONT = `
apiVersion: tulle.dev/v1alpha1
kind: MeshConfig
metadata: { name: default, namespace: istio-system }
spec:
  privateRanges: [{ range: 127.0.0.0/8, namespaces: ["*"] }]
  egress: { allowedHosts: [localhost, 127.0.0.1] }
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: front }
spec:
  selector: { istio: front }
  servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ["*"] }]
`;

function service({ name, address, port }: Echo): string {
  return `
apiVersion: v1
kind: Service
metadata: { name: ${name} }
spec: { selector: { app: ${name} }, ports: [{ name: http, port: 80, targetPort: ${port} }] }
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: ${name} }
spec: { address: ${address}, labels: { app: ${name} }, serviceAccount: ${name} }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name} }
spec:
  hosts: [${name}.test]
  gateways: [front]
  http: [{ route: [{ destination: { host: ${name} } }] }]
`;
}

/** An AuthorizationPolicy of one rule on the service of a case. */
export function policy(name: string, action: "ALLOW" | "DENY", rule: unknown): string {
  return JSON.stringify({
    apiVersion: "security.istio.io/v1",
    kind: "AuthorizationPolicy",
    metadata: { name },
    spec: { selector: { matchLabels: { app: name } }, action, rules: [rule] },
  });
}

/** A VirtualService in the place of the one that a case has. */
export function routes(name: string, http: readonly unknown[]): string {
  return JSON.stringify({
    apiVersion: "networking.istio.io/v1",
    kind: "VirtualService",
    metadata: { name },
    spec: { hosts: [`${name}.test`], gateways: ["front"], http },
  });
}
