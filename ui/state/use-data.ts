import { useEffect, useState } from "preact/hooks";
import { type Answered, call, type Refusal } from "./api.ts";

export interface Data<T> {
  /** The last good answer; undefined: none yet. */
  readonly value: T | undefined;
  /** Of the last call. */
  readonly error: Refusal | null;
  readonly again: () => void;
}

/**
 * What a path of the API answers, asked for again and again.
 *
 * @param path null: nothing is asked
 * @param everyMs 0: once
 */
export function useData<T>(path: string | null, everyMs = 0): Data<T> {
  const [state, setState] = useState<{ path: string | null; value?: T; error: Refusal | null }>({ path, error: null });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    if (path === null) return;
    const ended = new AbortController();
    let timer = 0;
    const ask = async (): Promise<void> => {
      const answer: Answered<T> = await call<T>(path, { signal: ended.signal });
      if (ended.signal.aborted) return;
      setState((before) =>
        answer.ok
          ? { path, value: answer.value, error: null }
          : { ...(before.path === path ? before : {}), path, error: answer.error },
      );
      // A page that nobody looks at asks for nothing.
      if (everyMs > 0) timer = window.setTimeout(() => void untilSeen().then(ask), everyMs);
    };
    void ask();
    return () => {
      ended.abort();
      window.clearTimeout(timer);
    };
  }, [path, everyMs, turn]);
  const isOf = state.path === path;
  return { value: isOf ? state.value : undefined, error: isOf ? state.error : null, again: () => setTurn(turn + 1) };
}

async function untilSeen(): Promise<void> {
  if (!document.hidden) return;
  return new Promise((seen) => {
    const look = (): void => {
      if (document.hidden) return;
      document.removeEventListener("visibilitychange", look);
      seen();
    };
    document.addEventListener("visibilitychange", look);
  });
}
