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
  if (spec.portLevelMtls === undefined) return;
  const place = report.at("portLevelMtls");
  if (Object.keys(spec.portLevelMtls).length === 0) place.error("empty: leave it out", "FieldValueRequired");
  if (Object.keys(spec.selector?.matchLabels ?? {}).length === 0)
    place.error("needs a `selector` with labels: ports belong to a workload");
}
