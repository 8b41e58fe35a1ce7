import type { Root } from "../snapshot/model.ts";
import type { TracingSettings } from "../snapshot/telemetry-model.ts";
import type { Collector, MeshTracing } from "../snapshot/tracing-model.ts";

/** What a gateway does about the traces of a call, worked out when its root arrives. */
export interface TracePlan {
  /** Name of the provider that gets its spans, and where it is; null: nobody gets any. */
  readonly provider: string | null;
  readonly collector: Collector | null;
  /** Part of [0, 1], of requests that bring no decision. */
  readonly share: number;
  /** Zipkin's headers are read, and written in this form; null: neither. */
  readonly b3: "SINGLE" | "MULTI" | null;
  readonly keepsErrors: boolean;
  /** Calls whose answer begins later are kept; infinite: none is for that. */
  readonly slowMs: number;
  /** Istio's id of the mesh. */
  readonly meshId: string;
  /** What a Telemetry says of the workload's spans; absent: nothing. */
  readonly told?: TracingSettings;
}

/**
 * @param told of the workload; absent: no Telemetry says anything
 * @returns null where a call's trace is nobody's business but its own: W3C context passes, and that is all
 */
export function tracePlan(
  { tracing, trust }: Pick<Root, "tracing" | "trust">,
  told?: TracingSettings,
): TracePlan | null {
  const { collectors, sampling, b3 = null, keepErrors = false, slowMs, ...mesh } = tracing ?? NOBODY;
  const { providers, off = false, cut = false } = told ?? { providers: mesh.providers };
  const named = providers.find((name) => Object.hasOwn(collectors, name)) ?? null;
  if (named === null && b3 === null && !cut) return null;
  const provider = off ? null : named;
  return {
    provider,
    collector: provider === null ? null : (collectors[provider] ?? null),
    // What is not reported here may be elsewhere.
    share: named === null ? 0 : (told?.sampling ?? sampling) / 100,
    b3,
    keepsErrors: keepErrors,
    slowMs: slowMs ?? Number.POSITIVE_INFINITY,
    meshId: trust.domain,
    ...(told && { told }),
  };
}

const NOBODY: MeshTracing = { collectors: {}, providers: [], sampling: 0 };
