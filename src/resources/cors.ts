import { z } from "zod";
import { parseDuration } from "./duration.ts";
import { choice, strict, text } from "./fields.ts";
import { isHeaderName } from "./header-operations.ts";
import type { Report } from "./report.ts";
import { StringMatch, type StringMatchSpec } from "./string-match.ts";

/** Those that Istio takes here, in capitals; `*` is for any. */
const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE", "*"] as const;

/** An empty `exact` or `regex` allows nobody, so Istio refuses it as it does an empty `prefix`. */
const Origin = StringMatch.refine(({ exact }) => exact !== "", { error: "must not be empty" });

const listedHeader = text((name) => name === "*" || isHeaderName(name), "a header name, or `*`");

/** Timers end at 31 bits of milliseconds, ages of an answer do not; browsers keep none longer than a day. */
const wholeSeconds = text((value) => {
  const milliseconds = parseDuration(value);
  return milliseconds !== null && milliseconds >= 1_000 && milliseconds % 1_000 === 0;
}, "a duration in whole seconds, such as `600s` or `24h`");

export const CorsPolicy = strict({
  allowOrigins: z.array(Origin).exactOptional(),
  /** The older form: exact values, or `*`. */
  allowOrigin: z.array(z.string().min(1)).exactOptional(),
  allowMethods: z.array(choice(METHODS)).exactOptional(),
  allowHeaders: z.array(listedHeader).exactOptional(),
  exposeHeaders: z.array(listedHeader).exactOptional(),
  maxAge: wholeSeconds.exactOptional(),
  allowCredentials: z.boolean().exactOptional(),
  unmatchedPreflights: choice(["UNSPECIFIED", "FORWARD", "IGNORE"]).exactOptional(),
});

/** Without `allowOrigins` those of `allowOrigin` count. */
export type CorsPolicySpec = z.infer<typeof CorsPolicy>;

export function checkCors(policy: CorsPolicySpec | undefined, report: Report): void {
  if (policy === undefined) return;
  const { allowOrigins, allowOrigin, allowCredentials, unmatchedPreflights } = policy;
  if (allowOrigin !== undefined)
    report
      .at("allowOrigin")
      .warn(
        allowOrigins === undefined
          ? "the older form; read as `allowOrigins` with `exact`"
          : "the older form; not used, since `allowOrigins` is set",
        "TULLE0004",
      );
  const origins: readonly StringMatchSpec[] = allowOrigins ?? (allowOrigin ?? []).map((exact) => ({ exact }));
  const field = allowOrigins === undefined ? "allowOrigin" : "allowOrigins";
  for (const [index, { exact }] of origins.entries())
    if (exact !== undefined && !isOrigin(exact)) report.at(field, index).warn(NEVER_SENT, "TULLE0203");
  if (origins.length === 0 && unmatchedPreflights !== "IGNORE")
    report.warn("no effect: without `allowOrigins` no origin is allowed", "TULLE0003");
  if (allowCredentials === true && origins.some(takesAll))
    report
      .at("allowCredentials")
      .warn("any site may read answers that are meant for the user who is logged in", "TULLE0601");
}

const NEVER_SENT =
  "never matches: browsers send scheme, host, and port where it is not the scheme's own, in small letters, as in `https://app.example.com`; patterns are for `regex`";

/** What browsers send as `Origin`, or `*` for whatever they send. */
function isOrigin(text: string): boolean {
  if (text === "*" || text === "null") return true;
  if (text.includes("*")) return false;
  // Of other schemes, such as those of extensions, a URL knows no origin.
  if (!/^https?:/i.test(text)) return /^[a-z][a-z0-9+.-]*:\/\/[^/?#]+$/.test(text);
  return URL.parse(text)?.origin === text;
}

function takesAll({ exact, regex }: StringMatchSpec): boolean {
  return exact === "*" || regex === ".*";
}
