/** Who started this process, looked up before anything else is loaded: what loads takes a second, in which it may be gone. */
const parent = process.ppid;
const LOOK_MS = 500;

/** Calls back once, when the program that started this one is gone. */
export function onEndOfParent(ended: () => void): void {
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    ended();
  }, LOOK_MS);
  timer.unref();
}

/**
 * Calls back once, when the shell between npm (or npx) and this process is gone. npm's signals end at that shell, which tells
 * nobody; started otherwise, a mesh outlives whoever started it.
 *
 * @param isNpms told npm's name for what it runs, a script's or `npx`: whether this process is it
 */
export function onEndOfNpm(isNpms: (event: string) => boolean, ended: () => void): void {
  const event = process.env["npm_lifecycle_event"];
  if (event !== undefined && isNpms(event)) onEndOfParent(ended);
}
