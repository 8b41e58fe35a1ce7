import { EventEmitter, once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { listenerOf } from "./listener.ts";
import { type ToldSpan, toldSpans } from "./otlp.ts";

/** What becomes of a batch: it is taken, taken when nobody waits for it any more or all goes well again, or refused. */
type Mode = "takes" | "slow" | "refuses";

/** Stands where an OpenTelemetry collector listens: takes spans as strictly as one, and can behave badly. */
export class OtlpReceiver {
  readonly spans: ToldSpan[] = [];
  /** What is wrong with what came. */
  readonly problems: string[] = [];
  /** Batches that have come and wait for their answer, the oldest first. */
  readonly waiting = new Set<IncomingMessage>();
  readonly #events = new EventEmitter().setMaxListeners(0);
  #mode: Mode = "takes";
  #server: Server | null = null;
  #port = 0;

  get mode(): Mode {
    return this.#mode;
  }

  set mode(mode: Mode) {
    this.#mode = mode;
    this.#events.emit("mode");
  }

  get port(): number {
    return this.#port;
  }

  async start(): Promise<this> {
    const server = createServer(listenerOf(async (request, response) => this.#take(request, response)));
    await new Promise<void>((resolve) => server.listen(this.#port, "127.0.0.1", resolve));
    this.#server = server;
    this.#port = (server.address() as AddressInfo).port;
    return this;
  }

  /** Gone, with all its connections. */
  async kill(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    server?.closeAllConnections();
    await new Promise((resolve) => (server === null ? resolve(null) : server.close(resolve)));
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.waiting.add(request);
    response.on("close", () => this.waiting.delete(request));
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    if (this.mode === "refuses") return void response.writeHead(500).end("<html>");
    if (this.mode === "slow") await Promise.race([once(response, "close"), once(this.#events, "mode")]);
    try {
      if (request.url !== "/v1/traces" || request.method !== "POST")
        throw new Error(`${request.method} ${request.url}`);
      this.spans.push(...toldSpans(JSON.parse(Buffer.concat(parts).toString())));
    } catch (error) {
      this.problems.push(String(error));
    }
    response.writeHead(200, { "content-type": "application/json" }).end("{}");
  }
}

/** The settings of a mesh that traces all to a receiver on this machine, and its service. */
export function tracedTo(port: number, more = ""): string {
  return `
apiVersion: tulle.dev/v1alpha1
kind: MeshConfig
metadata: { name: default, namespace: istio-system }
spec:
  privateRanges: [{ range: 127.0.0.0/8, namespaces: ["*"] }]
  extensionProviders:
    - name: otel
      opentelemetry: { service: otel.default.svc.cluster.local, port: 4318, http: { path: /v1/traces, timeout: 2s } }
  defaultProviders: { tracing: [otel] }
  defaultConfig: { tracing: { sampling: 100 } }
${more}
---
apiVersion: v1
kind: Service
metadata: { name: otel }
spec: { selector: { app: otel }, ports: [{ name: http, port: 4318, targetPort: ${port} }] }
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: otel }
spec: { address: 127.0.0.1, labels: { app: otel }, serviceAccount: otel }
`;
}
