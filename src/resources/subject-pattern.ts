import { isDnsLabel } from "./names.ts";

/** The parts of a token's subject by the names that a pattern gives them. */
export type MatchedParts = Readonly<Record<string, string>>;

const SEPARATOR = ":";
const NAMED = /^\{([a-z][A-Za-z0-9]*)\}$/;
const NAMES = /\{([a-z][A-Za-z0-9]*)\}/g;
const MAX_LENGTH = 1_024;

/**
 * Parts that anybody can bring about who may open a pull request: only a pattern that writes them out matches them. GitHub's
 * subject of such a run is `repo:OWNER/NAME:pull_request`, and its ref `refs/pull/N/merge`.
 */
function isOfPullRequest(part: string): boolean {
  return part === "pull_request" || part === "pull_request_target" || part.startsWith("refs/pull/");
}

/**
 * @param pattern parts separated by `:`, of which `*` is any and `{name}` is any and has a name; all others are meant as they stand
 * @returns why it is none, or null
 */
export function patternProblem(pattern: string): string | null {
  if (pattern.length > MAX_LENGTH) return `is longer than ${MAX_LENGTH} characters`;
  const parts = pattern.split(SEPARATOR);
  if (parts.includes("")) return "has an empty part: parts are separated by single `:`";
  const names = new Set<string>();
  for (const part of parts) {
    const [, name] = NAMED.exec(part) ?? [];
    if (name !== undefined && names.has(name)) return `names two parts \`{${name}}\``;
    if (name !== undefined) names.add(name);
    // Half a part would match `acme/shop-evil` where `acme/shop` was meant.
    else if (part !== "*" && /[*{}]/.test(part))
      return `has \`${part.slice(0, 64)}\`: a pattern matches whole parts, so \`*\` or \`{name}\` stands alone between two \`:\``;
  }
  return parts.every(isWild) ? "matches whatever the issuer signs: write out at least one part" : null;
}

function isWild(part: string): boolean {
  return part === "*" || NAMED.test(part);
}

/** Whether a part of a pattern, counted from 0, is written out. */
export function isWrittenOut(pattern: string, part: number): boolean {
  const text = pattern.split(SEPARATOR)[part];
  return text !== undefined && !isWild(text);
}

/** The names that a pattern gives to parts. */
export function namesIn(pattern: string): ReadonlySet<string> {
  return new Set(pattern.split(SEPARATOR).flatMap((part) => NAMED.exec(part)?.[1] ?? []));
}

/** @returns the parts that have names; null where the subject is another one */
export function matchSubject(pattern: string, subject: string): MatchedParts | null {
  const wanted = pattern.split(SEPARATOR);
  const parts = subject.split(SEPARATOR);
  if (subject.length > MAX_LENGTH || parts.length !== wanted.length) return null;
  const matched: Record<string, string> = {};
  for (const [at, want] of wanted.entries()) {
    const part = parts[at] ?? "";
    if (!isWild(want)) {
      if (part !== want) return null;
      continue;
    }
    if (part === "" || isOfPullRequest(part)) return null;
    const [, name] = NAMED.exec(want) ?? [];
    if (name !== undefined) matched[name] = part;
  }
  return matched;
}

/**
 * @param template a DNS label in which `{name}` may stand once
 * @param names those that the pattern gives
 * @returns why it can make no label, or null
 */
export function templateProblem(template: string, names: ReadonlySet<string>): string | null {
  const used = Array.from(template.matchAll(NAMES), ([, name = ""]) => name);
  const unknown = used.find((name) => !names.has(name));
  if (unknown !== undefined) return `takes \`{${unknown}}\`, which \`subject\` does not name`;
  // Of two parts beside each other nobody knows any more where the first one ended: others could bring about the same text.
  if (used.length > 1) return "takes two parts; it can take one";
  const label = isDnsLabel(template.replace(NAMES, "a"));
  return label
    ? null
    : "must be a DNS label (lower case, digits and `-`, at most 63), in which `{name}` may stand once";
}

/** @returns null where the part that was matched makes no DNS label */
export function fillTemplate(template: string, matched: MatchedParts): string | null {
  const filled = template.replace(NAMES, (_, name: string) =>
    Object.hasOwn(matched, name) ? (matched[name] ?? "") : "",
  );
  return isDnsLabel(filled) ? filled : null;
}

export function takesParts(template: string): boolean {
  return template.search(NAMES) >= 0;
}
