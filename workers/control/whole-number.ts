/** @returns undefined where there is none; null where it is no whole number */
export function wholeNumber(text: string | undefined): number | null | undefined {
  if (text === undefined) return undefined;
  return /^\d{1,15}$/.test(text) ? Number(text) : null;
}

/** How many a page has. @param usual where nobody asks @returns null where what is asked for is no whole number from 1 on */
export function pageSize(text: string | undefined, usual: number, most: number): number | null {
  const asked = wholeNumber(text) ?? (text === undefined ? usual : null);
  return asked === null || asked === 0 ? null : Math.min(asked, most);
}
