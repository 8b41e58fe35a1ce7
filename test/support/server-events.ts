import { type ServerEvent, serverEvents } from "../../cli/tulle/server-events.ts";

/** A reader of a server's events, which waits for what it is asked for. */
export class EventReader {
  readonly seen: ServerEvent[] = [];
  readonly #client = new AbortController();
  readonly #ended: Promise<void>;
  #wake: () => void = () => undefined;
  #isOver = false;

  private constructor(response: Response, client: AbortController) {
    this.#client = client;
    this.#ended = this.#read(response);
  }

  /** @throws with the status where it is refused */
  static async open(url: URL, headers: Record<string, string>): Promise<EventReader> {
    const client = new AbortController();
    const response = await fetch(url, { headers, signal: client.signal });
    if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`);
    return new EventReader(response, client);
  }

  async #read(response: Response): Promise<void> {
    try {
      const text = response.body!.pipeThrough(new TextDecoderStream()) as unknown as AsyncIterable<string>;
      for await (const event of serverEvents(text)) {
        this.seen.push(event);
        this.#wake();
      }
    } catch {
      // Aborted.
    }
    this.#isOver = true;
    this.#wake();
  }

  /** The data of the events of one kind, when there are so many. */
  async wait(event: string, count = 1): Promise<readonly Record<string, unknown>[]> {
    for (;;) {
      const found = this.seen.filter((each) => each.event === event);
      if (found.length >= count) return found.map(({ data }) => JSON.parse(data) as Record<string, unknown>);
      if (this.#isOver) throw new Error(`the stream ended with ${found.length} of ${count} \`${event}\``);
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /** Settles when the server ends it. */
  async end(): Promise<void> {
    await this.#ended;
  }

  async close(): Promise<void> {
    this.#client.abort();
    await this.#ended;
  }
}
