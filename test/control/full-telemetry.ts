import { METRIC_LABELS } from "../../src/telemetry/metrics.ts";
import type { RunningControl } from "./running.ts";

/** So many series of each kind there may be. */
export const MAX_SERIES = 4_000;
const AT_ONCE = 500;
const BUCKETS = Array.from({ length: 20 }, (_, at) => at + 1);

/** As long as the labels of a real mesh are: 850 characters as text. */
function series(at: number) {
  return {
    labels: JSON.stringify(["source", ...METRIC_LABELS.slice(1).map((name) => `${name}-${at}`)]),
    requests: 210,
    durationMsSum: 1,
    durationBuckets: BUCKETS,
    requestBytes: { sum: 1, buckets: BUCKETS },
    responseBytes: { sum: 1, buckets: BUCKETS },
    exemplar: { traceId: at.toString(16).padStart(32, "0"), durationMs: at % 2_000, at: 1_700_000_000_000 },
  };
}

const route = (at: number) => ({
  labels: JSON.stringify([
    `default/a-virtual-service/${at}`,
    "",
    `outbound|80|v1|service-${at}.default.svc.cluster.local`,
  ]),
  requests: 210,
  durationMsSum: 1,
  durationBuckets: BUCKETS,
});

/** A quarter more series than there may be. */
export async function fillTelemetry(control: RunningControl): Promise<void> {
  for (let sequence = 1; sequence <= (MAX_SERIES * 1.25) / AT_ONCE; sequence += 1) {
    const [metrics, routes] = [series, route].map((make) =>
      Array.from({ length: AT_ONCE }, (_, at) => make(sequence * AT_ONCE + at)),
    );
    await control.rpc("STATE", "report", { source: "many", sequence, metrics, routes, dropped: {} });
  }
}
