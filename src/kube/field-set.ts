import { err, ok, type Result } from "../result.ts";
import { canonicalJson } from "../snapshot/canonical.ts";

/**
 * A set of field paths as a tree. A child is named by its path element, written as in FieldsV1:
 * `f:NAME` a field, `k:{"port":80}` the member of a list by its key fields (JSON, sorted), `v:VALUE` the member of a list
 * by its value (JSON), `i:N` by its place.
 *
 * A child that holds nothing does not occur: equal sets have equal trees.
 */
export interface FieldSet {
  /** Whether the path that leads here is itself in the set. Never at the root. */
  readonly member: boolean;
  readonly children: ReadonlyMap<string, FieldSet>;
}

/** `{"f:spec":{"f:action":{}}}`: `{}` is a path of the set; one with others below it says so by `".":{}`. */
export type FieldsV1 = Readonly<Record<string, unknown>>;

export const NO_FIELDS: FieldSet = { member: false, children: new Map() };

/** The set of the path that leads here, and no other. */
export const LEAF: FieldSet = { member: true, children: new Map() };

export function isEmpty({ member, children }: FieldSet): boolean {
  return !member && children.size === 0;
}

/** Puts a set together, without the children that hold nothing. */
export function fieldSet(member: boolean, children: Iterable<readonly [string, FieldSet]>): FieldSet {
  return { member, children: new Map([...children].filter(([, child]) => !isEmpty(child))) };
}

export function union(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmpty(a)) return b;
  if (isEmpty(b)) return a;
  const children = new Map(a.children);
  for (const [element, child] of b.children) children.set(element, union(children.get(element) ?? NO_FIELDS, child));
  return { member: a.member || b.member, children };
}

/** Of any number of sets, in time that grows with what they hold: whoever writes an object says how many it has. */
export function unionOf(sets: readonly FieldSet[]): FieldSet {
  const [only] = sets;
  if (only !== undefined && sets.length === 1) return only;
  const below = new Map<string, FieldSet[]>();
  for (const { children } of sets) {
    for (const [element, child] of children) {
      const known = below.get(element);
      if (known === undefined) below.set(element, [child]);
      else known.push(child);
    }
  }
  const children = new Map([...below].map(([element, some]) => [element, unionOf(some)] as const));
  return { member: sets.some(({ member }) => member), children };
}

/** Path by path: taking away `.spec` leaves `.spec.action` in. */
export function difference(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmpty(b)) return a;
  const left = [...a.children].map(
    ([element, child]) => [element, difference(child, b.children.get(element) ?? NO_FIELDS)] as const,
  );
  return fieldSet(a.member && !b.member, left);
}

export function equal(a: FieldSet, b: FieldSet): boolean {
  if (a === b) return true;
  if (a.member !== b.member || a.children.size !== b.children.size) return false;
  return [...a.children].every(([element, child]) => {
    const other = b.children.get(element);
    return other !== undefined && equal(child, other);
  });
}

/**
 * Reads `fieldsV1`.
 *
 * @param fieldsV1 as received: plain JSON, no deeper than a body may nest
 * @returns the set, or what is wrong with it in a few words
 * @see https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/object-meta/ (managedFields.fieldsV1)
 */
export function readFieldSet(fieldsV1: unknown): Result<FieldSet, string> {
  const read = readNode(fieldsV1);
  if (!read.ok) return read;
  if (isPlain(fieldsV1) && Object.hasOwn(fieldsV1, ".")) return err("`.` names no field at the top");
  return ok({ ...read.value, member: false });
}

function readNode(value: unknown): Result<FieldSet, string> {
  if (!isPlain(value)) return err("a set of fields must be an object");
  const entries = Object.entries(value);
  const read = new Map<string, FieldSet[]>();
  for (const [text, below] of entries) {
    if (text === ".") {
      if (!isPlain(below) || Object.keys(below).length > 0) return err("`.` must be an empty object");
      continue;
    }
    const element = readElement(text);
    if (element === null) return err(`\`${text}\` is no path element`);
    const child = readNode(below);
    if (!child.ok) return child;
    const spelt = read.get(element);
    if (spelt === undefined) read.set(element, [child.value]);
    else spelt.push(child.value);
  }
  const children = new Map([...read].map(([element, spelt]) => [element, unionOf(spelt)] as const));
  return ok({ member: entries.length === 0 || Object.hasOwn(value, "."), children });
}

/** In its one form: a client may order the keys of `k:` as it likes. Null: it is none. */
export function readElement(text: string): string | null {
  const body = text.slice(2);
  switch (text.slice(0, 2)) {
    case "f:":
      return text;
    case "i:":
      return /^(?:0|[1-9]\d*)$/.test(body) && Number.isSafeInteger(Number(body)) ? text : null;
    case "v:": {
      const value = parseJson(body);
      return isScalar(value) ? `v:${canonicalJson(value)}` : null;
    }
    case "k:": {
      const keys = parseJson(body);
      if (!isPlain(keys)) return null;
      const values = Object.values(keys);
      return values.length > 0 && values.every(isScalar) ? keyElement(keys) : null;
    }
    default:
      return null;
  }
}

export function fieldElement(name: string): string {
  return `f:${name}`;
}

/** @param keys the key fields of a list's member with their values */
export function keyElement(keys: Readonly<Record<string, unknown>>): string {
  return `k:${canonicalJson(keys)}`;
}

/** What a list's member can be told apart by. */
export function isScalar(value: unknown): value is string | number | boolean {
  return typeof value === "string" || typeof value === "boolean" || (typeof value === "number" && isFinite(value));
}

/** Elements sorted, so that equal sets print alike. */
export function fieldsV1Of({ children }: FieldSet): FieldsV1 {
  const elements = [...children].sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(
    elements.map(([element, child]) => {
      const own = child.member && child.children.size > 0 ? { ".": {} } : {};
      return [element, { ...own, ...fieldsV1Of(child) }];
    }),
  );
}

/** As Kubernetes words paths in conflicts: `.spec.ports[port=80,protocol="TCP"].targetPort`. */
export function pathsOf(set: FieldSet, above = ""): string[] {
  const below = [...set.children].flatMap(([element, child]) => pathsOf(child, above + elementText(element)));
  return set.member ? [above, ...below] : below;
}

function elementText(element: string): string {
  const body = element.slice(2);
  switch (element.slice(0, 2)) {
    case "k:": {
      const keys = Object.entries(parseJson(body) ?? {});
      return `[${keys.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(",")}]`;
    }
    case "v:":
      return `[=${body}]`;
    case "i:":
      return `[${body}]`;
    default:
      return `.${body}`;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A JSON object. */
export function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
