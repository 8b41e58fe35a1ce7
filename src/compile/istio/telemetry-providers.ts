import type { ExtensionProviderSpec } from "../../resources/extension-providers.ts";
import { fileFormat, meshFormat } from "../../resources/log-provider.ts";
import type { LogFormat } from "../../snapshot/telemetry-model.ts";
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

const KINDS = { tracing: "opentelemetry", metrics: "prometheus", accessLogging: "envoyFileAccessLog" } as const;

function providerOf(world: World, name: string): Omit<ExtensionProviderSpec, "name"> | undefined {
  return providerNamed(world, name) ?? (Object.hasOwn(BUILT_IN, name) ? BUILT_IN[name] : undefined);
}

/** Whether somebody of this name takes what the part of a Telemetry tells. */
export function knownProvider(world: World, part: TelemetryPart, name: string): boolean {
  return (providerOf(world, name) as Readonly<Record<string, unknown>> | undefined)?.[KINDS[part]] !== undefined;
}

/** Who gets it where no Telemetry names anybody; undefined: nobody is named. */
export function defaultProviders(world: World, part: TelemetryPart): readonly string[] | undefined {
  return meshConfig(world).defaultProviders?.[part];
}

/** How the lines of one that writes the log look, of Istio's own as the mesh's older fields say; undefined: as the mesh's own. */
export function formatOf(world: World, name: string): LogFormat | undefined {
  const file = providerNamed(world, name)?.envoyFileAccessLog;
  return file === undefined ? meshFormat(meshConfig(world)) : fileFormat(file);
}
