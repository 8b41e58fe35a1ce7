import { MAX_DEPTH } from "./plain.ts";

/** What `JSON.parse` does not tell. Offsets are in UTF-16 units. */
type Scan =
  | { readonly ok: false; readonly message: string; readonly offset: number }
  | {
      readonly ok: true;
      /** Where the members of the outermost list begin, or those of the list `items` of the outermost object. */
      readonly members: readonly number[];
    };

interface Level {
  /** Keys seen so far; null in a list. */
  readonly keys: Set<string> | null;
  key: string;
  isKeyNext: boolean;
}

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

/** Looks for repeated keys and for depth in a text that is known to be JSON. */
export function scanJson(text: string): Scan {
  const levels: Level[] = [];
  const members: number[] = [];
  for (const { 0: token, index: offset } of text.matchAll(TOKEN)) {
    const level = levels.at(-1);
    if (token === "}" || token === "]") levels.pop();
    else if (token === ",") {
      if (level !== undefined) level.isKeyNext = level.keys !== null;
    } else if (token === ":") continue;
    else if (level?.isKeyNext === true) {
      const key: unknown = JSON.parse(token);
      level.key = String(key);
      level.isKeyNext = false;
      if (level.keys?.has(level.key) === true)
        return { ok: false, message: `\`${level.key.slice(0, 64)}\` is there twice`, offset };
      level.keys?.add(level.key);
    } else {
      const inItems = levels.length === 2 && level?.keys === null && levels[0]?.key === "items";
      if ((levels.length === 1 && level?.keys === null) || inItems) members.push(offset);
      if (token !== "{" && token !== "[") continue;
      if (levels.length === MAX_DEPTH) return { ok: false, message: `nested deeper than ${MAX_DEPTH}`, offset };
      levels.push({ keys: token === "{" ? new Set() : null, key: "", isKeyNext: token === "{" });
    }
  }
  return { ok: true, members };
}
