import type { AccessRecord } from "../src/telemetry/record.ts";

/** The gateway's own log must show that each part of the job was done, or the figures are of another job. */
export function checkLog(log: readonly AccessRecord[]): readonly string[] {
  const share = (holds: (record: AccessRecord) => boolean) => log.filter(holds).length / Math.max(1, log.length);
  const parts: readonly (readonly [string, boolean])[] = [
    ["one log line a request", log.length > 1_000],
    [
      "tokens verified",
      share((record) => record.request_principal?.startsWith("https://issuer.bench/") ?? false) > 0.9,
    ],
    ["5 % denied", Math.abs(share((record) => record.status === 403) - 0.05) < 0.02],
    ["header route and split", share((record) => record.cluster?.includes("|v2|") ?? false) > 0.1],
    ["endpoints picked", share((record) => record.endpoint !== null) > 0.9],
    ["trace continued", share((record) => /^[0-9a-f]{32}$/.test(record.trace_id)) === 1],
  ];
  return parts.filter(([, done]) => !done).map(([part]) => part);
}
