import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import type { AddressInfo } from "node:net";

/** What a service does with a request, once its head is there. */
export type Behaviour = (socket: Socket, path: string) => void;

const OK = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/** Answers well. */
export const answers: Behaviour = (socket) => void socket.write(OK);
/** Takes the request and says nothing. */
export const isSilent: Behaviour = () => undefined;
/** Breaks the connection off before it answered. */
export const resets: Behaviour = (socket) => void socket.resetAndDestroy();
/** Says these bytes. */
export const says =
  (bytes: string): Behaviour =>
  (socket) =>
    void socket.write(Buffer.from(bytes, "latin1"));

/** A service on plain TCP on loopback, which behaves as badly as it is told. Its requests have no bodies but short ones. */
export class Upstream {
  behaviour: Behaviour = answers;
  /** Requests that came. */
  hits = 0;
  /** Connections that its clients closed while a request was unanswered. */
  left = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor() {
    this.#server = createServer((socket) => this.#take(socket));
  }

  static async start(): Promise<Upstream> {
    const upstream = new Upstream();
    upstream.#server.listen(0, "127.0.0.1");
    await once(upstream.#server, "listening");
    return upstream;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  #take(socket: Socket): void {
    this.#sockets.add(socket);
    let text = "";
    let isWaiting = false;
    socket.setNoDelay(true);
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.#sockets.delete(socket);
      if (isWaiting) this.left += 1;
    });
    const write = socket.write.bind(socket);
    // What it says ends the wait, whatever says it.
    socket.write = ((...given: Parameters<typeof write>) => {
      isWaiting = false;
      return write(...given);
    }) as typeof socket.write;
    socket.on("data", (data: Buffer) => {
      text += data.toString("latin1");
      for (let end = text.indexOf("\r\n\r\n"); end !== -1; end = text.indexOf("\r\n\r\n")) {
        const head = text.slice(0, end);
        const length = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
        if (text.length < end + 4 + length) return;
        text = text.slice(end + 4 + length);
        this.hits += 1;
        isWaiting = true;
        this.behaviour(socket, head.split(" ")[1] ?? "");
      }
    });
  }

  async stop(): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}
