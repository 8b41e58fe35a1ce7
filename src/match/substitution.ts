import { machineOf } from "./machine.ts";

/** Text, and groups by their number; 0 is all that matched. */
export type Substitution = readonly (string | number)[];

/**
 * Reads what RE2 puts in place of a match: `\0` to `\9` are groups, `\\` is a backslash.
 *
 * @returns null where a backslash stands before anything else
 */
export function parseSubstitution(text: string): Substitution | null {
  if (/\\(?![\d\\])/.test(text.replaceAll("\\\\", ""))) return null;
  return text.split(/(\\[\d\\])/).flatMap((part): Substitution => {
    if (part === "\\\\") return ["\\"];
    return part.startsWith("\\") ? [Number(part.slice(1))] : part === "" ? [] : [part];
  });
}

/**
 * After the first match a text's further ones may cost so much together, in instructions times characters. Each looks as far ahead
 * as it likes before it settles for a short match: of a pattern such as `a.*b|a` the time would grow with the square of the text.
 */
const MAX_WORK = 8_000_000;

/**
 * Replaces every part of a text that an RE2 pattern matches, as RE2's GlobalReplace does: an empty match right behind another
 * one counts for nothing.
 *
 * @param longest in characters: what would become longer, or would take too long, is null
 * @returns for a pattern that control could not compile, or that lacks a group, always null
 */
export function linkReplaceAll(pattern: string, rewrite: string, longest: number): (text: string) => string | null {
  const substitution = parseSubstitution(rewrite);
  const captures = machineOf(pattern)?.captures;
  if (substitution === null || captures === undefined) return () => null;
  if (substitution.some((part) => typeof part === "number" && part > captures.groups)) return () => null;
  return (text) => {
    let replaced = "";
    let behind = 0;
    let any = false;
    let work = 0;
    for (let from = 0; from <= text.length;) {
      const found = captures.search(text, from);
      if (found === undefined) return null;
      if (found === null) break;
      const [start = 0, end = 0] = found;
      from = end > start ? end : end + widthAt(text, end);
      if (any && start === end && start === behind) continue;
      replaced += text.slice(behind, start);
      for (const part of substitution) replaced += typeof part === "string" ? part : groupOf(text, found, part);
      if (replaced.length > longest) return null;
      behind = end;
      any = true;
      work += captures.instructions * (text.length - end);
      if (work > MAX_WORK) return null;
    }
    return any ? replaced + text.slice(behind) : text;
  };
}

function groupOf(text: string, found: Int32Array, group: number): string {
  return text.slice(Math.max(0, found[2 * group] ?? 0), Math.max(0, found[2 * group + 1] ?? 0));
}

function widthAt(text: string, at: number): number {
  return (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
}
