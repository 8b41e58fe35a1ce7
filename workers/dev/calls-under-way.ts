/** What calls leave behind when they end (what they returned and somebody still calls, work in `waitUntil`) gets so long. */
const REST_MS = 150;
/** A body that still flows holds nobody back for longer: it may never end. */
const FLOW_MS = 1_000;
/** A call may never be answered. */
const ANSWER_MS = 5_000;
const PAUSE_MS = 10;

/** Calls of one process. */
export interface UnderWay {
  /** Of those that have not ended. */
  readonly calls: number;
  /** Of those that have no answer yet. */
  readonly unanswered: number;
}

/**
 * @param look is asked again and again
 * @returns when they have ended that are under way, or have taken too long
 */
export async function callsEnded(look: () => UnderWay): Promise<void> {
  const begun = Date.now();
  let last = look();
  let changedAt = begun;
  for (let now = begun; !isOver(last, now - changedAt, now - begun); now = Date.now()) {
    await scheduler.wait(PAUSE_MS);
    const next = look();
    if (next.calls !== last.calls || next.unanswered !== last.unanswered) changedAt = Date.now();
    last = next;
  }
}

/** @param quietMs for how long nothing has changed */
export function isOver({ calls, unanswered }: UnderWay, quietMs: number, waitedMs: number): boolean {
  if (waitedMs >= ANSWER_MS) return true;
  if (calls > 0 && unanswered > 0) return false;
  return quietMs >= (calls > 0 ? FLOW_MS : REST_MS);
}
