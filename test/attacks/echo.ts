import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** One request as the echo service saw it. */
export interface Hit {
  readonly host: string;
  readonly target: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Latin-1, whole once the answer is there. */
  body: string;
}

/** The service behind every route of the cases: it keeps what it was asked. */
export class Echo {
  readonly hits: Hit[] = [];
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      const { host = "", ...headers } = request.headers;
      const hit: Hit = {
        host,
        target: request.url ?? "",
        method: request.method ?? "",
        headers: Object.fromEntries(Object.entries({ host, ...headers }).map(([name, value]) => [name, String(value)])),
        body: "",
      };
      this.hits.push(hit);
      request.setEncoding("latin1").on("data", (part: string) => (hit.body += part));
      // What a cache may keep, a later caller without the identity must not get.
      response.setHeader("cache-control", "public, max-age=60");
      if (request.url === "/redir") response.writeHead(302, { location: "https://evil.test/" });
      if (request.url === "/resp-headers")
        response.writeHead(200, {
          "keep-alive": "timeout=5",
          "x-mesh-identity": "x",
          "x-envoy-upstream-service-time": "1",
        });
      request.on("end", () => response.end("ok"));
    });
  }

  static async start(): Promise<Echo> {
    const echo = new Echo();
    echo.#server.listen(0, "127.0.0.1");
    await once(echo.#server, "listening");
    return echo;
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}
