import { z } from "zod";
import { hasStatus, parseFormat, VARIABLES } from "../request/header-format.ts";
import { isProofOfCaller } from "../request/header-names.ts";
import { isAuthorityValue } from "./authority.ts";
import { later, never, strict, text } from "./fields.ts";
import type { Report } from "./report.ts";

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** A field name of RFC 9110 section 5.1. */
export function isHeaderName(name: string): boolean {
  return name.length <= 256 && TOKEN.test(name);
}

/** Why a header that `isProofOfCaller` is cannot be filled. */
export const PROOF_OF_CALLER = "tells a service who calls, which the mesh alone says (R9); use another name";

export const headerName = text(isHeaderName, "a header name");

/** What frames a message or belongs to one connection; the platform writes these. */
const FRAMING = new Set([
  "connection",
  "content-length",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

function nameProblem(name: string): string | null {
  if (FRAMING.has(name.toLowerCase()))
    return `\`${name}\`: ${never("the platform writes the headers that frame a message")}`;
  if (name.toLowerCase() === ":authority" || isHeaderName(name)) return null;
  return name.startsWith(":") ? "only `:authority` of the pseudo-headers can be changed" : "must be a header name";
}

function valueProblem(value: string): string | null {
  // A line break would begin another header, a NUL is refused by the runtime in mid-request.
  if (/[^\t\x20-\x7e\x80-\uffff]/.test(value)) return "must not hold control characters";
  const format = parseFormat(value);
  if (format.ok) return null;
  return format.error.code === "lone_percent"
    ? "a lone `%` is invalid; write `%%` for a percent sign"
    : `\`${format.error.variable}\`: ${later(`${VARIABLES.join(", ")} work; \`%%\` is a percent sign`)}`;
}

function checked(problem: (value: string) => string | null): z.ZodString {
  return z.string().superRefine((value, ctx) => {
    const message = problem(value);
    if (message !== null) ctx.addIssue({ code: "custom", message });
  });
}

const changes = z.record(checked(nameProblem), checked(valueProblem));

/** `remove` first, then `set` (overwrite) and `add` (append). Values are Envoy's formats, in which `%%` stands for `%`. */
const HeaderOperations = strict({
  set: changes.exactOptional(),
  add: changes.exactOptional(),
  remove: z.array(checked(nameProblem)).exactOptional(),
});

export const Headers = strict({
  request: HeaderOperations.exactOptional(),
  response: HeaderOperations.exactOptional(),
});

export type HeadersSpec = z.infer<typeof Headers>;

/** `Host` and `:authority`, in any case, name the request's authority. */
function isAuthority(name: string): boolean {
  return name.toLowerCase() === "host" || name.toLowerCase() === ":authority";
}

/** @returns how many operations of `headers` set the authority of the request */
export function checkHeaders(headers: HeadersSpec | undefined, report: Report): number {
  if (headers === undefined) return 0;
  let authorities = 0;
  for (const side of ["request", "response"] as const) {
    const operations = headers[side];
    for (const verb of ["set", "add"] as const) {
      const names = Object.keys(operations?.[verb] ?? {});
      const seen = new Set<string>();
      for (const name of names) {
        const place = report.at(side, verb, name);
        if (seen.has(name.toLowerCase())) place.error("the same header in another case", "FieldValueDuplicate");
        seen.add(name.toLowerCase());
        const value = operations?.[verb]?.[name] ?? "";
        if (side === "request" && isProofOfCaller(name)) place.error(PROOF_OF_CALLER);
        if (value === "")
          place.warn("an empty value changes nothing; use `remove` to take the header away", "TULLE0003");
        const format = parseFormat(value);
        if (side === "request" && format.ok && hasStatus(format.value))
          place.error("`%RESPONSE_CODE%`: a request has no status yet; it is for answers");
        if (!isAuthority(name)) continue;
        if (side === "response") place.error("an answer has no authority");
        else if (value !== "") authorities += 1;
        if (side === "request" && value !== "" && !isAuthorityValue(value))
          place.error("must be a host name with or without port");
      }
    }
    for (const [index, name] of (operations?.remove ?? []).entries())
      if (isAuthority(name))
        report.at(side, "remove", index).error("the authority cannot be removed; use `rewrite.authority` to change it");
  }
  return authorities;
}
