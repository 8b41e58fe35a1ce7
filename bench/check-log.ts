import type { AccessRecord } from "../src/telemetry/record.ts";

type Parts = readonly (readonly [string, boolean])[];

/** The gateway's own log must show that each part of the job was done, or the figures are of another job. */
export function checkLog(log: readonly AccessRecord[]): readonly string[] {
  const share = shareOf(log);
  return missing([
    ["one log line a request", log.length > 1_000],
    [
      "tokens verified",
      share((record) => record.request_principal?.startsWith("https://issuer.bench/") ?? false) > 0.9,
    ],
    ["5 % denied", Math.abs(share((record) => record.status === 403) - 0.05) < 0.02],
    ["header route and split", share((record) => record.cluster?.includes("|v2|") ?? false) > 0.1],
    ["endpoints picked", share((record) => record.endpoint !== null) > 0.9],
    ["trace continued", share((record) => /^[0-9a-f]{32}$/.test(record.trace_id)) === 1],
  ]);
}

/** The same of calls of Workers RPC: by whom they are allowed stands in the caller's props. */
export function checkRpcLog(log: readonly AccessRecord[]): readonly string[] {
  const share = shareOf(log);
  return missing([
    ["one log line a call", log.length > 1_000],
    ["callers identified", share((record) => record.source_principal?.endsWith("/sa/rpc") ?? false) === 1],
    ["5 % denied", Math.abs(share((record) => record.status === 403) - 0.05) < 0.02],
    ["split", Math.abs(share((record) => record.cluster?.includes("|v2|") ?? false) - 0.1) < 0.05],
    ["endpoints picked", share((record) => record.endpoint !== null) > 0.9],
    ["trace begun", share((record) => /^[0-9a-f]{32}$/.test(record.trace_id)) === 1],
  ]);
}

function shareOf(log: readonly AccessRecord[]): (holds: (record: AccessRecord) => boolean) => number {
  return (holds) => log.filter(holds).length / Math.max(1, log.length);
}

function missing(parts: Parts): readonly string[] {
  return parts.filter(([, done]) => !done).map(([part]) => part);
}
