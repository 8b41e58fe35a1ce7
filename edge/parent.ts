/** Who started this process, looked up before anything else is loaded: what loads takes a second, in which it may be gone. */
const parent = process.ppid;
const LOOK_MS = 500;

/**
 * Calls back once, when the shell between npm and this process is gone. npm's signals end at that shell, which tells nobody;
 * started otherwise, a mesh outlives whoever started it.
 */
export function onEndOfNpm(ended: () => void): void {
  if (process.env["npm_lifecycle_event"] !== "start") return;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    ended();
  }, LOOK_MS);
  timer.unref();
}
