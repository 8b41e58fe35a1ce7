import { z } from "zod";
import { REDIRECT_CODES } from "../snapshot/model.ts";
import { isAuthorityValue } from "./authority.ts";
import { choice, strict, text } from "./fields.ts";
import { base64Problem } from "./base64.ts";
import type { UriKind } from "./http-match.ts";
import type { Report } from "./report.ts";

/** What stands in a Location as it is: visible ASCII. */
const isVisible = (value: string): boolean => /^[\x21-\x7e]*$/.test(value) && !value.includes("\\");

const redirectCode = z.int().superRefine((code, ctx) => {
  // To Istio 0 is a field that is not set.
  if (code === 0 || REDIRECT_CODES.some((known) => known === code)) return;
  ctx.addIssue({ code: "custom", message: "must be 301, 302, 303, 307 or 308" });
});

/** An empty text, and the port 0, are as good as none, as in Istio. */
export const Redirect = strict({
  uri: text(isVisible, "a path of visible ASCII, with escapes for all else").exactOptional(),
  prefixRewrite: text(
    (value) => isVisible(value) && !/[?#]/.test(value),
    "a path of visible ASCII, without query",
  ).exactOptional(),
  authority: text(
    (value) => value === "" || isAuthorityValue(value),
    "a host name with or without port",
  ).exactOptional(),
  port: z.int().min(0).max(65_535).exactOptional(),
  derivePort: choice(["FROM_PROTOCOL_DEFAULT", "FROM_REQUEST_PORT"]).exactOptional(),
  scheme: choice(["http", "https", ""]).exactOptional(),
  redirectCode: redirectCode.exactOptional(),
});

const bytes = z.string().superRefine((value, ctx) => {
  if (base64Problem(value) === "alphabet") ctx.addIssue({ code: "custom", message: "must be base64" });
});

export const DirectResponse = strict({
  status: z.int().min(200).max(599),
  body: strict({ string: z.string().exactOptional(), bytes: bytes.exactOptional() }).exactOptional(),
});

export type RedirectSpec = z.infer<typeof Redirect>;
export type DirectResponseSpec = z.infer<typeof DirectResponse>;

/** `string_` is what code generated of Istio's API calls a body's `string`. */
export function withPlainBody(rule: unknown, place: Report): unknown {
  const { directResponse } = (rule ?? {}) as { readonly directResponse?: unknown };
  const { body } = (directResponse ?? {}) as { readonly body?: unknown };
  const { string_: text, ...others } = (body ?? {}) as { readonly string_?: unknown };
  if (text === undefined || Object.hasOwn(others, "string")) return rule;
  place.at("directResponse", "body", "string_").warn("read as `string`", "TULLE0004");
  return { ...Object(rule), directResponse: { ...Object(directResponse), body: { ...others, string: text } } };
}

/** Statuses whose answers have no body (RFC 9110 section 15). */
export const WITHOUT_BODY: ReadonlySet<number> = new Set([204, 205, 304]);

export function checkRedirect(redirect: RedirectSpec, uris: readonly (UriKind | null)[], report: Report): void {
  const { uri = "", prefixRewrite = "", authority = "", port = 0, derivePort, scheme = "" } = redirect;
  const hasPort = port !== 0 || derivePort !== undefined;
  if (uri === "" && prefixRewrite === "" && authority === "" && scheme === "" && !hasPort)
    report.error("set `uri`, `prefixRewrite`, `authority`, `port`, `derivePort` or `scheme`", "FieldValueRequired");
  if (uri !== "" && prefixRewrite !== "") report.error("set only one of `uri` and `prefixRewrite`");
  if (port !== 0 && derivePort !== undefined) report.error("set only one of `port` and `derivePort`");
  if (authority.includes(":") && (port !== 0 || derivePort === "FROM_REQUEST_PORT"))
    report.at("authority").error("has a port already: set it in one place only");
  if (uri !== "" && !uri.startsWith("/")) report.at("uri").warn("a path begins with `/`: one is put before it");
  if (prefixRewrite !== "" && !prefixRewrite.startsWith("/"))
    report.at("prefixRewrite").warn("a path begins with `/`: one is put before it");
  if (prefixRewrite !== "" && uris.some((kind) => kind !== null && kind !== "prefix"))
    report.at("prefixRewrite").error("needs matches by `uri.prefix`: an `exact` or `regex` has no prefix to replace");
}

/** Bytes, from which on Istio warns, too: every gateway holds the answer. No object may be larger than Istio's limit, 1 MiB. */
const LARGE_BODY = 102_400;

export function checkDirectResponse({ status, body = {} }: DirectResponseSpec, report: Report): void {
  const { string, bytes: base64 } = body;
  const place = report.at("body");
  if (string !== undefined && base64 !== undefined) place.error("set only one of `string` and `bytes`");
  const size = base64 === undefined ? new TextEncoder().encode(string ?? "").length : Math.floor(base64.length * 0.75);
  if (size > LARGE_BODY)
    place.warn("is large: every gateway holds it in memory; a service of its own serves it better");
  if (size > 0 && WITHOUT_BODY.has(status))
    place.warn(`left out: an answer with status ${status} has no body`, "TULLE0003");
  if (base64Problem(base64 ?? "") === "length")
    place.at("bytes").warn("no whole base64: the last character stands for no byte and is left out");
}
