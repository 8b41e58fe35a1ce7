import { z } from "zod";
import { choice, strict, text } from "./fields.ts";
import type { Report } from "./report.ts";
import { warnOfEmptySelector, WorkloadSelector } from "./selector.ts";

const MutualTls = strict({ mode: choice(["UNSET", "DISABLE", "PERMISSIVE", "STRICT"]).exactOptional() });

/** A port as the key of a map. */
const portKey = text((key) => /^[1-9]\d{0,4}$/.test(key) && Number(key) <= 65_535, "a port from 1 to 65535");

export const PeerAuthentication = strict({
  selector: WorkloadSelector.exactOptional(),
  mtls: MutualTls.exactOptional(),
  portLevelMtls: z.record(portKey, MutualTls).exactOptional(),
});

/** An absent mode is UNSET: inherit. Keys of `portLevelMtls` are workload ports as text. */
export type PeerAuthenticationSpec = z.infer<typeof PeerAuthentication>;

export function checkPeerAuthentication(spec: PeerAuthenticationSpec, report: Report): void {
  if (spec.selector !== undefined) warnOfEmptySelector(spec.selector.matchLabels, report.at("selector"));
  warnOfDisable(spec.mtls, report.at("mtls"));
  if (spec.portLevelMtls === undefined) return;
  for (const [port, mtls] of Object.entries(spec.portLevelMtls)) warnOfDisable(mtls, report.at("portLevelMtls", port));
  const place = report.at("portLevelMtls");
  if (Object.keys(spec.portLevelMtls).length === 0) place.error("empty: leave it out", "FieldValueRequired");
  if (Object.keys(spec.selector?.matchLabels ?? {}).length === 0)
    place.error("needs a `selector` with labels: ports belong to a workload");
}

/** Istio would know no caller there: policies that name principals would stop to hold. */
function warnOfDisable(mtls: z.infer<typeof MutualTls> | undefined, report: Report): void {
  if (mtls?.mode === "DISABLE")
    report
      .at("mode")
      .warn(
        "is as PERMISSIVE here: a caller keeps the identity that it proves, by its binding or certificate, and policies see it",
      );
}
