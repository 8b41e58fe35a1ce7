import { z } from "zod";
import { parseDuration } from "./duration.ts";
import { later, strict, text } from "./fields.ts";
import { grpcCode } from "./fault.ts";
import { errorAt, type Finding } from "./finding.ts";
import { headerName } from "./header-operations.ts";
import type { KubeObject } from "./object.ts";
import { ExactPercent } from "./percent.ts";
import type { Report } from "./report.ts";
import { PresenceMatch } from "./string-match.ts";

/** Longer than this no caller waits for anything: what it would show is its own timeout. */
const MAX_DELAY_MS = 30_000;
/** What nobody thinks of any more must not go on. */
const MAX_RUN_MS = 24 * 3_600_000;
const MAX_HEADERS = 16;

const heldFor = text((value) => {
  const ms = parseDuration(value);
  return ms !== null && ms >= 1 && ms <= MAX_DELAY_MS;
}, "a duration in whole ms, such as `1.5s` or `100ms`, from 1 ms to 30 s");

const instant = text((value) => timeOf(value) !== null, "a time in UTC, such as `2026-01-31T12:00:00Z`");

const SHARE = "the share of requests is beside the fault: `spec.percentage`";

export const FaultRehearsal = strict({
  targetRef: strict({
    group: z.string().exactOptional(),
    kind: z.string().min(1),
    name: z.string().min(1),
    namespace: z.string().exactOptional(),
  }),
  route: z.string().min(1).exactOptional(),
  headers: z
    .record(headerName, PresenceMatch)
    .refine((headers) => Object.keys(headers).length <= MAX_HEADERS, { error: `must be at most ${MAX_HEADERS}` })
    .exactOptional(),
  percentage: ExactPercent.exactOptional(),
  delay: strict({ fixedDelay: heldFor }, { percentage: SHARE }).exactOptional(),
  abort: strict(
    {
      httpStatus: z.int().min(200).max(599).exactOptional(),
      grpcStatus: text(
        (value) => grpcCode(value) !== null,
        "a status of gRPC by its name, such as `UNAVAILABLE`, or its number",
      ).exactOptional(),
    },
    { percentage: SHARE },
  ).exactOptional(),
  endsAt: instant,
});

/** An absent `percentage` is all of the requests. */
export type FaultRehearsalSpec = z.infer<typeof FaultRehearsal>;

export function checkFaultRehearsal(spec: FaultRehearsalSpec, report: Report): void {
  checkTarget(spec.targetRef, report.at("targetRef"));
  const { headers = {}, percentage, delay, abort } = spec;
  const names = Object.keys(headers).map((name) => name.toLowerCase());
  for (const [index, name] of Object.keys(headers).entries())
    if (names.indexOf(name.toLowerCase()) < index)
      report.at("headers", name).error("is there in another spelling: names have no case", "FieldValueDuplicate");
  if (percentage !== undefined && (percentage.value ?? 0) === 0)
    report.at("percentage", "value").error("a share of 0 rehearses nothing; leave `percentage` out for all requests");
  if ((delay === undefined) === (abort === undefined))
    report.error("set one of `delay` and `abort`; two rehearsals make both", "FieldValueRequired");
  if (abort !== undefined && (abort.httpStatus === undefined) === (abort.grpcStatus === undefined))
    report.at("abort").error("set one of `httpStatus` and `grpcStatus`", "FieldValueRequired");
}

function checkTarget({ group = "", kind, namespace = "" }: FaultRehearsalSpec["targetRef"], report: Report): void {
  if (namespace !== "")
    report.at("namespace").error("the service is of the rehearsal's own namespace; leave `namespace` out");
  if (kind === "VirtualService" && (group === "networking.istio.io" || group === ""))
    return report
      .at("kind")
      .error(
        "name the service that its routes lead to, and in `route` the name of a rule of it",
        "FieldValueNotSupported",
      );
  if (group === "gateway.networking.k8s.io")
    return report
      .at("kind")
      .error(`\`${kind}\` of Gateway API: ${later("name the service")}`, "FieldValueNotSupported");
  const isKnown =
    (kind === "Service" && (group === "" || group === "core")) ||
    (kind === "ServiceEntry" && group === "networking.istio.io");
  if (!isKnown)
    report
      .at("kind")
      .error(
        'a target is a `Service` (group `""`) or a `ServiceEntry` (group `networking.istio.io`)',
        "FieldValueNotSupported",
      );
}

const INSTANT = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,3})?Z$/;

/** Epoch ms; null: no time in UTC, or a day that the month has not. */
function timeOf(value: string): number | null {
  const [, seconds] = INSTANT.exec(value) ?? [];
  const ms = seconds === undefined ? Number.NaN : Date.parse(value);
  return Number.isNaN(ms) || new Date(ms).toISOString().slice(0, 19) !== seconds ? null : ms;
}

/** When a rehearsal ends, epoch ms; null: the object is none. */
export function endOfRehearsal({ kind, apiVersion, spec }: KubeObject): number | null {
  if (kind !== "FaultRehearsal" || !apiVersion.startsWith("tulle.dev/")) return null;
  return timeOf((spec as FaultRehearsalSpec).endsAt);
}

/** What is wrong with the end of a rehearsal that is written now. @param now epoch ms */
export function checkEnd(object: KubeObject, now: number): readonly Finding[] {
  const endsAt = endOfRehearsal(object);
  if (endsAt === null) return [];
  const wrong = (message: string) => [errorAt("spec.endsAt", message)];
  if (endsAt <= now) return wrong(`is past: it is ${new Date(now).toISOString()} now`);
  if (endsAt > now + MAX_RUN_MS)
    return wrong(
      `is more than 24 hours away, the longest that a rehearsal runs: it is ${new Date(now).toISOString()} now`,
    );
  return [];
}
