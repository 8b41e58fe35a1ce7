import { bucketOf, type Measured } from "../../src/telemetry/metrics.ts";

/** A call in numbers that took so long. @param changes what else is known of it; by default its bodies are of unknown length */
export function measured(durationMs: number, changes: Partial<Measured> = {}): Measured {
  const { requestBytes = -1, responseBytes = -1 } = changes;
  return {
    durationMs,
    durationBucket: bucketOf(durationMs),
    requestBytes,
    requestBucket: bucketOf(requestBytes),
    responseBytes,
    responseBucket: bucketOf(responseBytes),
    traceId: "",
    at: 0,
    ...changes,
  };
}
