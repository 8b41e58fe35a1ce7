import { z } from "zod";
import type { ExtensionProviderSpec } from "./extension-providers.ts";
import { list, strict } from "./fields.ts";
import type { Report } from "./report.ts";

/** Who gets what no Telemetry sends elsewhere. */
export const DefaultProviders = strict({
  tracing: z.array(z.string()).max(1, { error: "one provider gets the spans" }).exactOptional(),
  metrics: list(z.string()).exactOptional(),
  accessLogging: list(z.string()).exactOptional(),
});

const PARTS = {
  metrics: { kinds: ["prometheus"], builtIn: "prometheus" },
  accessLogging: { kinds: ["envoyFileAccessLog", "envoyOtelAls"], builtIn: "envoy" },
} as const;

/** Istio's own providers are there by their names, whether the mesh lists them or not. */
export function checkDefaultProviders(
  spec: z.infer<typeof DefaultProviders>,
  providers: readonly ExtensionProviderSpec[],
  report: Report,
): void {
  for (const part of ["metrics", "accessLogging"] as const) {
    const { kinds, builtIn } = PARTS[part];
    for (const [index, name] of (spec[part] ?? []).entries()) {
      const provider = providers.find((one) => one.name === name);
      if (provider === undefined ? name === builtIn : kinds.some((kind) => provider[kind] !== undefined)) continue;
      const any = kinds.map((kind) => `\`${kind}\``).join(" or ");
      report.at(part, index).error(`no \`extensionProviders\` of the kind ${any} has the name \`${name}\``);
    }
  }
}
