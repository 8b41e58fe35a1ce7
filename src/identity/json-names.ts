const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],]/g;

/**
 * Whether some object in a JSON text has a name twice: parsers differ in which of the two they take.
 *
 * @param json valid JSON
 */
export function hasDuplicateNames(json: string): boolean {
  /** Names of the objects around; null for a list. */
  const around: (Set<string> | null)[] = [];
  let nameNext = false;
  for (const [token] of json.matchAll(TOKEN)) {
    const names = around.at(-1) ?? null;
    if (token === "{" || token === "[") {
      around.push(token === "{" ? new Set() : null);
      nameNext = token === "{";
    } else if (token === "}" || token === "]") {
      around.pop();
      nameNext = false;
    } else if (token === ",") {
      nameNext = names !== null;
    } else if (nameNext && names !== null) {
      // As it is meant, not as it is written: `"a"` and `"\u0061"` are one name.
      const name = JSON.parse(token) as string;
      if (names.has(name)) return true;
      names.add(name);
      nameNext = false;
    }
  }
  return false;
}
