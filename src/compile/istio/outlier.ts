import { parseDuration } from "../../resources/duration.ts";
import { type OutlierDetectionSpec, thresholdsOf } from "../../resources/outlier-detection.ts";
import type { OutlierSettings } from "../../snapshot/model.ts";

/**
 * Envoy's defaults, as Istio passes them on.
 *
 * @param alwaysEjectOne whether one endpoint may be ejected whatever the share
 */
export function outlierSettings(spec: OutlierDetectionSpec, alwaysEjectOne: boolean): OutlierSettings {
  const ms = (text: string | undefined, otherwise: number): number =>
    (text === undefined ? null : parseDuration(text)) ?? otherwise;
  const { errors, gatewayErrors, localErrors } = thresholdsOf(spec);
  const codes = spec.outlierDetectionHttpErrorCodes;
  return {
    consecutive5xx: errors,
    consecutiveGatewayErrors: gatewayErrors,
    ...(localErrors !== null && { consecutiveLocalOrigin: localErrors }),
    ...(codes !== undefined && { errorStatuses: codes }),
    intervalMs: ms(spec.interval, 10_000),
    baseEjectionMs: ms(spec.baseEjectionTime, 30_000),
    // 0 is unset here, as in Istio.
    maxEjectionPercent:
      spec.maxEjectionPercent === undefined || spec.maxEjectionPercent === 0 ? 10 : spec.maxEjectionPercent,
    minHealthPercent: spec.minHealthPercent ?? 0,
    alwaysEjectOne,
  };
}
