import { conditionsOf } from "../resources/conditions.ts";
import type { KubeObject } from "../resources/object.ts";

/** `metav1.TableColumnDefinition`. */
export interface ColumnDefinition {
  readonly name: string;
  /** As OpenAPI has it. A `date` is shown as an age, in text. */
  readonly type: "string" | "date";
  /** `name` marks the column that the object is known by. */
  readonly format: "" | "name";
  readonly description: string;
  /** 1: shown only where there is room, as with `kubectl get -o wide`. */
  readonly priority: 0 | 1;
}

export type Cell = string | null;

export interface Column {
  readonly definition: ColumnDefinition;
  readonly cell: (object: KubeObject, now: number) => Cell;
}

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const YEAR = 365 * DAY;

/** What core kinds say of a list that is empty, of a time that is not there. */
export const NONE = "<none>";
export const UNKNOWN = "<unknown>";

export const NAME: Column = {
  definition: {
    name: "Name",
    type: "string",
    format: "name",
    description: "The name of the object, unique among its kind in its namespace.",
    priority: 0,
  },
  cell: ({ metadata }) => metadata.name,
};

const CREATED = "How long ago the object was created.";

/** In custom kinds an absent time prints as nothing. */
export const AGE: Column = {
  definition: { name: "Age", type: "date", format: "", description: CREATED, priority: 0 },
  cell: ({ metadata }, now) => age(metadata.creationTimestamp, now),
};

export const CORE_AGE = text("Age", CREATED, ({ metadata }, now) => age(metadata.creationTimestamp, now) ?? UNKNOWN);

const CONDITION = text(
  "Status",
  "Accepted, or the reason of the first condition that does not hold.",
  (object): Cell => {
    const conditions = conditionsOf(object);
    if (conditions.length === 0) return null;
    const failed = conditions.find(({ status }) => status !== "True");
    if (failed === undefined) return "Accepted";
    return failed.reason === "" ? `Not${failed.type}` : failed.reason;
  },
);

/** What the mesh compiles has a `Status` before its age. */
export function meshColumns(columns: readonly Column[]): readonly Column[] {
  const at = columns.indexOf(AGE);
  return [...columns.slice(0, at), CONDITION, ...columns.slice(at)];
}

/** A column whose cells are text, of a core kind or made up by us. */
export function text(name: string, description: string, cell: Column["cell"]): Column {
  return { definition: { name, type: "string", format: "", description, priority: 0 }, cell };
}

export function wide({ definition, cell }: Column): Column {
  return { definition: { ...definition, priority: 1 }, cell };
}

/** A printer column of a custom resource: text as it stands, a list as JSON, nothing where it is absent. */
export function field(name: string, description: string, ...path: readonly string[]): Column {
  return text(name, description, (object) => {
    const value = valueAt(object, ...path);
    if (value === undefined || value === null) return null;
    return typeof value === "string" ? value : JSON.stringify(value);
  });
}

/** The value behind `path`; undefined where it leads nowhere. Core kinds keep fields that nobody has checked. */
export function valueAt(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (outer, name) =>
      typeof outer === "object" && outer !== null && Object.hasOwn(outer, name)
        ? (outer as Readonly<Record<string, unknown>>)[name]
        : undefined,
    value,
  );
}

export function textOf(value: unknown): string {
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

export function countOf(map: unknown): number {
  return Object.keys(Object(map)).length;
}

/** Null where there is no time. */
export function age(time: unknown, now: number): Cell {
  if (textOf(time) === "") return null;
  const then = Date.parse(textOf(time));
  return Number.isNaN(then) ? "<invalid>" : humanDuration(now - then);
}

/**
 * A duration in the two or three figures that matter to people: `119s`, `2m5s`, `179m`, `3h`, `7h59m`, `47h`, `7d23h`, `729d`,
 * `2y1d`, `8y`. Up to two seconds in the future are clocks that differ; more is `<invalid>`.
 *
 * @see duration.HumanDuration in k8s.io/apimachinery: clients of other servers show the same
 */
export function humanDuration(milliseconds: number): string {
  if (milliseconds <= -2 * SECOND) return "<invalid>";
  if (milliseconds < 2 * MINUTE) return inUnits(Math.max(milliseconds, 0), SECOND, "s");
  if (milliseconds < 10 * MINUTE) return inUnits(milliseconds, MINUTE, "m", SECOND, "s");
  if (milliseconds < 3 * HOUR) return inUnits(milliseconds, MINUTE, "m");
  if (milliseconds < 8 * HOUR) return inUnits(milliseconds, HOUR, "h", MINUTE, "m");
  if (milliseconds < 2 * DAY) return inUnits(milliseconds, HOUR, "h");
  if (milliseconds < 8 * DAY) return inUnits(milliseconds, DAY, "d", HOUR, "h");
  if (milliseconds < 2 * YEAR) return inUnits(milliseconds, DAY, "d");
  if (milliseconds < 8 * YEAR) return inUnits(milliseconds, YEAR, "y", DAY, "d");
  return inUnits(milliseconds, YEAR, "y");
}

/** Whole `unit`s, and of what is left whole `smaller`, where there are any. */
function inUnits(milliseconds: number, unit: number, sign: string, smaller = unit, smallerSign = ""): string {
  const rest = Math.floor((milliseconds % unit) / smaller);
  return `${Math.floor(milliseconds / unit)}${sign}${rest === 0 ? "" : `${rest}${smallerSign}`}`;
}
