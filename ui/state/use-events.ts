import { useEffect, useState } from "preact/hooks";
import { session } from "./api.ts";
import { type SseEvent, sseReader } from "../sse.ts";

export type Stream = "closed" | "opening" | "open" | { readonly problem: string };

/**
 * Events of a path, as long as it is given.
 *
 * @param path null: none are asked for
 * @param onEvents is told what came together
 */
export function useEvents(path: string | null, onEvents: (events: readonly SseEvent[]) => void): Stream {
  const [stream, setStream] = useState<Stream>("closed");
  useEffect(() => {
    if (path === null) return setStream("closed");
    const ended = new AbortController();
    setStream("opening");
    void follow(path, ended.signal, onEvents, setStream);
    return () => ended.abort();
  }, [path]);
  return stream;
}

async function follow(
  path: string,
  signal: AbortSignal,
  onEvents: (events: readonly SseEvent[]) => void,
  tell: (stream: Stream) => void,
): Promise<void> {
  try {
    const response = await fetch(`/ui${path}`, { headers: { accept: "text/event-stream" }, signal });
    if (response.status === 401) session.value = null;
    if (!response.ok || response.body === null) {
      const { message = `control answered ${response.status}` } = (await response.json()) as { message?: string };
      return tell({ problem: `${response.status === 403 ? "Your permission is missing: " : ""}${message}` });
    }
    tell("open");
    const read = sseReader();
    const pieces = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let piece = await pieces.read(); !piece.done; piece = await pieces.read()) {
      const events = read(piece.value);
      if (events.length > 0) onEvents(events);
    }
    tell({ problem: "The stream has ended." });
  } catch (error) {
    if (!signal.aborted) tell({ problem: `The stream broke off: ${String(error)}` });
  }
}
