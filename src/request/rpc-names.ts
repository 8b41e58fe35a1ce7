/** What a call may be named, and an entrypoint: as JavaScript writes names, and short. */
const NAME = /^[A-Za-z_$][\w$]{0,127}$/;

/** Names that mean something to the runtime or to JavaScript, on any object. */
const RESERVED: ReadonlySet<string> = new Set([
  ...Object.getOwnPropertyNames(Object.prototype),
  "then",
  "dup",
  "constructor",
  "fetch",
  "connect",
  "alarm",
  "queue",
  "scheduled",
  "tail",
  "tailStream",
  "trace",
  "test",
  "email",
]);

/** A caller may ask for any name: only so many are remembered. */
const REMEMBERED = 2_000;
const verdicts = new Map<string, boolean>();

/**
 * Whether a method or property of that name is passed on. No other name ever reaches a service: a runtime that is asked for
 * `queue` or `__defineGetter__` acts on the gateway itself.
 *
 * @param name untrusted
 */
export function isRpcName(name: string): boolean {
  let verdict = verdicts.get(name);
  if (verdict !== undefined) return verdict;
  verdict = NAME.test(name) && !RESERVED.has(name) && !name.startsWith("webSocket");
  if (verdict && verdicts.size < REMEMBERED) verdicts.set(name, verdict);
  return verdict;
}

/** Whether a Worker's entrypoint can stand in a path as it is. */
export function isEntrypointName(name: string): boolean {
  return NAME.test(name);
}
