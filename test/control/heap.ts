/** Memory of one isolate, by its inspector. */
export class Heap {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (result: Readonly<Record<string, number>>) => void>();
  #calls = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => {
      const { id, result } = JSON.parse(String(data)) as { id?: number; result?: Readonly<Record<string, number>> };
      if (id !== undefined) this.#waiting.get(id)?.(result ?? {});
    });
  }

  static async open(url: string): Promise<Heap> {
    const socket = new WebSocket(url);
    await new Promise((resolve, reject) => {
      socket.addEventListener("open", resolve, { once: true });
      socket.addEventListener("error", reject, { once: true });
    });
    return new Heap(socket);
  }

  /** All of the heap that it holds, and what stands outside of it for its objects: bytes of buffers. */
  async bytes(): Promise<number> {
    const {
      totalSize = NaN,
      backingStorageSize = 0,
      embedderHeapUsedSize = 0,
    } = await this.#call("Runtime.getHeapUsage");
    return totalSize + backingStorageSize + embedderHeapUsedSize;
  }

  /** What of the heap is used. */
  async used(): Promise<number> {
    return (await this.#call("Runtime.getHeapUsage"))["usedSize"] ?? NaN;
  }

  /** Asks for it: the runtime does not answer while requests are under way. */
  collectGarbage(): void {
    this.#send("HeapProfiler.collectGarbage");
  }

  close(): void {
    this.#socket.close();
  }

  async #call(method: string): Promise<Readonly<Record<string, number>>> {
    return new Promise((resolve) => this.#waiting.set(this.#send(method), resolve));
  }

  #send(method: string): number {
    this.#calls += 1;
    this.#socket.send(JSON.stringify({ id: this.#calls, method }));
    return this.#calls;
  }
}
