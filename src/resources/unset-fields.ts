import { withPlainBody } from "./local-answer.ts";
import type { Report } from "./report.ts";

type Fields = Readonly<Record<string, unknown>>;

/**
 * A VirtualService as Istio reads it: an empty list or text is a field that is not set, a null among the matches is a block
 * without conditions, and code generated of its API writes a body's `string` in another way.
 */
export function withoutUnset(spec: unknown, report: Report): unknown {
  if (!isObject(spec)) return spec;
  const { http } = spec;
  const plain = without(spec, ["gateways", "tls", "tcp"], isEmptyList);
  if (!Array.isArray(http)) return plain;
  return { ...plain, http: http.map((rule: unknown, index) => rulePlain(rule, report.at("http", index))) };
}

function rulePlain(rule: unknown, place: Report): unknown {
  if (!isObject(rule)) return rule;
  const { match, route } = rule;
  return withPlainBody(
    {
      ...rule,
      ...(Array.isArray(match) && {
        match: match.map((block: unknown, at) => blockPlain(block, place.at("match", at))),
      }),
      ...(Array.isArray(route) && { route: route.map(destinationPlain) }),
    },
    place,
  );
}

function blockPlain(block: unknown, place: Report): unknown {
  if (block !== null) return isObject(block) ? without(block, ["gateways"], isEmptyList) : block;
  place.warn("null is read as `{}`, which matches every request");
  return {};
}

function destinationPlain(one: unknown): unknown {
  if (!isObject(one) || !isObject(one["destination"])) return one;
  return { ...one, destination: without(one["destination"], ["subset"], (value) => value === "") };
}

function without(object: Fields, names: readonly string[], isUnset: (value: unknown) => boolean): Fields {
  const unset = names.filter((name) => Object.hasOwn(object, name) && isUnset(object[name]));
  return unset.length === 0
    ? object
    : Object.fromEntries(Object.entries(object).filter(([name]) => !unset.includes(name)));
}

function isEmptyList(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
