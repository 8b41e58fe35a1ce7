/**
 * JSON in one form: keys sorted by code unit, no blanks, absent fields left out. Equal values give equal text, so that a
 * slice can be named by the hash of its text.
 *
 * @param value plain data: no dates, maps, functions or cycles
 */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const fields = Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, field]) => `${JSON.stringify(key)}:${canonicalJson(field)}`);
  return `{${fields.join(",")}}`;
}
