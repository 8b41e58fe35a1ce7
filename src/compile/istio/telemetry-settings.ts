import { compileExpression } from "../../resources/cel.ts";
import { meshFormat } from "../../resources/log-provider.ts";
import {
  type AccessLoggingSpec,
  labelName,
  metricsOf,
  type MetricsSpec,
  type TelemetrySpec,
  type TracingSpec,
} from "../../resources/telemetry.ts";
import type {
  AccessLogSettings,
  CompiledExpression,
  CustomTag,
  IstioMetric,
  MetricsSettings,
  TagOverride,
  TelemetrySettings,
  TracingSettings,
} from "../../snapshot/telemetry-model.ts";
import { meshConfig } from "../view.ts";
import type { World } from "../world.ts";
import { defaultProviders, knownProvider, sinkOf } from "./telemetry-providers.ts";

/** Which of a workload's calls: those that it makes, or those to it. */
export type Side = "CLIENT" | "SERVER";

/**
 * What is told of one side of a workload's calls.
 *
 * @param specs that hold for it, the widest first
 */
export function settingsOf(world: World, specs: readonly TelemetrySpec[], side: Side): TelemetrySettings {
  const of = <T>(part: (spec: TelemetrySpec) => readonly T[] | undefined): readonly (readonly T[])[] =>
    specs.flatMap((spec) => {
      const entries = part(spec) ?? [];
      return entries.length === 0 ? [] : [entries];
    });
  const tracing = tracingOf(world, of(({ tracing }) => tracing).flat(), side);
  const accessLog = accessLogOf(
    world,
    of(({ accessLogging }) => accessLogging),
    side,
  );
  const metrics = metricsSettings(world, of(({ metrics }) => metrics).flat(), side);
  return { ...(tracing && { tracing }), ...(accessLog && { accessLog }), ...(metrics && { metrics }) };
}

function isFor({ mode = "CLIENT_AND_SERVER" }: { readonly mode?: string } = {}, side: Side): boolean {
  return mode === "CLIENT_AND_SERVER" || mode === side;
}

/** Field by field, the later over the earlier; tags wholly. */
function tracingOf(world: World, all: readonly TracingSpec[], side: Side): TracingSettings | null {
  const entries = all.filter(({ match }) => isFor(match, side));
  if (entries.length === 0) return null;
  const last = <K extends keyof TracingSpec>(field: K): TracingSpec[K] | undefined =>
    entries.findLast((entry) => entry[field] !== undefined)?.[field];
  const named = entries.findLast(({ providers = [] }) => providers.length > 0)?.providers?.slice(0, 1);
  const providers = named?.map(({ name }) => name) ?? defaultProviders(world, "tracing") ?? [];
  const sampling = last("randomSamplingPercentage");
  return {
    providers: providers.filter((name) => knownProvider(world, "tracing", name)),
    ...(sampling !== undefined && { sampling }),
    ...(last("disableSpanReporting") === true && { off: true as const }),
    tags: Object.entries(last("customTags") ?? {}).map(([name, tag]) => customTag(name, tag)),
    ...(last("enableIstioTags") === false && { plain: true as const }),
    ...(last("disableContextPropagation") === true && { cut: true as const }),
  };
}

function customTag(
  name: string,
  { literal, header, formatter }: NonNullable<TracingSpec["customTags"]>[string],
): CustomTag {
  if (formatter !== undefined) return { name, format: formatter.value };
  if (header === undefined) return { name, literal: literal?.value ?? "" };
  const fallback = header.defaultValue;
  return { name, header: header.name.toLowerCase(), ...(fallback !== undefined && { fallback }) };
}

/** @param levels those of each object that holds, the widest first */
function accessLogOf(
  world: World,
  levels: readonly (readonly AccessLoggingSpec[])[],
  side: Side,
): AccessLogSettings | null {
  const defaults = defaultProviders(world, "accessLogging");
  if (levels.length === 0 && defaults === undefined) return meshLog(world);
  const filters = new Map<string, CompiledExpression | undefined>((defaults ?? []).map((name) => [name, undefined]));
  const inScope = new Set(levels.map(namesIn).findLast(({ length }) => length > 0) ?? defaults ?? BUILT_IN);
  if (levels.length > 0) filters.clear();
  let parent = defaults ?? BUILT_IN;
  for (const { match, providers = [], disabled, filter } of levels.flat()) {
    const names = providers.length > 0 ? providers.map(({ name }) => name) : parent;
    parent = names;
    for (const name of names) {
      if (!inScope.has(name) || !isFor(match, side)) continue;
      if (disabled === true) filters.delete(name);
      else filters.set(name, filter && expressionOf(filter.expression, "filter"));
    }
  }
  const known = [...filters].filter(([name]) => knownProvider(world, "accessLogging", name));
  return {
    sinks: known.map(([provider, filter]) => ({ ...sinkOf(world, provider), ...(filter && { filter }) })),
  };
}

/** Who writes the log where nobody is named. */
const BUILT_IN: readonly string[] = ["envoy"];

function namesIn(level: readonly AccessLoggingSpec[]): readonly string[] {
  return level.flatMap(({ providers = [] }) => providers.map(({ name }) => name));
}

/** As the mesh's older fields say; null: they say nothing. */
function meshLog(world: World): AccessLogSettings | null {
  const config = meshConfig(world);
  if (config.accessLogFile === "") return { sinks: [] };
  const format = meshFormat(config);
  return format === undefined ? null : { sinks: [{ provider: "envoy", format }] };
}

function metricsSettings(world: World, entries: readonly MetricsSpec[], side: Side): MetricsSettings | null {
  const defaults = defaultProviders(world, "metrics");
  if (entries.length === 0 && defaults === undefined) return null;
  const named = entries.findLast(({ providers = [] }) => providers.length > 0)?.providers?.map(({ name }) => name);
  const isCounted = (name: string): boolean => knownProvider(world, "metrics", name);
  const inScope = (named ?? defaults ?? PROMETHEUS).filter(isCounted);
  const overrides = new Map<IstioMetric, { disabled: boolean; readonly tags: Map<string, TagOverride> }>();
  let off = inScope.length === 0;
  let parent = defaults ?? PROMETHEUS;
  for (const { providers = [], overrides: changes = [] } of entries) {
    const names = providers.length > 0 ? providers.map(({ name }) => name) : parent;
    parent = names;
    // Others than those who count at last have no say.
    if (!names.some((name) => inScope.includes(name))) continue;
    for (const change of changes) {
      const isAll = change.match?.customMetric === undefined && change.match?.metric === "ALL_METRICS";
      if (isAll && change.disabled === true && change.match?.mode === undefined) {
        off = true;
        continue;
      }
      off = false;
      if (isFor(change.match, side)) override(overrides, change);
    }
  }
  return {
    ...(off && { off: true as const }),
    overrides: [...overrides].map(([metric, { disabled, tags }]) => ({
      metric,
      ...(disabled && { disabled: true as const }),
      tags: [...tags.values()].sort((a, b) => (a.name < b.name ? -1 : 1)),
    })),
  };
}

const PROMETHEUS: readonly string[] = ["prometheus"];

/** Changes stand on top of those before them. */
function override(
  overrides: Map<IstioMetric, { disabled: boolean; readonly tags: Map<string, TagOverride> }>,
  { match, disabled, tagOverrides = {} }: NonNullable<MetricsSpec["overrides"]>[number],
): void {
  for (const metric of metricsOf(match)) {
    const one = overrides.get(metric) ?? { disabled: false, tags: new Map<string, TagOverride>() };
    overrides.set(metric, one);
    if (disabled !== undefined) one.disabled = disabled;
    for (const [written, { operation = "UPSERT", value = "" }] of Object.entries(tagOverrides)) {
      const name = labelName(written);
      one.tags.set(name, operation === "REMOVE" ? { name } : { name, value: expressionOf(value, "label") });
    }
  }
}

/** One that a later version could not read is worth nothing: no line, or `unknown`. */
function expressionOf(source: string, use: "filter" | "label"): CompiledExpression {
  const compiled = compileExpression(source, use);
  return compiled.ok ? compiled.value.tree : { kind: "attribute", name: "unknown" };
}
