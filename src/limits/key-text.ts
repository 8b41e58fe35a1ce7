/** The parts of a key as one text, each with its length: no two keys are one, whatever stands in them (R33). */
export function keyText(parts: readonly string[]): string {
  return parts.map((part) => `${part.length}:${part}`).join("");
}
