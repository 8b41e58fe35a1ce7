import { styleText } from "node:util";

export const FORMATS = ["table", "json", "yaml", "kubeconfig", "text", "sarif"] as const;
export type Format = (typeof FORMATS)[number];
export type Style = "green" | "yellow" | "red" | "dim";

/** Data for the user or the next program. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Progress and messages, out of the way of the data. */
export function tell(text: string): void {
  process.stderr.write(`${text}\n`);
}

export function complain(kind: "error" | "warning", text: string): void {
  const style = kind === "error" ? "red" : "yellow";
  tell(`${styleText(style, `${kind}:`, { stream: process.stderr })} ${printable(text)}`);
}

/** @returns whether the format asked for is one of these, which are then done with */
export async function printStructured(format: Format, value: unknown): Promise<boolean> {
  if (format === "json") print(JSON.stringify(value, null, 2));
  else if (format === "yaml") {
    const { stringify } = await import("yaml");
    process.stdout.write(stringify(value, { lineWidth: 0 }));
  } else return false;
  return true;
}

/** On stdout, where that is a terminal that takes colour. */
export function paint(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stdout });
}

/** Text that others wrote may hold what moves a terminal's cursor or rewrites what stands there; lines are kept. */
export function printable(text: string): string {
  return text.replace(/[^\P{Cc}\n]/gu, (control) => `\\x${control.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

export type Cell = string | { readonly text: string; readonly style: Style };

/** As kubectl prints tables: a head in capitals, columns three spaces apart, no lines. */
export function printTable(head: readonly string[], rows: readonly (readonly Cell[])[]): void {
  const columns = head.map((name, at) => ({ head: name, cells: rows.map((row) => row[at] ?? "") }));
  for (const line of linesOf(columns)) print(line);
}

export interface Column {
  readonly head: string;
  readonly cells: readonly Cell[];
  /** Where not all have room the highest go first. Absent: it stays. */
  readonly rank?: number;
  /** Its texts may be cut. */
  readonly shrinks?: true;
}

/** Texts that are cut keep so much. */
const MIN_WIDTH = 12;
const GAP = 3;

/** A table that is no wider than that: without some columns, with shorter texts. */
export function fittingLines(columns: readonly Column[], width: number): readonly string[] {
  let kept = columns;
  while (widthOf(kept) > width) {
    const last = Math.max(...kept.map(({ rank = 0 }) => rank));
    if (last === 0) break;
    kept = kept.filter(({ rank = 0 }) => rank !== last);
  }
  for (let over = widthOf(kept) - width; over > 0; over = widthOf(kept) - width) {
    const most = Math.max(...kept.filter(({ shrinks }) => shrinks).map(widestOf));
    if (!(most > MIN_WIDTH)) break;
    const to = Math.max(MIN_WIDTH, most - over);
    kept = kept.map((column) => (column.shrinks && widestOf(column) === most ? cut(column, to) : column));
  }
  return linesOf(kept);
}

function cut(column: Column, width: number): Column {
  const cells = column.cells.map((cell) => {
    const text = plain(cell);
    // The end of a name tells most: `…iewpage-v1`.
    return text.length <= width ? text : `…${text.slice(text.length - width + 1)}`;
  });
  return { ...column, cells };
}

function widestOf({ head, cells }: Column): number {
  return Math.max(head.length, ...cells.map((cell) => plain(cell).length));
}

function widthOf(columns: readonly Column[]): number {
  return columns.reduce((sum, column) => sum + widestOf(column) + GAP, -GAP);
}

function plain(cell: Cell): string {
  return printable(typeof cell === "string" ? cell : cell.text).replaceAll("\n", " ");
}

function linesOf(columns: readonly Column[]): readonly string[] {
  const widths = columns.map(widestOf);
  const rows = Math.max(0, ...columns.map(({ cells }) => cells.length));
  const lines: (readonly Cell[])[] = [columns.map(({ head }) => head)];
  for (let row = 0; row < rows; row += 1) lines.push(columns.map(({ cells }) => cells[row] ?? ""));
  return lines.map((row) => {
    const cells = row.map((cell, at) => {
      const text = plain(cell);
      const padding = at === row.length - 1 ? "" : " ".repeat((widths[at] ?? 0) - text.length + GAP);
      return `${typeof cell === "string" || text === "" ? text : paint(cell.style, text)}${padding}`;
    });
    return cells.join("").trimEnd();
  });
}

/** A name and its value on each line, the values below each other. */
export function printFacts(facts: readonly (readonly [name: string, value: string])[]): void {
  const width = Math.max(...facts.map(([name]) => name.length));
  for (const [name, value] of facts) print(`${name.padEnd(width)}   ${printable(value)}`);
}
