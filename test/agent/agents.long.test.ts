import { type ChildProcessByStdio, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect, createServer as createNetServer, type Server as NetServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { AgentEvent } from "../../agent/log.ts";
import { send } from "../support/http.ts";
import { RunningMesh } from "../support/mesh.ts";
import { until } from "../support/until.ts";

const PROJECT = join(import.meta.dirname, "../..");
const PORTS = ["--port-base", "24200", "--loopback", "127.0.61.0/24", "--empty"];
const SECRET = "/api/secret-of-the-request-line";

const WORLD = (port: number, accounts: readonly string[]) => `
apiVersion: tulle.dev/v1alpha1
kind: MeshConfig
metadata: { name: default, namespace: istio-system }
spec: { privateRanges: [{ range: 127.0.0.0/8, namespaces: [default] }] }
---
apiVersion: networking.istio.io/v1
kind: WorkloadGroup
metadata: { name: stock }
spec: { template: { serviceAccount: stock, labels: { app: stock } } }
---
apiVersion: v1
kind: Service
metadata: { name: stock }
spec: { selector: { app: stock }, ports: [{ name: http, port: 80, targetPort: ${port} }] }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: stock }
spec:
  selector: { matchLabels: { app: stock } }
  rules: [{ from: [{ source: { principals: ${JSON.stringify(accounts.map((name) => `cluster.local/ns/default/sa/${name}`))} } }] }]
`;

/** `tulle agent` in a process of its own. */
class RunningAgent {
  readonly events: AgentEvent[] = [];
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  #errors = "";

  constructor(mesh: RunningMesh, args: readonly string[]) {
    const all = ["cli/tulle/main.ts", "agent", "-o", "json", "-n", "default", "--kubeconfig", mesh.info.kubeconfigFile];
    this.#child = spawn(process.execPath, [...all, ...args], { cwd: PROJECT, stdio: ["ignore", "pipe", "pipe"] });
    createInterface({ input: this.#child.stdout }).on("line", (line) =>
      this.events.push(JSON.parse(line) as AgentEvent),
    );
    this.#child.stderr.setEncoding("utf8").on("data", (text: string) => (this.#errors += text));
  }

  async ready(): Promise<this> {
    await until("the agent", () => {
      if (this.#child.exitCode !== null) throw new Error(`the agent ended: ${this.#errors}`);
      return this.count("agent_ready") === 1;
    });
    return this;
  }

  count(event: AgentEvent["event"]): number {
    return this.events.filter((one) => one.event === event).length;
  }

  /** Of its first listener. */
  get port(): number {
    const listening = this.events.find(({ event }) => event === "agent_listening");
    return listening?.event === "agent_listening" ? Number(listening.address.split(":").at(-1)) : 0;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const closed = new Promise((resolve) => this.#child.on("close", resolve));
    this.#child.kill("SIGTERM");
    await closed;
  }
}

/** Stands between two machines and keeps what passes, both ways. */
class Relay {
  readonly passed: Buffer[] = [];
  readonly #server: NetServer;
  to = 0;

  constructor() {
    this.#server = createNetServer((client) => {
      const server = connect(this.to, "127.0.0.1");
      for (const [from, into] of [
        [client, server],
        [server, client],
      ] as const) {
        from.on("data", (data: Buffer) => this.passed.push(data));
        from.pipe(into);
        from.on("error", () => into.destroy()).on("close", () => into.destroy());
      }
    });
  }

  async open(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return this;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get text(): string {
    return Buffer.concat(this.passed).toString("latin1");
  }

  close(): void {
    this.#server.close();
  }
}

async function plainProbe(port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    let text = "";
    socket.on("data", (data: Buffer) => (text += data.toString("latin1")));
    socket.on("error", () => undefined).on("close", () => resolve(text));
    socket.write(`GET ${SECRET} HTTP/1.1\r\nhost: stock\r\nconnection: close\r\n\r\n`);
  });
}

describe("two agents and the gateway between them", () => {
  let folder: string;
  let mesh: RunningMesh;
  let control: RunningMesh;
  let program: Server;
  let callers: string[] = [];
  let toGateway: Relay;
  let toAgent: Relay;
  let serving: RunningAgent;
  let calling: RunningAgent;
  let url: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "tulle-agents-"));
    control = await RunningMesh.start([...PORTS, "--only", "control"], join(folder, "mesh"));
    mesh = await RunningMesh.start([...PORTS, "--only", "data"], join(folder, "mesh"));
    program = createServer((request, response) => {
      callers.push(String(request.headers["x-forwarded-client-cert"]));
      response.end(`${request.method} ${request.url}`);
    });
    await new Promise<void>((resolve) => program.listen(0, "127.0.0.1", resolve));
    toGateway = await new Relay().open();
    toAgent = await new Relay().open();
    toGateway.to = Number(new URL(mesh.info.mesh).port);
    await mesh.mustApply(WORLD(toAgent.port, ["order"]));
    const programPort = (program.address() as AddressInfo).port;
    // One join token an agent, which is good once: what follows it gets by the certificate that it has.
    const agent = async (name: string, more: readonly string[]) => {
      const made = await mesh.control("/api/v1/join-tokens", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ namespace: "default", serviceAccount: name }),
      });
      const file = join(folder, `${name}.token`);
      writeFileSync(file, (JSON.parse(made.text) as { readonly token: string }).token);
      const args = ["--join-token-file", file, "--state", join(folder, name), "--ttl", "90s"];
      return new RunningAgent(mesh, [...args, ...more]).ready();
    };
    const place = ["--register", "stock", "--address", "127.0.0.1"];
    serving = await agent("stock", ["--in", `0=${programPort}`, "--service", "stock", ...place]);
    toAgent.to = serving.port;
    calling = await agent("order", ["--out", "0=stock", "--gateway", `https://127.0.0.1:${toGateway.port}`]);
    url = `http://localhost:${calling.port}`;
    await until("the service", async () => (await send(`${url}/ready`)).status === 200);
    callers = [];
  });
  afterAll(async () => {
    await calling?.stop();
    await serving?.stop();
    await mesh?.stop();
    await control?.stop();
    program.closeAllConnections();
    program.close();
    toGateway.close();
    toAgent.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it("carry plain HTTP from program to program, who learns who calls; no machine between reads a request line", async () => {
    const answered = await send(`${url}${SECRET}`, { method: "POST", body: "a secret body" });
    expect([answered.status, answered.text]).toEqual([200, `POST ${SECRET}`]);
    expect(callers).toEqual([expect.stringContaining("URI=spiffe://cluster.local/ns/default/sa/order")]);
    for (const relay of [toGateway, toAgent]) {
      expect(relay.passed.length).toBeGreaterThan(2);
      for (const word of ["secret", "HTTP/1.1", "POST", "stock", "x-tulle"]) expect(relay.text).not.toContain(word);
    }
  });

  it("refuse plain text at each port between machines", async () => {
    expect(await plainProbe(toGateway.port)).toMatch(/^HTTP\/1\.1 400 /);
    expect(await plainProbe(toAgent.port)).not.toContain("HTTP/1.1 2");
    expect(callers).toEqual([expect.stringContaining("sa/order")]);
  });

  it("let nobody in whose certificate is no gateway's", async () => {
    const order = await mesh.enrol("default", "order");
    const direct = `https://127.0.0.1:${serving.port}/`;
    expect((await send(direct, { tls: { ca: mesh.ca, ...order } }).catch(() => ({ status: 0 }))).status).toBe(0);
    const bundle = readFileSync(join(mesh.info.stateDir, "mesh-ca.pem"), "utf8");
    expect((await send(direct, { tls: { ca: bundle, ...order } })).status).toBe(403);
    await expect(send(direct, { tls: { ca: bundle } })).rejects.toThrow();
  });

  it("fail no request while certificates are renewed, and while control is away and comes back", async () => {
    const statuses = new Map<number, number>();
    const over = new AbortController();
    const load = Array.from({ length: 8 }, async () => {
      while (!over.signal.aborted) {
        const status = await send(`${url}/load`, { method: "POST", body: "x".repeat(1_000) }).then(
          (answer) => answer.status,
          () => 0,
        );
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    });
    await mesh.control("/api/v1/revocations", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ spiffeId: "spiffe://cluster.local/gateway/nobody" }),
    });
    const renewed = (agent: RunningAgent) => agent.count("svid_issued");
    const first = [renewed(calling), renewed(serving)];
    await until(
      "both to be renewed",
      () => renewed(calling) > (first[0] ?? 0) && renewed(serving) > (first[1] ?? 0),
      150_000,
    );
    // Who was revoked is known there too: nobody of these.
    await until("the revocation to be known", () =>
      serving.events.some((told) => told.event === "revocations_known" && told.identities === 1),
    );
    await control.stop();
    await until("a renewal that fails", () => calling.count("svid_renewal_failed") > 0, 150_000);
    control = await RunningMesh.start([...PORTS, "--only", "control"], join(folder, "mesh"));
    const before = renewed(calling);
    await until("a renewal afterwards", () => renewed(calling) > before);
    over.abort();
    await Promise.all(load);
    expect([...statuses.keys()]).toEqual([200]);
    expect(statuses.get(200)).toBeGreaterThan(500);
  });

  it("take the WorkloadEntry along at the end", async () => {
    const entries = async () => (await mesh.control("/k8s/apis/networking.istio.io/v1/workloadentries")).text;
    expect(await entries()).toContain("stock-127.0.0.1");
    await serving.stop();
    expect(await entries()).not.toContain("stock-127.0.0.1");
  });
});
