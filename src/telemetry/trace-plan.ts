import type { Root } from "../snapshot/model.ts";
import type { Collector } from "../snapshot/tracing-model.ts";

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
}

/** @returns null where a call's trace is nobody's business but its own: W3C context passes, and that is all */
export function tracePlan({ tracing, trust }: Root): TracePlan | null {
  if (tracing === undefined) return null;
  const { collectors, providers, sampling, b3 = null, keepErrors = false, slowMs } = tracing;
  const provider = providers.find((name) => Object.hasOwn(collectors, name)) ?? null;
  if (provider === null && b3 === null) return null;
  return {
    provider,
    collector: provider === null ? null : (collectors[provider] ?? null),
    share: provider === null ? 0 : sampling / 100,
    b3,
    keepsErrors: keepErrors,
    slowMs: slowMs ?? Number.POSITIVE_INFINITY,
    meshId: trust.domain,
  };
}
