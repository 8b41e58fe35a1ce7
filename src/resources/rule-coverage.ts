import { type HttpMatchSpec, matchesAll } from "./http-match.ts";
import type { Report } from "./report.ts";
import type { StringMatchSpec } from "./string-match.ts";

/** As much of a rule as says what it takes. */
interface Rule {
  readonly match?: readonly HttpMatchSpec[];
  /** It goes on to the next rule where the delegate has none for the request. */
  readonly delegate?: unknown;
}

/** A match block, and where it stands: `http[0].match[1]`. */
interface Placed {
  readonly block: HttpMatchSpec;
  readonly name: string;
}

/**
 * Warns of rules, and of blocks of a rule, that take nothing, since what stands before them takes it all. What is told is so;
 * not all that is so is told, as of what several blocks cover together.
 *
 * @param gateways of the VirtualService
 * @param report of the list of rules
 */
export function checkCoverage(rules: readonly Rule[], gateways: readonly string[], report: Report): void {
  const before = new Blocks(gateways);
  for (const [index, { match = [], delegate }] of rules.entries()) {
    const place = report.at(index);
    const blocks = match.length === 0 ? [{}] : match;
    const covers = blocks.map((block) => before.coverOf(block));
    const [first] = covers;
    if (first && covers.every((cover) => cover !== null)) {
      const what = matchesAll(first.block) ? "matches every request" : "matches whatever it does";
      place.warn(`never reached: \`${first.name}\` before it ${what}`, "TULLE0201");
      continue;
    }
    const own = new Blocks(gateways);
    for (const [at, block] of blocks.entries()) {
      const cover = covers[at] ?? own.coverOf(block);
      if (cover) place.at("match", at).warn(`adds nothing: \`${cover.name}\` matches whatever it does`, "TULLE0202");
      const placed = { block, name: match.length === 0 ? `http[${index}]` : `http[${index}].match[${at}]` };
      own.add(placed);
      if (delegate === undefined) before.add(placed);
    }
  }
}

/** With how many of one kind a block is compared: the work stays in proportion to the rules. */
const MOST_COMPARED = 100;

/** Blocks by what they want of the path, so that one is compared with those alone that may cover it. */
class Blocks {
  readonly #gateways: readonly string[];
  readonly #byPath = new Map<string, Placed[]>();

  constructor(gateways: readonly string[]) {
    this.#gateways = gateways;
  }

  add(placed: Placed): void {
    const key = keyOf(placed.block);
    const known = this.#byPath.get(key);
    if (known) known.push(placed);
    else this.#byPath.set(key, [placed]);
  }

  /** @returns one that takes every request that the block would take; null where none is found */
  coverOf(block: HttpMatchSpec): Placed | null {
    for (const key of coveringKeys(block))
      for (const placed of (this.#byPath.get(key) ?? []).slice(0, MOST_COMPARED))
        if (covers(placed.block, block, this.#gateways)) return placed;
    return null;
  }
}

const ANY_PATH = "any";

function keyOf({ uri, ignoreUriCase }: HttpMatchSpec): string {
  if (uri === undefined || isAnyPath(uri)) return ANY_PATH;
  if (uri.regex !== undefined) return `regex ${uri.regex}`;
  const kind = uri.exact === undefined ? "prefix" : "exact";
  const path = uri.exact ?? uri.prefix ?? "";
  return ignoreUriCase === true ? `${kind}-of-any-case ${path.toLowerCase()}` : `${kind} ${path}`;
}

function isAnyPath({ prefix, regex }: StringMatchSpec): boolean {
  return prefix === "" || prefix === "/" || regex === ".*";
}

/** The keys of what a block's path is covered by. */
function* coveringKeys({ uri, ignoreUriCase }: HttpMatchSpec): Generator<string> {
  yield ANY_PATH;
  if (uri === undefined) return;
  if (uri.regex !== undefined) yield `regex ${uri.regex}`;
  const path = uri.exact ?? uri.prefix;
  if (path === undefined) return;
  const forms = [["-of-any-case", path.toLowerCase()], ...(ignoreUriCase === true ? [] : [["", path]])];
  for (const [form = "", text = ""] of forms) {
    if (uri.exact !== undefined) yield `exact${form} ${text}`;
    for (let length = 1; length <= text.length; length += 1) yield `prefix${form} ${text.slice(0, length)}`;
  }
}

/** Whether every request that `block` takes is taken by `wider`, whose path covers that of `block`. */
function covers(wider: HttpMatchSpec, block: HttpMatchSpec, gateways: readonly string[]): boolean {
  const { name: _n, statPrefix: _s, uri: _u, ignoreUriCase: _i, port = 0, ...rest } = wider;
  const {
    headers = {},
    withoutHeaders = {},
    queryParams = {},
    scheme,
    method,
    authority,
    gateways: at,
    ...others
  } = rest;
  if (port !== 0 && port !== block.port) return false;
  if (at !== undefined || block.gateways !== undefined)
    if (!(block.gateways ?? gateways).every((gateway) => (at ?? gateways).includes(gateway))) return false;
  const texts = [
    [scheme, block.scheme],
    [method, block.method],
    [authority, block.authority],
  ] as const;
  return (
    texts.every(([wanted, given]) => wanted === undefined || (given !== undefined && holds(wanted, given))) &&
    allHold(headers, block.headers) &&
    allHold(queryParams, block.queryParams, asWritten) &&
    entriesOf(withoutHeaders).every(([name, match]) =>
      entriesOf(block.withoutHeaders).some(([other, same]) => other === name && isSame(match, same)),
    ) &&
    Object.entries(others).every(([key, value]) => isSame(value, (block as Fields)[key]))
  );
}

type Matches = Readonly<Record<string, StringMatchSpec>>;
type Fields = Readonly<Record<string, unknown>>;

const asWritten = (name: string): string => name;
const lowered = (name: string): string => name.toLowerCase();

/** A header may be there in two spellings, and then both must hold. */
function entriesOf(matches: Matches = {}, form = lowered): readonly (readonly [string, StringMatchSpec])[] {
  return Object.entries(matches).map(([name, match]) => [form(name), match]);
}

function allHold(wanted: Matches, given: Matches | undefined, form = lowered): boolean {
  return entriesOf(wanted, form).every(([name, match]) =>
    entriesOf(given, form).some(([other, narrower]) => other === name && (isPresent(match) || holds(match, narrower))),
  );
}

function isPresent({ exact, prefix, regex }: StringMatchSpec): boolean {
  return (exact ?? prefix ?? regex) === undefined || regex === "*";
}

/** Whether each value that `given` takes is one that `wanted` takes. */
function holds(wanted: StringMatchSpec, given: StringMatchSpec): boolean {
  if (wanted.exact !== undefined) return wanted.exact === given.exact;
  if (wanted.prefix !== undefined) return (given.exact ?? given.prefix)?.startsWith(wanted.prefix) ?? false;
  return wanted.regex !== undefined && (wanted.regex === ".*" || wanted.regex === given.regex);
}

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
