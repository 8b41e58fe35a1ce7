import type { HeaderChange } from "../request/changes.ts";
import { fillFormat, type FormatContext, type HeaderFormat, headersIn, parseFormat } from "../request/header-format.ts";
import { isProofOfCaller } from "../request/header-names.ts";
import { MAX_HEADER_BYTES } from "../request/header-size.ts";
import type { HeaderOps, Route, WeightedDestination } from "../snapshot/model.ts";

/** Header changes of a route and its chosen destination, ready. `authority` is what `Host` in them asks for. */
export interface LinkedOps {
  readonly request: readonly HeaderChange[];
  readonly response: readonly HeaderChange[];
  readonly authority: string | null;
  /** All changes again where some values are filled by each request; null: none are. */
  readonly formatted: { readonly request: readonly LinkedChange[]; readonly response: readonly LinkedChange[] } | null;
}

/** A change whose value may be one of each request. */
export type LinkedChange = HeaderChange | FormattedChange;

interface FormattedChange {
  readonly op: "format";
  readonly verb: "set" | "add";
  readonly name: string;
  readonly format: HeaderFormat;
  /** As its author wrote it. */
  readonly template: string;
}

/**
 * Joins the operations of route and destination in Istio's order. With several destinations the destination's run first, so that
 * the route's `set` wins; with one they are one list, in which the destination's `set` comes last. The authority is the route's
 * when both set it.
 */
export function linkOps(route: Route, destination: WeightedDestination): LinkedOps {
  const join = (side: "request" | "response"): readonly LinkedChange[] =>
    route.destinations.length === 1
      ? changesOf([route[side], destination[side]], side)
      : [...changesOf([destination[side]], side), ...changesOf([route[side]], side)];
  const authority = route.rewrite?.authority ?? authorityOf(route.request) ?? authorityOf(destination.request);
  const [request, response] = [join("request"), join("response")];
  // The destination's policies see the Host that will be sent.
  const host: readonly HeaderChange[] =
    authority === null ? [] : [{ op: "set", name: "host", value: authority.toLowerCase() }];
  return {
    request: [...request.filter(isPlain), ...host],
    response: response.filter(isPlain),
    authority,
    formatted: [...request, ...response].every(isPlain) ? null : { request: [...request, ...host], response },
  };
}

/** What a route changes of an answer that the gateway gives by itself. */
export function responseOps(route: Route): readonly LinkedChange[] {
  return changesOf([route.response], "response");
}

/** The changes for one request. */
export function filledOps(ops: LinkedOps, context: FormatContext): LinkedOps {
  const { formatted } = ops;
  if (formatted === null) return ops;
  return {
    ...ops,
    request: fillChanges(formatted.request, context),
    response: fillChanges(formatted.response, context),
  };
}

/**
 * Whether what a request filled is longer than a request's headers may be: a few of a client's values, named often enough, would
 * take all of an isolate's memory. A record holds no secret values, so it tells what is too long.
 */
export function isTooLong(side: string, changes: readonly HeaderChange[], { facts, route }: FormatContext): boolean {
  const name = `headers ${route} ${side}`;
  const known = facts.conclusions?.mode === "read" ? facts.conclusions.by.get(name) : undefined;
  const verdict = known ?? isLongerThanAllowed(changes);
  if (verdict && facts.conclusions?.mode === "write") facts.conclusions.by.set(name, true);
  return verdict;
}

function isLongerThanAllowed(changes: readonly HeaderChange[]): boolean {
  let length = 0;
  for (const change of changes) if ("template" in change) length += change.value.length;
  return length > MAX_HEADER_BYTES;
}

/** A value that comes out empty is none, as in Envoy: the header stays as it is. */
export function fillChanges(changes: readonly LinkedChange[], context: FormatContext): readonly HeaderChange[] {
  return changes.flatMap((change): readonly HeaderChange[] => {
    if (change.op !== "format") return [change];
    const { verb, name, template } = change;
    const value = fillFormat(change.format, context);
    return value === "" ? [] : [{ op: verb, name, value, template }];
  });
}

function isPlain(change: LinkedChange): change is HeaderChange {
  return change.op !== "format";
}

/** One list as Envoy works it off: it removes, then sets, then adds. */
function changesOf(list: readonly (HeaderOps | undefined)[], side: "request" | "response"): readonly LinkedChange[] {
  const all = list.filter((ops) => ops !== undefined);
  const changes: readonly LinkedChange[] = [
    ...all.flatMap(({ remove = [] }) => remove.map((name) => ({ op: "remove" as const, name }))),
    ...all.flatMap(({ set = [] }) => set.flatMap(([name, value]) => changeOf("set", name, value))),
    ...all.flatMap(({ add = [] }) => add.flatMap(([name, value]) => changeOf("add", name, value))),
  ];
  return changes.filter(({ name, op }) => {
    if (name.startsWith(":")) return false;
    // Who calls is the mesh's to say: a route can keep it from a service, and say nothing in its place.
    return side === "response" || (name !== "host" && (op === "remove" || !isProofOfCaller(name)));
  });
}

function changeOf(verb: "set" | "add", name: string, template: string): readonly LinkedChange[] {
  if (template === "") return [];
  const format = parseFormat(template);
  if (!format.ok) throw new Error(`the slice holds a value that is no format: ${name}`);
  const [text, ...more] = format.value;
  return typeof text === "string" && more.length === 0
    ? [{ op: verb, name, value: text }]
    : [{ op: "format", verb, name, format: format.value, template }];
}

function authorityOf(ops: HeaderOps | undefined): string | null {
  for (const [name, value] of [...(ops?.set ?? []), ...(ops?.add ?? [])]) {
    if (name === "host" || name === ":authority") return value;
  }
  return null;
}

/** A header that a route fills, and those that it is filled from. */
export interface Filling {
  readonly name: string;
  readonly from: readonly string[];
}

/** The headers of requests and answers that a route fills from others. */
export function fillings(route: Route): readonly Filling[] {
  return [route, ...route.destinations].flatMap(({ request, response }) =>
    [request, response].flatMap((ops) =>
      [...(ops?.set ?? []), ...(ops?.add ?? [])].flatMap(([name, template]) => {
        const format = parseFormat(template);
        const from = format.ok ? headersIn(format.value) : [];
        return from.length === 0 ? [] : [{ name, from }];
      }),
    ),
  );
}
