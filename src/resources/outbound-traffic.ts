import type { Report } from "./report.ts";

/** Of a Sidecar or the mesh: who leaves the mode out may mean that nothing is said, and blocks. */
export function warnOfEmptyPolicy(
  { outboundTrafficPolicy }: { readonly outboundTrafficPolicy?: { readonly mode?: string } },
  report: Report,
): void {
  if (outboundTrafficPolicy === undefined || outboundTrafficPolicy.mode !== undefined) return;
  const message =
    "without a `mode` it is REGISTRY_ONLY: calls to hosts that are not seen are 502; write the mode, or leave it out";
  report.at("outboundTrafficPolicy").warn(message, "TULLE0013");
}
