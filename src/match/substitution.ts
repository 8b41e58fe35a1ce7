import { RE2JS } from "re2js";

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
 * @returns for a pattern that cannot be compiled, which was refused when it was applied, always null
 */
export function linkReplaceAll(pattern: string, rewrite: string, longest: number): (text: string) => string | null {
  const substitution = parseSubstitution(rewrite);
  const compiled = compile(pattern);
  if (substitution === null || compiled === null) return () => null;
  const instructions = compiled.programSize();
  return (text) => {
    const matcher = compiled.matcher(text);
    let replaced = "";
    let behind = 0;
    let any = false;
    let work = 0;
    while (matcher.find()) {
      const [start, end] = [matcher.start(), matcher.end()];
      if (any && start === end && start === behind) continue;
      replaced += text.slice(behind, start);
      for (const part of substitution) replaced += typeof part === "string" ? part : (matcher.group(part) ?? "");
      if (replaced.length > longest) return null;
      behind = end;
      any = true;
      work += instructions * (text.length - end);
      if (work > MAX_WORK) return null;
    }
    return any ? replaced + text.slice(behind) : text;
  };
}

function compile(pattern: string): RE2JS | null {
  try {
    return RE2JS.compile(pattern);
  } catch {
    return null;
  }
}
