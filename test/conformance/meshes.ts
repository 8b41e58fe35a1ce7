import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { RunningMesh } from "../support/mesh.ts";

/** Below the ports that the system gives to clients, of which any may be taken for a moment. */
const FIRST_PORT = 31_000;
const PORTS_EACH = 100;
/** Third number of the first mesh's loopback network. */
const FIRST_NETWORK = 60;
/** The runner's most; the meshes of other trust domains come after them. */
const MOST_JOBS = 8;

/** Istio's, which nearly all cases presuppose. */
const USUAL_DOMAIN = "cluster.local";

interface Domain {
  readonly trustDomain: string;
  readonly mesh: RunningMesh;
}

/**
 * The meshes of one of the runner's jobs. A mesh is deployed with its trust domain, so a case that asks for another one gets
 * another mesh, and the runner, which knows one address of control, a front that leads to the one that is asked for.
 */
export class Meshes {
  readonly #index: number;
  readonly #folder: string;
  readonly #front: Server;
  readonly #usual: Domain;
  #other: Domain | null = null;
  #current: Domain;

  private constructor(index: number, folder: string, usual: RunningMesh) {
    this.#index = index;
    this.#folder = folder;
    this.#usual = { trustDomain: USUAL_DOMAIN, mesh: usual };
    this.#current = this.#usual;
    this.#front = createServer((incoming, answer) => this.#pass(incoming, answer));
  }

  static async start(index: number, folder: string): Promise<Meshes> {
    const meshes = new Meshes(index, folder, await launch(index, folder, USUAL_DOMAIN));
    await new Promise<void>((resolve) => meshes.#front.listen(0, "127.0.0.1", resolve));
    return meshes;
  }

  get mesh(): RunningMesh {
    return this.#current.mesh;
  }

  get trustDomain(): string {
    return this.#current.trustDomain;
  }

  get controlUrl(): string {
    return `http://127.0.0.1:${(this.#front.address() as AddressInfo).port}`;
  }

  /** From here on all is about the mesh of this trust domain. The last other one stays, for the case that comes next. */
  async choose(trustDomain: string): Promise<void> {
    if (this.#current.trustDomain === trustDomain) return;
    if (trustDomain !== USUAL_DOMAIN && this.#other?.trustDomain !== trustDomain) {
      await this.#other?.mesh.stop();
      this.#other = null;
      const mesh = await launch(this.#index + MOST_JOBS, this.#folder, trustDomain);
      this.#other = { trustDomain, mesh };
    }
    this.#current = (trustDomain === USUAL_DOMAIN ? null : this.#other) ?? this.#usual;
  }

  async stop(): Promise<void> {
    this.#front.close();
    await Promise.all([this.#usual.mesh.stop(), this.#other?.mesh.stop()]);
  }

  #pass(incoming: IncomingMessage, answer: ServerResponse): void {
    const { mesh } = this;
    const headers = { ...incoming.headers, authorization: `Bearer ${mesh.token}` };
    const onward = request(
      `${mesh.info.controlHttp}${incoming.url ?? "/"}`,
      { method: incoming.method ?? "GET", headers, agent: false },
      (response) => {
        answer.writeHead(response.statusCode ?? 502, response.headers);
        response.pipe(answer);
      },
    );
    onward.on("error", () => answer.destroy());
    incoming.pipe(onward);
  }
}

async function launch(place: number, folder: string, trustDomain: string): Promise<RunningMesh> {
  return RunningMesh.start(
    [
      "--empty",
      // The runner's backends, which stand for hosts outside as well, know no TLS.
      "--plain-private",
      "--trust-domain",
      trustDomain,
      "--port-base",
      String(FIRST_PORT + PORTS_EACH * place),
      "--loopback",
      `127.0.${FIRST_NETWORK + place}.0/24`,
    ],
    join(folder, `state-${trustDomain}`),
  );
}
