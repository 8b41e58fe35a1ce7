/** Scrapes at once; each holds a chunk of the text until its reader takes it. */
const MAX_SCRAPES = 64;
/** One whose reader has taken nothing for so long may be ended, so that nobody keeps a Prometheus out. */
const STALLED_MS = 5_000;

interface Scrape {
  /** Epoch ms: since when it waits for its reader. */
  waitsSince: number;
  readonly writer: WritableStreamDefaultWriter<Uint8Array>;
}

/** Texts on their way to whoever scrapes. */
export class Scrapes {
  readonly #open = new Set<Scrape>();
  readonly #pipe: () => TransformStream<Uint8Array, Uint8Array>;
  readonly #now: () => number;

  /** @param now epoch ms */
  constructor(pipe: () => TransformStream<Uint8Array, Uint8Array>, now: () => number) {
    this.#pipe = pipe;
    this.#now = now;
  }

  /** How many are under way. */
  get size(): number {
    return this.#open.size;
  }

  /**
   * @param chunksOf makes the text: asked for where there is room alone
   * @returns what is read, and when that has ended, one way or another; null: as many go on as there may be
   */
  start(
    chunksOf: () => Iterable<Uint8Array>,
  ): { readonly readable: ReadableStream<Uint8Array>; readonly done: Promise<void> } | null {
    if (this.#open.size >= MAX_SCRAPES && !this.#endStalled()) return null;
    const { readable, writable } = this.#pipe();
    const scrape: Scrape = { waitsSince: this.#now(), writer: writable.getWriter() };
    this.#open.add(scrape);
    return { readable, done: this.#pour(scrape, chunksOf()) };
  }

  /** Goes on as its reader reads, and ends where the reader leaves. Never rejects. */
  async #pour(scrape: Scrape, chunks: Iterable<Uint8Array>): Promise<void> {
    try {
      for (const chunk of chunks) {
        scrape.waitsSince = this.#now();
        await scrape.writer.write(chunk);
      }
      await scrape.writer.close();
    } catch {
      // The reader is gone, or it was ended here.
    } finally {
      this.#open.delete(scrape);
    }
  }

  /** Of those that wait too long the one that waits longest. @returns whether there was one */
  #endStalled(): boolean {
    const [longest] = [...this.#open].sort((one, other) => one.waitsSince - other.waitsSince);
    if (longest === undefined || this.#now() - longest.waitsSince < STALLED_MS) return false;
    this.#open.delete(longest);
    longest.writer.abort(new Error("another scrape takes its place")).catch(() => undefined);
    return true;
  }
}
