import type { Call } from "./call.ts";

/**
 * Holds a call back for as long as its route's fault says. Its client's abort ends the wait at once.
 *
 * @returns whether the client is still there
 */
export async function holdBack({ journal, signal }: Call, delayMs: number): Promise<boolean> {
  journal.delayed = true;
  await scheduler.wait(delayMs, signal === null ? {} : { signal }).catch(() => undefined);
  return signal?.aborted !== true;
}
