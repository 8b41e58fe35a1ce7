import type { KubeObject } from "../../resources/object.ts";
import type { RouteMatch, StringMatch } from "../../snapshot/model.ts";

export const DESCRIBED_KINDS = ["service", "route", "policy", "workload"] as const;
export type DescribedKind = (typeof DESCRIBED_KINDS)[number];

/** One part of what holds for something, with what says so. */
export interface DescribedPart {
  /** What of it: `port 9080`, `route`, `DENY`. */
  readonly part: string;
  /** In words. */
  readonly value: string;
  readonly object: KubeObject;
  /** Where in the object. */
  readonly field: string;
}

/** What holds for something as all objects together say. */
export interface Described {
  readonly parts: readonly DescribedPart[];
  /** Of the mesh, in whose slices it is. */
  readonly hosts: readonly string[];
}

/** Of one condition or setting; a terminal shows a line or two of it. */
const MAX_CHARACTERS = 240;

export function part(name: string, value: unknown, object: KubeObject, field: string): DescribedPart {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  const short = text.length <= MAX_CHARACTERS ? text : `${text.slice(0, MAX_CHARACTERS - 1)}…`;
  return { part: name, value: short, object, field };
}

/** `a=b, c=d`; `all` without any. */
export function labelsText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}=${value}`);
  return pairs.length === 0 ? "all" : pairs.join(", ");
}

/** `path prefix /api, method GET`, with `or` between the blocks. */
export function matchesText(matches: readonly RouteMatch[]): string {
  return matches.length === 0 ? "any request" : matches.map(blockText).join(" or ");
}

function blockText({ uri, scheme, method, authority, headers = [], query = [], port, ...rest }: RouteMatch): string {
  const { sourceNamespace, claims = [] } = rest;
  const named = (name: string, match: StringMatch | undefined) =>
    match === undefined ? [] : [`${name} ${text(match)}`];
  const not = (invert: true | undefined) => (invert ? "not " : "");
  const texts = [
    ...named("path", uri),
    ...named("method", method),
    ...named("scheme", scheme),
    ...named("authority", authority),
    ...headers.map(({ name, match, invert }) => `header ${name} ${not(invert)}${text(match)}`),
    ...query.map(({ name, match }) => `query ${name} ${text(match)}`),
    ...claims.map(({ path, match, invert }) => `claim ${path.join(".")} ${not(invert)}${text(match)}`),
    ...(port === undefined ? [] : [`port ${port}`]),
    ...(sourceNamespace === undefined ? [] : [`from namespace ${sourceNamespace}`]),
  ];
  return texts.length === 0 ? "any request" : texts.join(", ");
}

function text(match: StringMatch): string {
  const { kind, value = "" } = match as { readonly kind: string; readonly value?: string };
  return kind === "exact" ? `= ${value}` : `${kind} ${value}`.trim();
}
