import type { CustomTag } from "../snapshot/telemetry-model.ts";
import { headerOf } from "./attributes.ts";
import type { Journal } from "./journal.ts";
import { linkLogFormat, type LogWriter } from "./log-format.ts";
import type { TracePlan } from "./trace-plan.ts";

/** What Telemetry makes of a call's spans; null: there are none of that kind. */
export interface ToldSpans {
  readonly server: SpanSettings | null;
  /** Those of attempts. */
  readonly client: SpanSettings | null;
}

export interface SpanSettings {
  readonly tags: readonly (readonly [name: string, value: string])[];
  /** Without the attributes that Istio adds. */
  readonly plain: boolean;
}

export const AS_USUAL: SpanSettings = { tags: [], plain: false };

/**
 * What a plan says of spans of a call, by the headers that are still here.
 *
 * @param gateway the deployment
 * @param endedAt epoch ms
 */
export function spanSettings({ told }: TracePlan, journal: Journal, gateway: string, endedAt: number): SpanSettings {
  if (told === undefined) return AS_USUAL;
  const tags = told.tags.flatMap((tag) => {
    const value = "format" in tag ? writerOf(tag.format)(journal, gateway, endedAt) : tagValue(tag, journal);
    return value === undefined ? [] : [[tag.name, value.slice(0, TAG_LENGTH)] as const];
  });
  return { tags, plain: told.plain === true };
}

function tagValue(tag: Exclude<CustomTag, { readonly format: string }>, journal: Journal): string | undefined {
  return "literal" in tag ? tag.literal : (headerOf(journal, "request", tag.header) ?? tag.fallback);
}

/** Formats come from a few objects; after a change of many all are made anew. */
const MAX_WRITERS = 256;
const writers = new Map<string, LogWriter>();

function writerOf(text: string): LogWriter {
  let writer = writers.get(text);
  if (writer !== undefined) return writer;
  writer = linkLogFormat({ text });
  if (writers.size >= MAX_WRITERS) writers.clear();
  writers.set(text, writer);
  return writer;
}

const TAG_LENGTH = 256;

export const USUAL: ToldSpans = { server: AS_USUAL, client: AS_USUAL };

/** Characters of all tags. */
export function tagLength(settings: SpanSettings | null | undefined): number {
  let length = 0;
  for (const [name, value] of settings?.tags ?? []) length += name.length + value.length;
  return length;
}
