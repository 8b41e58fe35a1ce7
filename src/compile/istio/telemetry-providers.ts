import type { ExtensionProviderSpec } from "../../resources/extension-providers.ts";
import { fileFormat, meshFormat } from "../../resources/log-provider.ts";
import { otelLogSink } from "../../resources/otel-log-provider.ts";
import type { LogSink } from "../../snapshot/telemetry-model.ts";
import { providerNamed } from "../authorizers.ts";
import { meshConfig } from "../view.ts";
import type { World } from "../world.ts";

/** What a Telemetry asks providers for. */
export type TelemetryPart = "tracing" | "metrics" | "accessLogging";

/** Istio's own, which every mesh has: they are there without an `extensionProviders` of the name. */
const BUILT_IN: Readonly<Record<string, Omit<ExtensionProviderSpec, "name">>> = {
  envoy: { envoyFileAccessLog: {} },
  prometheus: { prometheus: {} },
};

const KINDS = {
  tracing: ["opentelemetry"],
  metrics: ["prometheus"],
  accessLogging: ["envoyFileAccessLog", "envoyOtelAls"],
} as const;

function providerOf(world: World, name: string): Omit<ExtensionProviderSpec, "name"> | undefined {
  return providerNamed(world, name) ?? (Object.hasOwn(BUILT_IN, name) ? BUILT_IN[name] : undefined);
}

/** Whether somebody of this name takes what the part of a Telemetry tells. */
export function knownProvider(world: World, part: TelemetryPart, name: string): boolean {
  const provider = providerOf(world, name) as Readonly<Record<string, unknown>> | undefined;
  return KINDS[part].some((kind) => provider?.[kind] !== undefined);
}

/** Who gets it where no Telemetry names anybody; undefined: nobody is named. */
export function defaultProviders(world: World, part: TelemetryPart): readonly string[] | undefined {
  return meshConfig(world).defaultProviders?.[part];
}

/** What the lines of one that writes the log look like, and where they go; of Istio's own as the mesh's older fields say. */
export function sinkOf(world: World, name: string): Omit<LogSink, "filter"> {
  const { envoyFileAccessLog: file, envoyOtelAls: otel } = providerNamed(world, name) ?? {};
  if (otel !== undefined) return { provider: name, ...otelLogSink(otel) };
  const format = file === undefined ? meshFormat(meshConfig(world)) : fileFormat(file);
  return { provider: name, ...(format && { format }) };
}
