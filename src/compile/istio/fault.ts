import { httpOfGrpc } from "../../request/grpc.ts";
import { parseDuration } from "../../resources/duration.ts";
import { type FaultSpec, grpcCode } from "../../resources/fault.ts";
import { shareOf } from "../../resources/percent.ts";
import type { Fault } from "../../snapshot/model.ts";

/** @returns undefined where nothing would ever be injected */
export function faultModel({ delay, abort }: FaultSpec): Fault | undefined {
  const model = { ...delayModel(delay), ...abortModel(abort) };
  return Object.keys(model).length === 0 ? undefined : model;
}

function delayModel(spec: FaultSpec["delay"]): Pick<Fault, "delay"> {
  const ms = parseDuration(spec?.fixedDelay ?? "") ?? 0;
  const share = shareOf(spec?.percentage ?? { value: spec?.percent ?? 0 });
  return share === 0 || ms === 0 ? {} : { delay: { share, ms } };
}

function abortModel(spec: FaultSpec["abort"]): Pick<Fault, "abort"> {
  const share = shareOf(spec?.percentage ?? {});
  const code = spec?.grpcStatus === undefined ? null : grpcCode(spec.grpcStatus);
  const status = code === null ? spec?.httpStatus : httpOfGrpc(code);
  if (share === 0 || status === undefined) return {};
  return { abort: { share, status, ...(code !== null && { grpcStatus: code }) } };
}
