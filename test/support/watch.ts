import { within } from "./until.ts";

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

/** Reads a watch as it comes. */
export class WatchStream {
  readonly response: Response;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  readonly #decoder = new TextDecoder();
  readonly #events: WatchEvent[] = [];
  #text = "";
  #ended = false;

  constructor(response: Response) {
    this.response = response;
    if (response.ok) this.#reader = response.body?.getReader() as ReadableStreamDefaultReader<Uint8Array>;
  }

  /** The next event; fails where none comes. */
  async next(): Promise<WatchEvent> {
    while (this.#events.length === 0 && !this.#ended) await this.#read("an event");
    const event = this.#events.shift();
    if (!event) throw new Error("the watch has ended");
    return event;
  }

  /** Everything up to the end. */
  async rest(): Promise<readonly WatchEvent[]> {
    while (!this.#ended) await this.#read("the end of the watch");
    return this.#events.splice(0);
  }

  /** The answer of a watch that was refused. */
  async body(): Promise<Record<string, unknown>> {
    return (await this.response.json()) as Record<string, unknown>;
  }

  async close(): Promise<void> {
    await this.#reader?.cancel().catch(() => undefined);
  }

  async #read(what: string): Promise<void> {
    if (!this.#reader) throw new Error(`the watch was refused: ${this.response.status}`);
    const chunk = await within(what, 60_000, this.#reader.read());
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
