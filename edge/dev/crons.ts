import { type Cron, readCron } from "../../src/deployment/cron.ts";

const MINUTE_MS = 60_000;

/** Fires cron triggers at the beginning of each minute, as the platform does; locally nobody else does. */
export class Crons {
  readonly #fire: (worker: string, cron: string) => void;
  readonly #workers = new Map<string, readonly { readonly text: string; readonly matches: Cron }[]>();
  #timer: NodeJS.Timeout | undefined;

  constructor(fire: (worker: string, cron: string) => void) {
    this.#fire = fire;
  }

  start(): void {
    this.#timer = setTimeout(
      () => {
        this.start();
        this.tick(new Date());
      },
      MINUTE_MS - (Date.now() % MINUTE_MS),
    );
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  /** @returns those that are no triggers */
  set(worker: string, texts: readonly string[]): readonly string[] {
    const read = texts.map((text) => ({ text, matches: readCron(text) }));
    this.#workers.set(
      worker,
      read.flatMap(({ text, matches }) => (matches === null ? [] : [{ text, matches }])),
    );
    return read.filter(({ matches }) => matches === null).map(({ text }) => text);
  }

  /** Fires what is due in this minute. */
  tick(time: Date): void {
    for (const [worker, crons] of this.#workers)
      for (const { text, matches } of crons) if (matches(time)) this.#fire(worker, text);
  }
}
