import type { KubeObject } from "../../../resources/object.ts";
import { age, type Cell, type Column, NAME, text, textOf, UNKNOWN, valueAt, wide } from "../../columns.ts";
import { coreKind, type Kind } from "../../kind.ts";
import { FREE, object, OPEN, type Properties, STRING, TIME } from "../../openapi.ts";

const FIELDS: Properties = {
  involvedObject: {
    ...object({
      apiVersion: STRING,
      kind: STRING,
      namespace: STRING,
      name: STRING,
      uid: STRING,
      resourceVersion: STRING,
      fieldPath: STRING,
    }),
    ...OPEN,
  },
  type: STRING,
  reason: STRING,
  message: STRING,
  action: STRING,
  count: { type: "integer", format: "int32" },
  firstTimestamp: TIME,
  lastTimestamp: TIME,
  eventTime: TIME,
  source: { ...object({ component: STRING, host: STRING }), ...OPEN },
  reportingComponent: STRING,
  reportingInstance: STRING,
  related: FREE,
  series: FREE,
};

/** An Event is known by what happened; its name says nothing. */
const COLUMNS: readonly Column[] = [
  text("Last Seen", "How long ago it happened last.", ({ lastTimestamp }, now) => age(lastTimestamp, now) ?? UNKNOWN),
  text("Type", "Normal, or Warning where somebody should look.", ({ type }) => textOf(type)),
  text("Reason", "Why it was reported, in one word.", ({ reason }) => textOf(reason)),
  text("Object", "The object that it happened to.", involvedObject),
  text("Message", "What happened.", ({ message }) => textOf(message).trim()),
  wide(NAME),
];

/** What `kubectl describe` and `kubectl events` look Events up by. */
const INVOLVED = ["kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath"];

export const EVENT: Kind = {
  ...coreKind({
    kind: "Event",
    plural: "events",
    shortNames: ["ev"],
    flat: true,
    reader: null,
    fields: FIELDS,
    selectable: {
      ...Object.fromEntries(INVOLVED.map((name) => [`involvedObject.${name}`, involved(name)])),
      reason: ({ reason }) => plain(reason),
      type: ({ type }) => plain(type),
    },
    descriptions: {
      "": "That something about an object changed, as the mesh noticed it.",
      involvedObject: "The object.",
      type: "Normal or Warning.",
      reason: "Why, in one word for programs.",
      message: "Why, in words for people.",
      count: "How often it was noticed.",
      firstTimestamp: "When it was first noticed.",
      lastTimestamp: "When it was last noticed.",
      source: "Which part of the mesh noticed it.",
    },
  }),
  columns: COLUMNS,
};

function involved(name: string): (object: KubeObject) => string {
  return (event) => plain(valueAt(event["involvedObject"], name));
}

function plain(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function involvedObject({ involvedObject: about }: KubeObject): Cell {
  const kind = textOf(valueAt(about, "kind")).toLowerCase();
  const name = textOf(valueAt(about, "name"));
  return name === "" ? kind : `${kind}/${name}`;
}
