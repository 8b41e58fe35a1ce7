import type { ShadowNote } from "../policy/shadow.ts";
import type { Cluster } from "../snapshot/model.ts";
import { counterKey } from "./counters.ts";
import { quoted, quotedOrNull } from "./json-text.ts";

/** A workload has seldom more than one; what is beyond is counted, and not in the line, whose length has a bound. */
const MAX_NOTES = 4;
const POLICY_BYTES = 96;

/** What the fields may take at most, names of fields and of actions with them. */
export const SHADOW_BYTES = 832;

/** The fields `audit`, `dry_run` and `observed` of the access log, with a comma before each. */
export function shadowFields(notes: readonly ShadowNote[]): string {
  const told = notes.slice(0, MAX_NOTES);
  const audited = told
    .filter(({ action, dryRun }) => action === "AUDIT" && !dryRun)
    .map(({ policy }) => quoted(policy ?? "", POLICY_BYTES));
  const tried = told
    .filter(({ dryRun }) => dryRun)
    .map(
      ({ action, result, policy }) =>
        `{"action":"${action}","shadow_engine_result":"${result}","shadow_effective_policy_id":${quotedOrNull(policy, POLICY_BYTES)}}`,
    );
  const observed = told
    .filter(({ action }) => action === "OBSERVE")
    .map(({ code, policy }) => `{"details":"${code}","policy":${quotedOrNull(policy, POLICY_BYTES)}}`);
  const field = (name: string, list: readonly string[]) => (list.length === 0 ? "" : `,"${name}":[${list.join(",")}]`);
  return `${field("audit", audited)}${field("dry_run", tried)}${field("observed", observed)}`;
}

/** Keys of the counters that notes count at. @param cluster where the request goes, where that was decided */
export function shadowCounts(notes: readonly ShadowNote[], cluster: Cluster | null): readonly string[] {
  const to = cluster?.id ?? "-";
  return notes.map(({ action, dryRun, result, policy, code }) => {
    const of = { policy: policy ?? "none", cluster: to };
    if (code !== undefined) return counterKey("tulle_observed_refusals_total", { details: code, ...of });
    if (dryRun) return counterKey("tulle_authz_dry_run_total", { action, result, ...of });
    return counterKey("tulle_authz_audit_total", of);
  });
}
