import type { ShadowNote } from "../policy/shadow.ts";
import type { Cluster } from "../snapshot/model.ts";
import { counterKey } from "./counters.ts";
import { quoted, quotedOrNull } from "./json-text.ts";

/** A workload has seldom more than one; what is beyond is counted, and not in the line, whose length has a bound. */
const MAX_NOTES = 4;
const POLICY_BYTES = 96;

/** What the fields may take at most, names of fields and of actions with them. */
export const SHADOW_BYTES = 832;

/** The fields `audit` and `dry_run` of the access log, with a comma before each. */
export function shadowFields(notes: readonly ShadowNote[]): string {
  const told = notes.slice(0, MAX_NOTES);
  const audited = told.filter(({ dryRun }) => !dryRun).map(({ policy }) => quoted(policy ?? "", POLICY_BYTES));
  const tried = told
    .filter(({ dryRun }) => dryRun)
    .map(
      ({ action, result, policy }) =>
        `{"action":"${action}","shadow_engine_result":"${result}","shadow_effective_policy_id":${quotedOrNull(policy, POLICY_BYTES)}}`,
    );
  const audit = audited.length === 0 ? "" : `,"audit":[${audited.join(",")}]`;
  return tried.length === 0 ? audit : `${audit},"dry_run":[${tried.join(",")}]`;
}

/** Keys of the counters that notes count at. @param cluster where the request goes, where that was decided */
export function shadowCounts(notes: readonly ShadowNote[], cluster: Cluster | null): readonly string[] {
  const to = cluster?.id ?? "-";
  return notes.map(({ action, dryRun, result, policy }) =>
    dryRun
      ? counterKey("tulle_authz_dry_run_total", { action, result, policy: policy ?? "none", cluster: to })
      : counterKey("tulle_authz_audit_total", { policy: policy ?? "", cluster: to }),
  );
}
