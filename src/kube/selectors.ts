import { err, ok, type Result } from "../result.ts";
import { kindOf } from "../kinds/registry.ts";
import type { KubeObject, ObjectRef } from "../resources/object.ts";
import { failure, type Status } from "./status.ts";

export type Selects = (object: KubeObject) => boolean;

const NAME = "[A-Za-z0-9_.][-A-Za-z0-9_./]*";
const VALUE = "[-A-Za-z0-9_.]*";
const EQUALITY = new RegExp(`^(${NAME})\\s*(==|=|!=)\\s*(${VALUE})$`);
const SET = new RegExp(`^(${NAME})\\s+(in|notin)\\s+\\(([^()]*)\\)$`);
const PRESENCE = new RegExp(`^(!?)\\s*(${NAME})$`);

/** Each is asked of every object, by whoever may read: more than anybody writes. */
const MAX_REQUIREMENTS = 100;

/** @returns null where there are too many */
function requirementsIn(text: string): readonly string[] | null {
  const parts = splitOutside(text);
  return parts.length > MAX_REQUIREMENTS ? null : parts;
}

function tooMany(parameter: string): Result<never, Status> {
  return err(
    failure("BadRequest", `${parameter}: more than ${MAX_REQUIREMENTS} requirements; name values by \`in (a, b)\``),
  );
}

/** `a=b,c!=d,e in (f,g),h,!i`: all must hold; `!=` and `notin` also where the label is absent. */
export function labelSelector(text: string): Result<Selects, Status> {
  const tests: Selects[] = [];
  const parts = requirementsIn(text);
  if (parts === null) return tooMany("labelSelector");
  for (const part of parts) {
    const test = labelTest(part);
    if (test === null) return err(failure("BadRequest", `labelSelector: \`${part.slice(0, 100)}\` is no requirement`));
    tests.push(test);
  }
  return ok((object) => tests.every((test) => test(object)));
}

function labelTest(part: string): Selects | null {
  const label = ({ metadata: { labels = {} } }: KubeObject, name: string): string | undefined =>
    // Else every object would have a label `constructor`, and `delete -l constructor` would take them all.
    Object.hasOwn(labels, name) ? labels[name] : undefined;
  const [, key, operator, value] = EQUALITY.exec(part) ?? [];
  if (key !== undefined) return (object) => (label(object, key) === value) === (operator !== "!=");
  const [, name, set, list] = SET.exec(part) ?? [];
  if (name !== undefined && list !== undefined) {
    const values = new Set(list.split(",").map((member) => member.trim()));
    return (object) => {
      const value = label(object, name);
      return (value !== undefined && values.has(value)) === (set === "in");
    };
  }
  const [, not, present] = PRESENCE.exec(part) ?? [];
  return present === undefined ? null : (object) => (label(object, present) === undefined) === (not === "!");
}

/** Commas inside of parentheses belong to a set. Each character is looked at a bounded number of times: anybody may ask. */
function splitOutside(text: string): readonly string[] {
  return (text.match(/(?:\([^()]*\)|[^,])+/g) ?? []).map((part) => part.trim()).filter((part) => part !== "");
}

/** `metadata.name=x` and `metadata.namespace=x`, with `=`, `==` and `!=`; of Events also what they are about. */
export function fieldSelector(text: string, ref: Pick<ObjectRef, "group" | "kind">): Result<Selects, Status> {
  const fields = kindOf(ref)?.selectable ?? {};
  const tests: Selects[] = [];
  const parts = requirementsIn(text);
  if (parts === null) return tooMany("fieldSelector");
  for (const part of parts) {
    const [, field = "", operator, value] = EQUALITY.exec(part) ?? [];
    const read = Object.hasOwn(fields, field) ? fields[field] : undefined;
    if (read === undefined)
      return err(
        failure(
          "BadRequest",
          `fieldSelector: \`${part.slice(0, 100)}\`: known here are ${Object.keys(fields).join(", ")}`,
        ),
      );
    tests.push((object) => (read(object) === value) === (operator !== "!="));
  }
  return ok((object) => tests.every((test) => test(object)));
}
