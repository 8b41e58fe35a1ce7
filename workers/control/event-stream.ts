/** What waits for one slow reader. */
const MAX_WAITING_CHARACTERS = 1024 * 1024;
const MAX_CHUNK_CHARACTERS = 64 * 1024;
/** A reader that is gone shows where it is written to, mostly at the second time. */
const KEEP_ALIVE_MS = 2_000;

/** Server-sent events (WHATWG HTML §9.2) to one reader, who may be slow or gone. */
export class EventStream {
  readonly readable: ReadableStream;
  readonly #onEnd: () => void;
  readonly #encoder = new TextEncoder();
  readonly #keepAlive: ReturnType<typeof setInterval>;
  #waiting: string[] = [];
  #characters = 0;
  #ended = false;
  #wake: (() => void) | null = null;

  /** @param onEnd runs once, whoever ends it */
  constructor(onEnd: () => void) {
    this.#onEnd = onEnd;
    const { readable, writable } = new IdentityTransformStream();
    this.readable = readable;
    this.#keepAlive = setInterval(() => this.#push(": keep-alive\n\n"), KEEP_ALIVE_MS);
    void this.#pump(writable.getWriter());
  }

  /**
   * @param data one line
   * @returns false where too much waits for the reader: this event is lost
   */
  send(event: string, data: string): boolean {
    return this.#push(`event: ${event}\ndata: ${data}\n\n`);
  }

  /** Writes what says nothing: a reader who is gone shows by it. */
  probe(): void {
    this.#push(": are you there\n\n");
  }

  /** What waits for the reader is lost: who may see no more must not get what was held for them. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#waiting = [];
    this.#characters = 0;
    clearInterval(this.#keepAlive);
    this.#onEnd();
    this.#wake?.();
  }

  #push(text: string): boolean {
    if (this.#ended || this.#characters + text.length > MAX_WAITING_CHARACTERS) return false;
    this.#waiting.push(text);
    this.#characters += text.length;
    this.#wake?.();
    return true;
  }

  /** Never rejects. */
  async #pump(writer: WritableStreamDefaultWriter): Promise<void> {
    writer.closed.catch(() => this.end());
    try {
      for (;;) {
        const chunk = this.#next();
        if (chunk !== "") await writer.write(this.#encoder.encode(chunk));
        else if (this.#ended) break;
        else await new Promise<void>((resolve) => (this.#wake = resolve));
      }
      await writer.close();
    } catch {
      this.end();
    }
  }

  #next(): string {
    let chunk = "";
    let count = 0;
    for (const text of this.#waiting) {
      if (count > 0 && chunk.length + text.length > MAX_CHUNK_CHARACTERS) break;
      chunk += text;
      count += 1;
    }
    this.#waiting.splice(0, count);
    this.#characters -= chunk.length;
    return chunk;
  }
}
