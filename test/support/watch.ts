/** One event of a watch. */
export interface WatchEvent {
  readonly type: string;
  readonly object: {
    readonly kind: string;
    readonly apiVersion: string;
    readonly metadata: { readonly name: string; readonly namespace?: string; readonly resourceVersion: string };
    readonly [field: string]: unknown;
  };
}

/** How long an event may take before a test gives up. */
const PATIENCE_MS = 10_000;

/** Reads a watch as it comes. */
export class WatchStream {
  readonly response: Response;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  readonly #decoder = new TextDecoder();
  readonly #events: WatchEvent[] = [];
  #pending: ReturnType<ReadableStreamDefaultReader<Uint8Array>["read"]> | null = null;
  #text = "";
  #ended = false;

  constructor(response: Response) {
    this.response = response;
    if (response.ok) this.#reader = response.body?.getReader() as ReadableStreamDefaultReader<Uint8Array>;
  }

  /** The next event; fails where none comes. */
  async next(): Promise<WatchEvent> {
    const until = Date.now() + PATIENCE_MS;
    while (this.#events.length === 0 && !this.#ended && Date.now() < until) await this.#read(until - Date.now());
    const event = this.#events.shift();
    if (!event) throw new Error(this.#ended ? "the watch has ended" : "no event came");
    return event;
  }

  /** What comes within some time. */
  async seen(ms: number): Promise<readonly WatchEvent[]> {
    const until = Date.now() + ms;
    while (!this.#ended && Date.now() < until) await this.#read(until - Date.now());
    return this.#events.splice(0);
  }

  /** Everything up to the end. */
  async rest(): Promise<readonly WatchEvent[]> {
    const until = Date.now() + PATIENCE_MS;
    while (!this.#ended && Date.now() < until) await this.#read(until - Date.now());
    if (!this.#ended) throw new Error("the watch did not end");
    return this.#events.splice(0);
  }

  /** The answer of a watch that was refused. */
  async body(): Promise<Record<string, unknown>> {
    return (await this.response.json()) as Record<string, unknown>;
  }

  async close(): Promise<void> {
    await this.#reader?.cancel().catch(() => undefined);
  }

  async #read(ms: number): Promise<void> {
    if (!this.#reader) throw new Error(`the watch was refused: ${this.response.status}`);
    this.#pending ??= this.#reader.read();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<null>((resolve) => (timer = setTimeout(() => resolve(null), ms)));
    const chunk = await Promise.race([this.#pending, late]);
    clearTimeout(timer);
    if (chunk === null) return;
    this.#pending = null;
    if (chunk.done) {
      this.#ended = true;
      return;
    }
    this.#text += this.#decoder.decode(chunk.value, { stream: true });
    const lines = this.#text.split("\n");
    this.#text = lines.pop() ?? "";
    for (const line of lines) this.#events.push(JSON.parse(line) as WatchEvent);
  }
}
