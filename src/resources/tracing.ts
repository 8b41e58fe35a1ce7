import { z } from "zod";
import { durationOrZero } from "./duration.ts";
import type { ExtensionProviderSpec } from "./extension-providers.ts";
import { choice, later, never, REASON, strict } from "./fields.ts";
import type { Report } from "./report.ts";

const PROVIDERS = "name an `extensionProviders` of the kind `opentelemetry` in `defaultProviders.tracing`";
const TAGS = later("Telemetry's `customTags` are");

/** `defaultConfig.tracing`: of Istio's older way to trace the sampling alone, which its newer one reads as well. */
export const ProxyTracing = strict(
  { sampling: z.number().min(0).max(100).exactOptional() },
  {
    zipkin: later(PROVIDERS),
    lightstep: later(PROVIDERS),
    datadog: later(PROVIDERS),
    stackdriver: later(PROVIDERS),
    openCensusAgent: later(PROVIDERS),
    customTags: TAGS,
    maxPathTagLength: later("the provider's `maxTagLength` is it"),
    tlsSettings: never(REASON.connection),
  },
);

/** Our own settings. */
export const Tracing = strict({
  b3: choice(["SINGLE", "MULTI"]).exactOptional(),
  keepErrors: z.boolean().exactOptional(),
  keepSlowerThan: durationOrZero.exactOptional(),
});

interface TracingSpec {
  readonly extensionProviders?: readonly ExtensionProviderSpec[] | undefined;
  readonly defaultProviders?: { readonly tracing?: readonly string[] } | undefined;
}

export function checkTracing({ extensionProviders = [], defaultProviders }: TracingSpec, report: Report): void {
  for (const [index, name] of (defaultProviders?.tracing ?? []).entries())
    if (!extensionProviders.some((provider) => provider.name === name && provider.opentelemetry !== undefined))
      report
        .at("defaultProviders", "tracing", index)
        .error(`no \`extensionProviders\` of the kind \`opentelemetry\` has the name \`${name}\``);
}
