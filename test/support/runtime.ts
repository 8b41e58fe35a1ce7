import { Miniflare, type MiniflareOptions } from "miniflare";
import { turn } from "./turn.ts";

/**
 * A runtime of a test's own. At its end its client waits for every answer that is under way, for ever where nobody reads it: a test
 * that looks at a status alone would hold the end up until the answer is collected. So what is still under way then is ended.
 * Nor is anything sent on a connection that the runtime has closed while this thread was busy or had no turn on a loaded machine.
 */
export class Runtime extends Miniflare {
  readonly #end = new AbortController();

  constructor(options: MiniflareOptions) {
    super(options);
    const ask = this.dispatchFetch;
    this.dispatchFetch = async (input, init) => {
      const own = init?.signal;
      await turn();
      const signal = own ? AbortSignal.any([own, this.#end.signal]) : this.#end.signal;
      return ask(input, { ...init, signal });
    };
  }

  override async dispose(): Promise<void> {
    this.#end.abort();
    await super.dispose();
  }
}
