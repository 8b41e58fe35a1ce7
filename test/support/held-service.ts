import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A service of a test's own on loopback: while it is held, it answers nobody; who waits for it can be counted. */
export class HeldService {
  readonly #server: Server;
  readonly #waiting = new Set<ServerResponse>();
  #held = false;

  private constructor() {
    this.#server = createServer((request, response) => {
      request.resume();
      if (!this.#held) return response.end("ok");
      this.#waiting.add(response);
      response.on("close", () => this.#waiting.delete(response));
    });
  }

  static async start(): Promise<HeldService> {
    const service = new HeldService();
    service.#server.listen(0, "127.0.0.1");
    await once(service.#server, "listening");
    return service;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** How many requests are here, unanswered, whose client is still there. */
  get waiting(): number {
    return this.#waiting.size;
  }

  hold(): void {
    this.#held = true;
  }

  /** Answers all who wait, and whoever comes from now on. */
  release(): void {
    this.#held = false;
    for (const response of this.#waiting) response.end("ok");
  }

  async stop(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
