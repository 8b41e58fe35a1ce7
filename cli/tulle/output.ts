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
  const plain = (cell: Cell): string => printable(typeof cell === "string" ? cell : cell.text).replaceAll("\n", " ");
  const widths = head.map((name, at) => Math.max(name.length, ...rows.map((row) => plain(row[at] ?? "").length)));
  for (const row of [head, ...rows]) {
    const cells = row.map((cell, at) => {
      const text = plain(cell);
      const padding = at === row.length - 1 ? "" : " ".repeat((widths[at] ?? 0) - text.length + 3);
      return `${typeof cell === "string" || text === "" ? text : paint(cell.style, text)}${padding}`;
    });
    print(cells.join("").trimEnd());
  }
}

/** A name and its value on each line, the values below each other. */
export function printFacts(facts: readonly (readonly [name: string, value: string])[]): void {
  const width = Math.max(...facts.map(([name]) => name.length));
  for (const [name, value] of facts) print(`${name.padEnd(width)}   ${printable(value)}`);
}
