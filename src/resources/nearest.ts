/** Edits (insert, delete, replace) that turn one word into the other. */
function distance(first: string, second: string): number {
  let row = Array.from({ length: second.length + 1 }, (_, index) => index);
  for (const [i, a] of first.split("").entries()) {
    const next = [i + 1];
    for (const [j, b] of second.split("").entries())
      next.push(Math.min((next[j] ?? 0) + 1, (row[j + 1] ?? 0) + 1, (row[j] ?? 0) + (a === b ? 0 : 1)));
    row = next;
  }
  return row.at(-1) ?? 0;
}

const MAX_LENGTH = 64;

/** How far a word is from a known one that may be meant by it: they differ in case only, or by at most a third of its letters. */
export function editsWithin(word: string, known: string): number | null {
  const most = Math.max(1, Math.floor(known.length / 3));
  if (word.length > MAX_LENGTH || Math.abs(word.length - known.length) > most) return null;
  const edits = distance(word.toLowerCase(), known.toLowerCase());
  return edits <= most ? edits : null;
}

/** The known word that was probably meant. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const ranked = known
    .flatMap((candidate) => {
      const edits = editsWithin(word, candidate);
      return edits === null ? [] : { candidate, edits };
    })
    .toSorted((a, b) => a.edits - b.edits);
  return ranked[0]?.candidate;
}
