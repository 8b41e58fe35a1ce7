import type { StateApi } from "../../src/snapshot/rpc.ts";
import type { Tailed, TailedLine } from "../../src/snapshot/tail-model.ts";
import { inTime } from "./in-time.ts";

/** Characters that wait for control; what is more is left out, and counted. */
const MAX_WAITING = 1024 * 1024;
const TIMEOUT_MS = 2_000;

/** Lines for open tails on their way to control: at once, one call at a time, and never again. */
export class TailLines {
  readonly #control: StateApi;
  #lines: TailedLine[] = [];
  #characters = 0;
  #dropped: Record<string, number> = {};
  #sending = false;

  constructor(control: StateApi) {
    this.#control = control;
  }

  add({ lines, dropped }: Tailed): void {
    for (const line of lines) {
      if (this.#characters + line.text.length > MAX_WAITING) this.#drop(line);
      else {
        this.#characters += line.text.length;
        this.#lines.push(line);
      }
    }
    for (const [id, count] of Object.entries(dropped)) this.#dropped[id] = (this.#dropped[id] ?? 0) + count;
    if (!this.#sending) void this.#send();
  }

  #drop({ tails }: TailedLine): void {
    for (const id of tails) this.#dropped[id] = (this.#dropped[id] ?? 0) + 1;
  }

  /** Never rejects. */
  async #send(): Promise<void> {
    this.#sending = true;
    while (this.#lines.length > 0 || Object.keys(this.#dropped).length > 0) {
      const [lines, dropped] = [this.#lines, this.#dropped];
      this.#lines = [];
      this.#characters = 0;
      this.#dropped = {};
      try {
        await inTime(this.#control.tailed({ lines, dropped }), TIMEOUT_MS);
      } catch {
        // What observes does not insist. The counts of what was left out are small: they go with the next lines.
        for (const line of lines) this.#drop(line);
        for (const [id, count] of Object.entries(dropped)) this.#dropped[id] = (this.#dropped[id] ?? 0) + count;
        break;
      }
    }
    this.#sending = false;
  }
}
