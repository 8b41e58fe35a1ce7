import { z } from "zod";
import { duration, durationOrZero, parseDuration } from "./duration.ts";
import { strict } from "./fields.ts";
import type { Context } from "./kind.ts";
import type { Report } from "./report.ts";

export const Retries = strict({
  attempts: z.int().min(0, { error: "must not be negative" }).max(2_147_483_647).exactOptional(),
  perTryTimeout: duration.exactOptional(),
  retryOn: z.string().exactOptional(),
  retryRemoteLocalities: z.boolean().exactOptional(),
  retryIgnorePreviousHosts: z.boolean().exactOptional(),
  backoff: duration.exactOptional(),
});

/** `attempts` of 0, also by its absence, is for none. An absent or empty `retryOn` is Istio's default. */
export type RetriesSpec = z.infer<typeof Retries>;

const CONDITIONS = [
  "5xx",
  "gateway-error",
  "reset",
  "connect-failure",
  "reset-before-request",
  "retriable-4xx",
  "envoy-ratelimited",
  "cancelled",
  "deadline-exceeded",
  "internal",
  "resource-exhausted",
  "unavailable",
] as const;

type Condition = (typeof CONDITIONS)[number];

function isCondition(part: string): part is Condition {
  return (CONDITIONS as readonly string[]).includes(part);
}

/** Those of Envoy that never hold here, with the reason. */
const NEVER: Readonly<Record<string, string>> = {
  "refused-stream": "a refused HTTP/2 stream is not shown to a Worker; it breaks the call off, which is `reset`",
  "http3-post-connect-failure": "HTTP/3 towards the destination is the platform's affair",
  "retriable-headers": "Istio has no field for the headers",
};

const STATUS_CODES = "retriable-status-codes";

/** Statuses with a name (IANA's registry, as Go and with it Istio has it). */
const NAMED_STATUSES: readonly (readonly [from: number, to: number])[] = [
  [100, 103],
  [200, 208],
  [226, 226],
  [300, 305],
  [307, 308],
  [400, 418],
  [421, 426],
  [428, 429],
  [431, 431],
  [451, 451],
  [500, 508],
  [510, 511],
];

/** Conditions and status codes of `retryOn`; what is neither is left out. */
export function readRetryOn(text: string): {
  readonly conditions: readonly Condition[];
  readonly codes: readonly number[];
} {
  const parts = text.split(",").map((part) => part.trim());
  return {
    conditions: [...new Set(parts.filter(isCondition))],
    codes: [...new Set(parts.filter(isStatusCode).map(Number))],
  };
}

function isStatusCode(part: string): boolean {
  const code = /^\d{3}$/.test(part) ? Number(part) : 0;
  return NAMED_STATUSES.some(([from, to]) => code >= from && code <= to);
}

/** A call to an endpoint is one of the few that the platform lets a request make. */
export const MAX_ATTEMPTS = 25;

/** @param timeout of the whole call, as the route has it */
export function checkRetries(spec: RetriesSpec | undefined, report: Report, timeout = "0s"): void {
  if (spec === undefined) return;
  const whole = parseDuration(timeout) ?? 0;
  if (whole > 0 && (parseDuration(spec.perTryTimeout ?? "0s") ?? 0) >= whole)
    report.at("perTryTimeout").warn(`no effect: the route's \`timeout\` ends the call after ${timeout}`, "TULLE0003");
  const { attempts = 0, retryOn = "", ...others } = spec;
  if (attempts === 0) {
    const set = Object.entries(others).flatMap(([name, value]) => (value === undefined ? [] : name));
    if (retryOn !== "") set.push("retryOn");
    if (set.length > 0)
      report.error(`\`attempts\` is 0, so that nothing is tried again: leave \`${set.join("`, `")}\` out`);
  }
  if (attempts > MAX_ATTEMPTS)
    report.at("attempts").warn(`read as ${MAX_ATTEMPTS}: a request is tried no more often`, "TULLE0002");
  if (retryOn !== "") checkRetryOn(retryOn, report.at("retryOn"));
}

function checkRetryOn(text: string, report: Report): void {
  const parts = text.split(",").map((part) => part.trim());
  for (const part of new Set(parts)) {
    const never = Object.hasOwn(NEVER, part) ? NEVER[part] : undefined;
    if (never !== undefined) report.warn(`\`${part}\` never happens here: ${never}`, "TULLE0410");
    else if (part === "") report.error("a condition is missing between two commas");
    else if (part !== STATUS_CODES && !isCondition(part) && !isStatusCode(part))
      report.error(`\`${part}\` is no condition of Envoy, nor a status code that has a name`);
  }
  const { codes } = readRetryOn(text);
  if (parts.includes(STATUS_CODES) && codes.length === 0)
    report.warn(
      `\`${STATUS_CODES}\` without a status code never happens: add codes to the list, such as \`503\``,
      "TULLE0410",
    );
}

const IDLE_TIMEOUT = "tulle.dev/idle-timeout";

/** @returns milliseconds; undefined where the annotation is absent or `0s` */
export function idleTimeoutOf(annotations: Readonly<Record<string, string>> = {}): number | undefined {
  const text = annotations[IDLE_TIMEOUT];
  const ms = text === undefined ? 0 : (parseDuration(text) ?? 0);
  return ms === 0 ? undefined : ms;
}

export function checkIdleTimeout({ metadata, object }: Context): void {
  const text = metadata.annotations?.[IDLE_TIMEOUT];
  if (text === undefined) return;
  const read = durationOrZero.safeParse(text);
  if (!read.success)
    object.at("metadata", "annotations", IDLE_TIMEOUT).error(read.error.issues[0]?.message ?? "must be a duration");
}
