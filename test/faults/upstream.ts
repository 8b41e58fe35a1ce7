import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import type { AddressInfo } from "node:net";

/** What a service does with a request, once its head is there. */
export type Behaviour = (socket: Socket, path: string, method: string) => void;

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
/** Answers 503. */
export const fails = says("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n");

/** Says a head, then so many bytes, one each so often, and then nothing. */
export const drips =
  (head: string, bytes: number, everyMs: number): Behaviour =>
  (socket) => {
    let left = bytes;
    socket.write(head);
    const timer = setInterval(() => {
      left -= 1;
      if (left === 0) clearInterval(timer);
      socket.write("d");
    }, everyMs);
    socket.on("close", () => clearInterval(timer));
  };

/** A port belongs to the namespace that named it first: none is given to two services, even where the first is gone. */
const used = new Set<number>();

/** A service on plain TCP on loopback, which behaves as badly as it is told. Its requests have no bodies but short ones. */
export class Upstream {
  behaviour: Behaviour = answers;
  /** Requests that came, whole. */
  hits = 0;
  /** Requests whose body has begun and is not whole. */
  begun = 0;
  /** Connections that its clients closed while a request was unanswered. */
  left = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor() {
    this.#server = createServer((socket) => this.#take(socket));
  }

  static async start(): Promise<Upstream> {
    for (;;) {
      const upstream = new Upstream();
      upstream.#server.listen(0, "127.0.0.1");
      await once(upstream.#server, "listening");
      const { port } = upstream;
      if (!used.has(port)) {
        used.add(port);
        return upstream;
      }
      await upstream.stop();
    }
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** As it was at its start. */
  reset(): void {
    this.behaviour = answers;
    this.hits = this.left = 0;
    for (const socket of this.#sockets) socket.destroy();
  }

  #take(socket: Socket): void {
    this.#sockets.add(socket);
    let text = "";
    let isWaiting = false;
    let hasBegun = false;
    socket.setNoDelay(true);
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.#sockets.delete(socket);
      if (isWaiting) this.left += 1;
      if (hasBegun) this.begun -= 1;
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
        const isWhole = text.length >= end + 4 + length;
        if (hasBegun === isWhole) this.begun += isWhole ? -1 : 1;
        hasBegun = !isWhole;
        if (!isWhole) return;
        text = text.slice(end + 4 + length);
        this.hits += 1;
        isWaiting = true;
        const [method = "", path = ""] = head.split(" ");
        this.behaviour(socket, path, method);
      }
    });
  }

  async stop(): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}
