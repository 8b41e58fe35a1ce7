/** How a call ended: well, or by Envoy's flag for what broke it. */
export type End = "ok" | "DC" | "UC" | "UT";

/**
 * What a call holds until its end: a slot, and the duty to log and count it. Open it before the first `await`.
 *
 * A client's reset stops the handler wherever it awaits, and neither `catch` nor `finally` need run; only a promise that is
 * pending in `waitUntil` keeps the rest alive. So everything that must happen hangs on `onEnd`, which runs exactly once:
 * for the first of the answer's end, a failure, and the client's abort.
 *
 * @returns ends the lease; a second call does nothing
 */
export function openLease(
  ctx: Pick<ExecutionContext, "waitUntil">,
  signal: AbortSignal,
  onEnd: (end: End) => void,
): (end: End) => void {
  let open = true;
  const { promise, resolve } = Promise.withResolvers<void>();
  const end = (how: End): void => {
    if (!open) return;
    open = false;
    try {
      onEnd(how);
    } finally {
      resolve();
    }
  };
  ctx.waitUntil(promise);
  if (signal.aborted) end("DC");
  else signal.addEventListener("abort", () => end("DC"));
  return end;
}
