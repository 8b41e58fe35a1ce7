import { z } from "zod";
import { GRPC_CODES } from "../request/grpc.ts";
import { duration } from "./duration.ts";
import { never, percentage, REASON, strict, text } from "./fields.ts";
import { ExactPercent } from "./percent.ts";
import type { Report } from "./report.ts";

/** @returns the number of a gRPC status code, by its name in capitals or its number; null for no such code */
export function grpcCode(input: string): number | null {
  const code = /^(?:\d|1\d)$/.test(input) ? Number(input) : GRPC_CODES.findIndex((name) => name === input);
  return code >= 0 && code < GRPC_CODES.length ? code : null;
}

const Delay = strict(
  {
    percentage: ExactPercent.exactOptional(),
    /** The older form, in whole percent. */
    percent: percentage.exactOptional(),
    fixedDelay: duration.exactOptional(),
  },
  { exponentialDelay: never("Istio never implemented it; use `fixedDelay`") },
);

const Abort = strict(
  {
    percentage: ExactPercent.exactOptional(),
    httpStatus: z.int().min(200).max(599).exactOptional(),
    grpcStatus: text(
      (value) => grpcCode(value) !== null,
      "a status of gRPC by its name, such as `UNAVAILABLE`, or its number",
    ).exactOptional(),
  },
  {
    http2Error: never(REASON.framing),
    percent: never("Istio dropped it; write `percentage: {value: 10}`"),
  },
);

export const Fault = strict({ delay: Delay.exactOptional(), abort: Abort.exactOptional() });

/** An absent `percentage` is none, as in Istio. */
export type FaultSpec = z.infer<typeof Fault>;

export function checkFault(fault: FaultSpec | undefined, report: Report): void {
  if (fault === undefined) return;
  const { delay, abort } = fault;
  if (delay === undefined && abort === undefined) report.error("set `delay`, `abort` or both", "FieldValueRequired");
  if (delay !== undefined) checkDelay(delay, report.at("delay"));
  if (abort !== undefined) checkAbort(abort, report.at("abort"));
}

function checkDelay({ percentage: share, percent, fixedDelay }: z.infer<typeof Delay>, report: Report): void {
  if (percent !== undefined)
    report
      .at("percent")
      .warn(
        share === undefined
          ? "the older form; read as `percentage`"
          : "the older form; not used, since `percentage` is set",
        "TULLE0004",
      );
  if (share === undefined && percent === undefined)
    report.warn("no effect: without `percentage` no request is delayed", "TULLE0003");
  if (fixedDelay === undefined) report.warn("no effect without `fixedDelay`", "TULLE0003");
}

function checkAbort({ percentage: share, httpStatus, grpcStatus }: z.infer<typeof Abort>, report: Report): void {
  if (httpStatus !== undefined && grpcStatus !== undefined)
    report.error("set only one of `httpStatus` and `grpcStatus`");
  if (share === undefined) report.warn("no effect: without `percentage` no request is aborted", "TULLE0003");
  if (httpStatus === undefined && grpcStatus === undefined)
    report.warn("no effect without `httpStatus` or `grpcStatus`", "TULLE0003");
}
