import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** One request as the echo service saw it. */
export interface Hit {
  readonly host: string;
  readonly target: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Names and values in turn, as they came. */
  readonly rawHeaders: readonly string[];
  /** Where it was asked: an endpoint's address, as the forwarder was told it. */
  readonly endpoint: string;
  /** Latin-1, whole once the answer is there; of large ones the beginning. */
  body: string;
  bytes: number;
}

interface EchoAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string;
}

/** What a case's service answers; null: as all others do. @param nth of the case's hits, from 1 on */
export type Behaviour = (hit: Hit, nth: number) => EchoAnswer | null;

const KEPT_BODY = 1_048_576;

/** The service behind every route of the cases: it keeps what it was asked. */
export class Echo {
  readonly hits: Hit[] = [];
  readonly #server: Server;
  #behaviour: Behaviour | null = null;
  #nth = 0;

  private constructor() {
    this.#server = createServer((request, response) => this.#answer(request, response));
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

  /** From now on, until the next case. */
  behave(behaviour: Behaviour | null): void {
    this.#behaviour = behaviour;
    this.#nth = 0;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const headers = Object.entries(request.headers).map(([name, value]) => [name, String(value)]);
    const hit: Hit = {
      host: request.headers.host ?? "",
      target: request.url ?? "",
      method: request.method ?? "",
      headers: Object.fromEntries(headers) as Record<string, string>,
      rawHeaders: request.rawHeaders,
      endpoint: request.headers["x-endpoint"]?.toString() ?? "",
      body: "",
      bytes: 0,
    };
    this.hits.push(hit);
    this.#nth += 1;
    const own = this.#behaviour?.(hit, this.#nth) ?? ownPath(hit);
    request.on("data", (part: Buffer) => {
      hit.bytes += part.length;
      if (hit.body.length < KEPT_BODY) hit.body += part.toString("latin1");
    });
    request.on("end", () => {
      // What a cache may keep, a later caller without the identity must not get.
      const { status = 200, body = "ok" } = own;
      const send = (): unknown =>
        response.writeHead(status, { "cache-control": "public, max-age=60", ...own.headers }).end(body);
      if (hit.target.split("?", 1)[0] === "/slow") setTimeout(send, 10_000).unref();
      else send();
    });
    request.on("error", () => undefined);
  }
}

/** What the base fixture says of single paths. */
function ownPath({ target, rawHeaders, headers }: Hit): EchoAnswer {
  const path = target.split("?", 1)[0];
  if (path === "/redir") return { status: 302, headers: { location: "https://evil.test/" } };
  if (path === "/resp-headers")
    return {
      headers: { "keep-alive": "timeout=5", "x-mesh-identity": "x", "x-envoy-upstream-service-time": "1" },
    };
  if (path !== "/reflect") return {};
  const mirrored: Record<string, string> = {};
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]?.toLowerCase() ?? "";
    if (!/^(?:host|connection|content-length|transfer-encoding|cache-control)$/.test(name))
      mirrored[name] = headers[name] ?? "";
  }
  return { headers: mirrored, body: JSON.stringify(headers) };
}
