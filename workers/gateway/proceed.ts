import type { Call } from "./call.ts";

/**
 * One step of a call: null where the next may come, else the caller's answer. A step answers at once unless it must wait for
 * something that is not here, so that the usual call runs in one go up to the call of its service.
 */
export type Step<C, Reply> = (call: C) => Reply | null | Promise<Reply | null>;

/**
 * Goes through the steps, up to the first that answers. Nothing that a step throws passes.
 *
 * @param steps the promise of the last one never rejects
 * @returns null where none answered
 */
export function proceed<Reply, C extends Call<Reply>>(
  call: C,
  steps: readonly Step<C, Reply>[],
  from = 0,
): Reply | null | Promise<Reply | null> {
  try {
    for (let at = from; at < steps.length; at += 1) {
      const answer = steps[at]?.(call) ?? null;
      if (answer instanceof Promise) return at === steps.length - 1 ? answer : resume(call, steps, at, answer);
      if (answer !== null) return answer;
    }
    return null;
  } catch (error) {
    return call.broken(error);
  }
}

async function resume<Reply, C extends Call<Reply>>(
  call: C,
  steps: readonly Step<C, Reply>[],
  at: number,
  pending: Promise<Reply | null>,
): Promise<Reply | null> {
  try {
    return (await pending) ?? (await proceed(call, steps, at + 1));
  } catch (error) {
    return call.broken(error);
  }
}
