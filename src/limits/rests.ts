/** Nobody is refused longer without the limiter being asked: there may be room again, or somebody took the count back to zero. */
export const MAX_REST_MS = 1_000;
/** Who rests for longer than this is one of many that are refused: one request of it alone asks then, and a turn follows what it gets. */
export const LONG_REST_MS = 500;
/** Where more isolates refuse one key than the limiter could hear once a second it says when each comes back: so late at most. */
export const MAX_TURN_MS = 60_000;
