/** Far longer than any event takes on the busiest machine that tests run on, and shorter than a test may take. */
const PATIENCE_MS = 110_000;
const PAUSE_MS = 20;

/** What takes time in proportion takes a hundredth of this; what does not takes far longer. The timeout of a test of it. */
export const HANG_MS = 20_000;

type Truthy<T> = Exclude<T, false | null | undefined | 0 | "">;

/**
 * Waits for an event: asks `probe` again and again until what it gives is truthy, and returns that. A probe that throws
 * (a connection that is refused meanwhile) means "not yet".
 *
 * @param what the event, in words: the error that gives up names it, and what the probe said last
 */
export async function until<T>(
  what: string,
  probe: () => Promise<T> | T,
  patienceMs = PATIENCE_MS,
): Promise<Truthy<T>> {
  let [last, over]: [unknown, boolean] = [undefined, false];
  const asked = async (): Promise<Truthy<T>> => {
    for (;;) {
      try {
        const seen = await probe();
        if (seen) return seen as Truthy<T>;
        last = seen;
      } catch (error) {
        last = error;
      }
      if (over) throw new Error(`given up: ${what}`);
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  };
  try {
    return await within(() => `${what}; last: ${String(last)}`, patienceMs, asked());
  } finally {
    over = true;
  }
}

/** What `promise` gives. @throws after `patienceMs`, naming what was waited for: a bound on a hang, no measurement */
export async function within<T>(what: string | (() => string), patienceMs: number, promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`waited ${patienceMs} ms in vain for: ${typeof what === "string" ? what : what()}`));
    }, patienceMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
