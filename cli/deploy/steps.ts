import { CommandError } from "../tulle/command-error.ts";
import { print, tell } from "../tulle/output.ts";

/** One thing to do, told in one line. */
export interface Step {
  /** `Worker orders-v1`. */
  readonly title: string;
  /** @returns how it went: `deployed`, `unchanged`. @throws CommandError with the words of what failed */
  readonly run: () => Promise<string>;
}

export interface Done {
  readonly step: string;
  readonly outcome: string;
  readonly ms: number;
}

/**
 * One after the other, each with its time.
 *
 * @param goOn what to do after a failure
 * @throws CommandError at the first that fails
 */
export async function runSteps(steps: readonly Step[], goOn: string, isQuiet: boolean): Promise<readonly Done[]> {
  const done: Done[] = [];
  for (const [index, { title, run }] of steps.entries()) {
    const place = `${String(index + 1).padStart(String(steps.length).length)}/${steps.length}`;
    const start = performance.now();
    if (process.stderr.isTTY) process.stderr.write(`${place}  ${title} …`);
    const outcome = await run().catch((error: unknown) => {
      clearLine();
      if (!(error instanceof Error)) throw error;
      throw new CommandError(`step ${place} failed: ${title}\n${indented(error.message)}\n${goOn}`);
    });
    clearLine();
    const ms = Math.round(performance.now() - start);
    done.push({ step: title, outcome, ms });
    (isQuiet ? tell : print)(`${place}  ${title}: ${outcome}  (${(ms / 1_000).toFixed(1)} s)`);
  }
  return done;
}

function clearLine(): void {
  if (process.stderr.isTTY) process.stderr.write("\r\u001b[K");
}

function indented(text: string): string {
  return text.replace(/^/gm, "  ");
}
