/** Rows of one sort in a minute, of one isolate: enough to see who tries what, too few to fill a database. */
const ROWS_A_MINUTE = 20;
const MINUTE_MS = 60_000;

interface Minute {
  from: number;
  rows: number;
  leftOut: number;
}

/** Which refusals get a row of the audit: whoever sends many must not grow it without end. */
class Refusals {
  /** By verb and reason, of which the code has a few dozen. */
  readonly #minutes = new Map<string, Minute>();

  /** @returns how many were left out since the last row, where this one gets a row; null: it is left out too */
  take(sort: string, now: number): number | null {
    let minute = this.#minutes.get(sort);
    if (!minute) this.#minutes.set(sort, (minute = { from: now, rows: 0, leftOut: 0 }));
    if (now - minute.from >= MINUTE_MS || now < minute.from) {
      minute.from = now;
      minute.rows = 0;
    }
    if (minute.rows === ROWS_A_MINUTE) {
      minute.leftOut += 1;
      return null;
    }
    minute.rows += 1;
    const { leftOut } = minute;
    minute.leftOut = 0;
    return leftOut;
  }
}

export const refusals = new Refusals();
