/** Characters that turn the order of others about: what somebody wrote would read as something else (CVE-2021-42574). */
const TURNING = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** A text with such characters written out: `\u202e`. */
export function visible(text: string): string {
  return text.replace(TURNING, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
