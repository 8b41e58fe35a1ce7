import { err, ok, type Result } from "../result.ts";
import type { PathOptions } from "../snapshot/model.ts";
import { withCapitalEscapes, withoutNeedlessEscapes } from "./unreserved.ts";

/** Why a path is refused. A `code` is public: add, never rename. */
export interface PathError {
  readonly code:
    | "path_control_byte"
    | "path_escape_malformed"
    | "path_null"
    | "path_overlong_utf8"
    | "path_escaped_slash"
    | "path_params"
    | "path_too_long";
}

export interface CanonicalPath {
  /** What rules are matched against: `;params` cut, escapes in capitals. */
  readonly match: string;
  /** What is sent on: `;params` kept, escapes as they came. */
  readonly forward: string;
}

/** As long as the platform lets a URL be. */
export const MAX_PATH = 16_384;

/** Segments of plain characters that do not begin with a dot: nothing here that two readers could read in two ways. */
const PLAIN = /^(?:\/[\w~!$&'()*+,=:@-][\w.~!$&'()*+,=:@-]*)*\/?$/;

/** Complete UTF-8 sequences that spell a character in more bytes than it needs; `%c0%af` is a slash to lax decoders. */
const OVERLONG = /%c[01]%[89ab][0-9a-f]|%e0%[89][0-9a-f]%[89ab][0-9a-f]|%f0%8[0-9a-f]%[89ab][0-9a-f]%[89ab][0-9a-f]/i;

/**
 * The one path of a request, made once, for routing, policy, logs and forwarding (R1, R2). Running it on its own result
 * changes nothing; nothing is decoded twice.
 *
 * @param pathname `new URL(request.url).pathname`: begins with a slash; untrusted
 */
export function canonicalPath(pathname: string, options: PathOptions): Result<CanonicalPath, PathError> {
  if (pathname.length > MAX_PATH) return err({ code: "path_too_long" });
  if (PLAIN.test(pathname)) return ok({ match: pathname, forward: pathname });

  if (/[^ -~\u0080-\uffff]/.test(pathname)) return err({ code: "path_control_byte" });
  if (/%(?![0-9a-f]{2})/i.test(pathname)) return err({ code: "path_escape_malformed" });
  if (/%00/.test(pathname)) return err({ code: "path_null" });
  if (OVERLONG.test(pathname)) return err({ code: "path_overlong_utf8" });

  let path = withoutNeedlessEscapes(pathname);
  if (/%2f|%5c/i.test(path)) {
    if (options.escapedSlashes === "REFUSE") return err({ code: "path_escaped_slash" });
    if (options.escapedSlashes === "DECODE") path = path.replace(/%2f|%5c/gi, "/");
  }
  path = path.replaceAll("\\", "/");
  path = withoutDotSegments(options.mergeSlashes ? path.replace(/\/{2,}/g, "/") : path);
  // Some servers decode before they cut: where params are refused, the escaped form is one too.
  if (options.params === "REFUSE" && /;|%3b/i.test(path)) return err({ code: "path_params" });
  if (!path.includes(";")) return ok({ match: withCapitalEscapes(path), forward: path });

  const segments = path.split("/").map((segment) => segment.replace(/;.*$/s, ""));
  // `/a/..;/b` is `/b` to servers that cut parameters before they resolve dots.
  const odd = path.split("/").some((segment, at) => segment.includes(";") && /^\.{0,2}$/.test(segments[at] ?? ""));
  return odd ? err({ code: "path_params" }) : ok({ match: withCapitalEscapes(segments.join("/")), forward: path });
}

/** RFC 3986 section 5.2.4, on an absolute path. */
function withoutDotSegments(path: string): string {
  if (!/\/\.{1,2}(?:\/|$)/.test(path)) return path;
  const out: string[] = [];
  const segments = path.split("/").slice(1);
  for (const [at, segment] of segments.entries()) {
    const last = at === segments.length - 1;
    if (segment === "..") out.pop();
    else if (segment !== ".") out.push(segment);
    if (last && (segment === "." || segment === "..")) out.push("");
  }
  return `/${out.join("/")}`;
}
