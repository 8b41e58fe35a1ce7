import { text } from "./fields.ts";

/** Where something is: `region/zone/subzone`, or the beginning of it. */
export const locality = text(
  (value) => /^[^/*\s]+(\/[^/*\s]+){0,2}$/.test(value),
  "`region`, `region/zone` or `region/zone/subzone`",
);

/** @returns what is wrong with a locality that may end with `*`, among those before it; null: nothing */
export function areaProblem(area: string, before: readonly string[]): string | null {
  if (hasEmptyPart(area)) return "has an empty region, zone or subzone";
  const wildcard = area.indexOf("*");
  if (wildcard >= 0 && wildcard < area.length - 1) return "may have one `*`, at its end";
  const overlapped = before.find((earlier) => overlaps(earlier, area));
  return overlapped === undefined ? null : `overlaps \`${overlapped}\``;
}

function hasEmptyPart(value: string): boolean {
  return value.split("/").some((part) => part === "");
}

/** What is more specific may stand before a wildcard that holds it, but not after. */
function overlaps(earlier: string, area: string): boolean {
  const own = area.split("/");
  return earlier.split("/").every((part, at) => part === "*" || own[at] === undefined || part === own[at]);
}
