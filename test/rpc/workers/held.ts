import { RpcTarget, WorkerEntrypoint } from "cloudflare:workers";

/** How calls began, by version; how many answers went out, and how many of them were let go of. */
const counts = { began: 0, answered: 0, disposed: 0 };
const byVersion: Record<string, number> = {};
const door = { open: false };

/** An event of another request cannot wake anybody here: it is looked for. */
const LOOK_MS = 5;
/** So long a call is held open at most where nobody lets go of its answer. */
const HELD_MS = 60_000;

class Answer extends RpcTarget {
  readonly #disposed = Promise.withResolvers<void>();

  holding(ctx: ExecutionContext): Answer {
    ctx.waitUntil(Promise.race([this.#disposed.promise, scheduler.wait(HELD_MS)]));
    return this;
  }

  word(): string {
    return "answered";
  }

  [Symbol.dispose](): void {
    counts.disposed += 1;
    this.#disposed.resolve();
  }
}

/** A service that answers when it is told to. */
export default class Held extends WorkerEntrypoint<unknown, { readonly version: string }> {
  async hold(): Promise<Answer> {
    const { version } = this.ctx.props;
    byVersion[version] = (byVersion[version] ?? 0) + 1;
    counts.began += 1;
    while (!door.open) await scheduler.wait(LOOK_MS);
    counts.answered += 1;
    return new Answer().holding(this.ctx);
  }

  /** Reads to the end, which comes when the caller says so. */
  async drink(stream: ReadableStream<Uint8Array>): Promise<string> {
    counts.began += 1;
    let bytes = 0;
    for await (const chunk of stream) bytes += chunk.byteLength;
    return String(bytes);
  }

  /** Waits for what its caller says. */
  async listen(callback: () => Promise<string>): Promise<string> {
    counts.began += 1;
    return callback();
  }

  /** Writes what nobody may read any more. */
  async pour(stream: WritableStream<Uint8Array>): Promise<string> {
    counts.began += 1;
    const writer = stream.getWriter();
    for (;;) await writer.write(new Uint8Array(65_536));
  }

  get held(): Promise<Answer> {
    return this.hold();
  }

  quick(): string {
    const { version } = this.ctx.props;
    byVersion[version] = (byVersion[version] ?? 0) + 1;
    return version;
  }
}

export class Doorkeeper extends WorkerEntrypoint {
  counts(): typeof counts & { readonly byVersion: typeof byVersion } {
    return { ...counts, byVersion };
  }

  /** From now on calls are answered, or held. */
  set(isOpen: boolean): void {
    door.open = isOpen;
  }
}
