import { z } from "zod";
import { duration } from "./duration.ts";
import { list, percentage, strict, uint32 } from "./fields.ts";
import type { Report } from "./report.ts";

export const OutlierDetection = strict({
  consecutive5xxErrors: uint32.exactOptional(),
  consecutiveGatewayErrors: uint32.exactOptional(),
  /** Before Istio 1.5; read as `consecutive5xxErrors` unless that is set too. */
  consecutiveErrors: uint32.exactOptional(),
  splitExternalLocalOriginErrors: z.boolean().exactOptional(),
  consecutiveLocalOriginFailures: uint32.exactOptional(),
  outlierDetectionHttpErrorCodes: list(z.int().min(100).max(599)).exactOptional(),
  interval: duration.exactOptional(),
  baseEjectionTime: duration.exactOptional(),
  maxEjectionPercent: percentage.exactOptional(),
  minHealthPercent: percentage.exactOptional(),
});

export type OutlierDetectionSpec = z.infer<typeof OutlierDetection>;

const DEFAULT_ERRORS = 5;

/** Errors in a row that eject, by counter; 0: never. */
export interface Thresholds {
  readonly errors: number;
  readonly gatewayErrors: number;
  /** Null: failures without an answer are not counted apart. */
  readonly localErrors: number | null;
}

export function thresholdsOf(spec: OutlierDetectionSpec): Thresholds {
  const split = spec.splitExternalLocalOriginErrors === true;
  return {
    errors: spec.consecutive5xxErrors ?? spec.consecutiveErrors ?? DEFAULT_ERRORS,
    gatewayErrors: spec.consecutiveGatewayErrors ?? 0,
    // 0 is unset here, as in Istio.
    localErrors: split ? spec.consecutiveLocalOriginFailures || DEFAULT_ERRORS : null,
  };
}

export function checkOutlierDetection(spec: OutlierDetectionSpec, report: Report): void {
  const { errors, gatewayErrors, localErrors } = thresholdsOf(spec);
  if ((spec.consecutiveLocalOriginFailures ?? 0) > 0 && localErrors === null)
    report
      .at("consecutiveLocalOriginFailures")
      .error("failures without an answer are counted apart only with `splitExternalLocalOriginErrors: true`");
  if (spec.consecutiveErrors !== undefined)
    report
      .at("consecutiveErrors")
      .warn(
        spec.consecutive5xxErrors === undefined
          ? "the name before Istio 1.5; read as `consecutive5xxErrors`"
          : "the name before Istio 1.5; not used, since `consecutive5xxErrors` is set",
        "TULLE0004",
      );
  if (errors === 0 && gatewayErrors === 0)
    report.warn(
      localErrors === null
        ? "never ejects: every threshold is 0"
        : "answers never eject, since their thresholds are 0: only failures without one do",
      "TULLE0402",
    );
  if (errors > 0 && gatewayErrors >= errors)
    report
      .at("consecutiveGatewayErrors")
      .warn(`never reached: ${errors} errors of any kind (5xx) eject first`, "TULLE0401");
  else if (gatewayErrors > 0 && localErrors !== null && !hasGatewayErrors(spec.outlierDetectionHttpErrorCodes))
    report
      .at("consecutiveGatewayErrors")
      .warn("never reached: none of 502, 503 and 504 is among `outlierDetectionHttpErrorCodes`", "TULLE0401");
  if (spec.minHealthPercent === 100)
    report
      .at("minHealthPercent")
      .warn("every ejection is disregarded: fewer than 100 % are healthy with one ejected", "TULLE0402");
}

function hasGatewayErrors(codes: readonly number[] | undefined): boolean {
  return codes === undefined || codes.some((code) => code >= 502 && code <= 504);
}
