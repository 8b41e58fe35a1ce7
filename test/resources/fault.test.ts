import { describe, expect, it } from "vitest";
import { found } from "./parsed.ts";

const fault = (fields: string) =>
  found(
    "networking.istio.io/v1",
    "VirtualService",
    `{hosts: [reviews], http: [{route: [{destination: {host: reviews}}], fault: {${fields}}}]}`,
  ).map((finding) => finding.replace("spec.http[0].fault", "fault"));
const half = "percentage: {value: 50}";

describe("fault", () => {
  it.each([
    `delay: {${half}, fixedDelay: 3s}, abort: {percentage: {value: 0.0001}, httpStatus: 200}`,
    `abort: {${half}, grpcStatus: DEADLINE_EXCEEDED}`,
    `abort: {${half}, grpcStatus: "14"}`,
    "abort: {percentage: {value: 0}, httpStatus: 599}",
    "delay: {percentage: {}, fixedDelay: 1ms}",
  ])("takes %s", (fields) => {
    expect(fault(fields)).toEqual([]);
  });

  it.each([
    ["neither delay nor abort", "", "Required fault"],
    ["a share above 100", "delay: {percentage: {value: 101}, fixedDelay: 3s}", "Invalid fault.delay.percentage.value"],
    [
      "a negative share",
      "abort: {percentage: {value: -10.0}, httpStatus: 500}",
      "Invalid fault.abort.percentage.value",
    ],
    [
      "a share below a millionth",
      "abort: {percentage: {value: 0.00005}, httpStatus: 500}",
      "Invalid fault.abort.percentage",
    ],
    ["an older share above 100", "delay: {percent: 101, fixedDelay: 3s}", "Invalid fault.delay.percent"],
    ["half a percent in the older form", "delay: {percent: 0.5, fixedDelay: 3s}", "Invalid fault.delay.percent"],
    ["a delay in nanoseconds", `delay: {${half}, fixedDelay: 3.000000042s}`, "Invalid fault.delay.fixedDelay"],
    ["no time as a delay", `delay: {${half}, fixedDelay: 0s}`, "Invalid fault.delay.fixedDelay"],
    ["a delay that grows", `delay: {${half}, exponentialDelay: 3s}`, "NotSupported fault.delay.exponentialDelay"],
    ["a status below 200", `abort: {${half}, httpStatus: 100}`, "Invalid fault.abort.httpStatus"],
    ["a status above 599", `abort: {${half}, httpStatus: 600}`, "Invalid fault.abort.httpStatus"],
    ["an unknown gRPC status", `abort: {${half}, grpcStatus: BAD_STATUS}`, "Invalid fault.abort.grpcStatus"],
    ["a gRPC status in small letters", `abort: {${half}, grpcStatus: unavailable}`, "Invalid fault.abort.grpcStatus"],
    ["gRPC status 17", `abort: {${half}, grpcStatus: "17"}`, "Invalid fault.abort.grpcStatus"],
    ["both statuses", `abort: {${half}, grpcStatus: OK, httpStatus: 500}`, "Invalid fault.abort"],
    ["an error of HTTP/2", `abort: {${half}, http2Error: REFUSED_STREAM}`, "NotSupported fault.abort.http2Error"],
    ["an older share of aborts", "abort: {percent: 10, httpStatus: 500}", "NotSupported fault.abort.percent"],
    ["null for a delay", `delay: null, abort: {${half}, httpStatus: 500}`, "Invalid fault.delay"],
  ])("refuses %s", (_, fields, error) => {
    expect(fault(fields)).toEqual([`error ${error}`]);
  });

  it.each([
    ["a delay without a share", "delay: {fixedDelay: 3s}", "fault.delay"],
    ["a share without a delay", `delay: {${half}}`, "fault.delay"],
    ["an abort without a share", "abort: {httpStatus: 200}", "fault.abort"],
    ["an abort without a status", `abort: {${half}}`, "fault.abort"],
    ["a share in the older form", "delay: {percent: 10, fixedDelay: 3s}", "fault.delay.percent"],
    ["a share in both forms", `delay: {percent: 10, ${half}, fixedDelay: 3s}`, "fault.delay.percent"],
  ])("warns of %s", (_, fields, place) => {
    expect(fault(fields)).toEqual([`warning Invalid ${place}`]);
  });
});
