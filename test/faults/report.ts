import { type Figure, isOnce, type Row } from "./row.ts";

export interface Result {
  readonly row: Row;
  readonly figures: readonly Figure[];
  /** Why it could not be tried to its end; null: it was. */
  readonly error: string | null;
  readonly ms: number;
  /** It is that of the last of so many tries. */
  readonly tries: number;
}

/** Whether it says little yet: a time that was tried once was missed, or the fault was not brought about. A wrong answer is one at the first try. */
export function isOpen({ figures, error }: Pick<Result, "figures" | "error">): boolean {
  const missed = figures.filter((figure) => !figure.holds);
  return error !== null || (missed.length > 0 && missed.every(isOnce));
}

const holds = ({ figures, error }: Result): boolean => error === null && figures.every((figure) => figure.holds);

export function tally(results: readonly Result[]): { readonly passed: number; readonly failed: number } {
  const passed = results.filter(holds).length;
  return { passed, failed: results.length - passed };
}

/** A row, and a line for each of its figures. */
export function described(result: Result): string {
  const { row, figures, error, ms, tries } = result;
  const again = tries > 1 ? `, at try ${tries}` : "";
  const head = `${row.id.padEnd(4)} ${holds(result) ? "passed" : "FAILED"} ${(ms / 1_000).toFixed(1).padStart(6)} s  ${row.fault}${again}`;
  const lines = figures.map(
    ({ what, seen, bar, holds: held }) => `     ${held ? "      " : "missed"} ${what}: ${seen} (${bar})`,
  );
  return [head, ...lines, ...(error === null ? [] : [`     ${error.slice(0, 2_000)}`])].join("\n");
}

export function summary(results: readonly Result[]): string {
  const { passed, failed } = tally(results);
  return `${passed} passed, ${failed} failed, 0 skipped`;
}

/** The table as docs have it. */
export function markdown(results: readonly Result[]): string {
  const rows = results.map(({ row, figures, error }) => {
    const seen =
      error === null ? figures.map(({ what, seen: is, bar }) => `${what}: ${is} (${bar})`).join("<br>") : "error";
    return `| ${row.id} | ${row.fault} | ${row.promise} | ${seen} |`;
  });
  return ["| row | fault | promise | seen (what must be) |", "| --- | --- | --- | --- |", ...rows].join("\n");
}
