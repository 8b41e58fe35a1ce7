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
  process.stderr.write(`${printable(text)}\n`);
}

export function complain(kind: "error" | "warning" | "info", text: string): void {
  const style = kind === "error" ? "red" : kind === "warning" ? "yellow" : "dim";
  process.stderr.write(`${styleText(style, `${kind}:`, { stream: process.stderr })} ${printable(text)}\n`);
}

/** @returns whether the format asked for is one of these, which are then done with */
export async function printStructured(format: Format, value: unknown): Promise<boolean> {
  if (format === "json") print(printableJson(JSON.stringify(value, null, 2)));
  else if (format === "yaml") process.stdout.write(await printableYaml(value));
  else return false;
  return true;
}

/** @returns YAML that does nothing to a terminal: texts with controls stand in quotes, where they can be written out */
export async function printableYaml(value: unknown): Promise<string> {
  const { Document, visit } = await import("yaml");
  const document = new Document(value);
  visit(document, {
    Scalar: (_, scalar) => {
      if (typeof scalar.value === "string" && scalar.value.search(CONTROLS) >= 0) scalar.type = "QUOTE_DOUBLE";
    },
  });
  return printableJson(document.toString({ lineWidth: 0 }));
}

/** @returns the same JSON, or YAML with controls in double quotes alone, in a spelling that does nothing to a terminal */
export function printableJson(json: string): string {
  return json.replace(CONTROLS, (control) => `\\u${hexOf(control, 4)}`);
}

/** On stdout, where that is a terminal that takes colour. */
export function paint(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stdout });
}

/** What moves a terminal's cursor or rewrites what stands there, and what turns the direction of the text that follows. */
const CONTROLS = /[^\P{Cc}\n]|\p{Bidi_C}/gu;

/** Text that others wrote shows what controls it holds, and obeys none; lines are kept. */
export function printable(text: string): string {
  return text.replace(CONTROLS, (control) =>
    control > "\u00FF" ? `\\u${hexOf(control, 4)}` : `\\x${hexOf(control, 2)}`,
  );
}

function hexOf(character: string, digits: number): string {
  return character.charCodeAt(0).toString(16).padStart(digits, "0");
}

export type Cell = string | { readonly text: string; readonly style: Style };

/** A column by its head alone stays as it is. */
export type Head = string | Omit<Column, "cells">;

/**
 * As kubectl prints tables: a head in capitals, columns three spaces apart, no lines. On a terminal no line is wider than that; a
 * pipe or a file gets all of it.
 */
export function printTable(heads: readonly Head[], rows: readonly (readonly Cell[])[]): void {
  const columns = heads.map((head, at): Column => {
    const cells = rows.map((row) => row[at] ?? "");
    return typeof head === "string" ? { head, cells } : { ...head, cells };
  });
  for (const line of fittingLines(columns, terminalWidth())) print(line);
}

/** What a line of stdout may take; where that is no terminal there is no bound. */
export function terminalWidth(): number {
  return process.stdout.columns ?? Number.POSITIVE_INFINITY;
}

export interface Column {
  readonly head: string;
  readonly cells: readonly Cell[];
  /** Where not all have room the highest go first; 0 stays, and is cut before others go. Absent: it stays, and they go first. */
  readonly rank?: number;
  /** Its texts may be cut there: names at their front, since the end tells most (`…iewpage-v1`), sentences at their end. */
  readonly shrinks?: "front" | "end";
}

/** Texts that are cut keep so much. */
const MIN_WIDTH = 12;
const GAP = 3;

/** A table that is no wider than that: without some columns, then with shorter texts, at last with lines that are cut. */
export function fittingLines(columns: readonly Column[], width: number): readonly string[] {
  let kept = columns;
  while (neededFor(kept) > width) {
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
  return linesOf(kept, width);
}

function cut(column: Column, width: number): Column {
  const cells = column.cells.map((cell): Cell => {
    const text = plain(cell);
    if (text.length <= width) return cell;
    const short = column.shrinks === "end" ? cutEnd(text, width) : `…${text.slice(text.length - width + 1)}`;
    return typeof cell === "string" ? short : { ...cell, text: short };
  });
  return { ...column, cells };
}

/** At most so many characters of a text. */
export function cutEnd(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}

/** How much room these columns ask for before others go: what has a rank and may be cut is rather cut. */
function neededFor(columns: readonly Column[]): number {
  const least = (column: Column): number =>
    column.shrinks && column.rank !== undefined ? Math.min(MIN_WIDTH, widestOf(column)) : widestOf(column);
  return columns.reduce((sum, column) => sum + least(column) + GAP, -GAP);
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

function linesOf(columns: readonly Column[], width: number): readonly string[] {
  const widths = columns.map(widestOf);
  const rows = Math.max(0, ...columns.map(({ cells }) => cells.length));
  const lines: (readonly Cell[])[] = [columns.map(({ head }) => head)];
  for (let row = 0; row < rows; row += 1) lines.push(columns.map(({ cells }) => cells[row] ?? ""));
  return lines.map((row) => {
    let left = width;
    const cells = row.map((cell, at) => {
      const text = left > 0 ? cutEnd(plain(cell), left) : "";
      const padding = at === row.length - 1 ? "" : " ".repeat(Math.max(0, (widths[at] ?? 0) - text.length + GAP));
      left -= text.length + padding.length;
      return `${typeof cell === "string" || text === "" ? text : paint(cell.style, text)}${padding}`;
    });
    return cells.join("").trimEnd();
  });
}

/** A name and its value on each line, the values below each other. */
export function printFacts(facts: readonly (readonly [name: string, value: string])[]): void {
  const width = Math.max(...facts.map(([name]) => name.length));
  for (const [name, value] of facts) printFolded(`${name.padEnd(width)}   ${printable(value)}`, width + GAP);
}

/**
 * A line, on a terminal folded at its blanks: what is too long goes on below. A word that is longer than the terminal stays whole.
 *
 * @param indent of what goes on
 */
export function printFolded(line: string, indent: number): void {
  for (const part of foldedLines(line, indent, terminalWidth())) print(part);
}

export function foldedLines(line: string, indent: number, width: number): readonly string[] {
  const lines: string[] = [];
  let rest = line;
  let from = line.length - line.trimStart().length;
  while (rest.length > width) {
    const fits = rest.lastIndexOf(" ", width);
    const at = fits > from ? fits : rest.indexOf(" ", width);
    if (at < 0) break;
    lines.push(rest.slice(0, at).trimEnd());
    rest = " ".repeat(indent) + rest.slice(at + 1);
    from = indent;
  }
  return [...lines, rest];
}
