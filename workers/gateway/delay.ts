import { pick } from "./admit.ts";
import type { Call } from "./call.ts";

/** Holds a call as long as a rehearsal says, in the place of a service that is slow: its slot is taken, and it is not sent yet. */
export function rehearseDelay<Reply>(call: Call<Reply>): Reply | null | Promise<Reply | null> {
  return call.forward.heldMs === 0 ? null : held(call, call.forward.heldMs);
}

async function held<Reply>(call: Call<Reply>, heldMs: number): Promise<Reply | null> {
  if (!(await holdBack(call, heldMs))) return call.gone();
  // Meanwhile the endpoint may have been ejected.
  return pick(call, Date.now());
}

/**
 * Holds a call back for so long. Its client's abort ends the wait at once.
 *
 * @returns whether the client is still there
 */
export async function holdBack({ journal, signal }: Call, delayMs: number): Promise<boolean> {
  journal.delayed = true;
  await scheduler.wait(delayMs, signal === null ? {} : { signal }).catch(() => undefined);
  return signal?.aborted !== true;
}
