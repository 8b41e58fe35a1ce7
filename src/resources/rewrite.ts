import { RE2JS } from "re2js";
import { z } from "zod";
import { parseSubstitution } from "../match/substitution.ts";
import { isAuthorityValue } from "./authority.ts";
import { strict, text } from "./fields.ts";
import type { Report } from "./report.ts";
import { regexProblem } from "./string-match.ts";

/** What the path is replaced by: a path alone, without the segments that normalization would take out again. */
function isPlainPath(path: string): boolean {
  if (!path.startsWith("/") || /[^\x21-\x7e]|[?#\\]/.test(path) || path.includes("//")) return false;
  return path.split("/").every((segment) => !/^(\.|%2e){1,2}$/i.test(segment));
}

/** Longer ones would let a short path grow without need. */
const MAX_SUBSTITUTION = 1_024;

const UriRegexRewrite = strict({ match: z.string(), rewrite: z.string() }).superRefine(({ match, rewrite }, ctx) => {
  const bad = (path: string, message: string): void => {
    ctx.addIssue({ code: "custom", path: [path], message });
  };
  const problem = regexProblem(match);
  if (problem !== null) return bad("match", problem);
  if (rewrite === "") return bad("rewrite", "is required: what matches cannot be replaced by nothing");
  if (rewrite.length > MAX_SUBSTITUTION)
    return bad("rewrite", `must not be longer than ${MAX_SUBSTITUTION} characters`);
  if (/[^\x21-\x7e]|[?#]/.test(rewrite)) return bad("rewrite", "must be visible ASCII, a path without query");
  const parts = parseSubstitution(rewrite);
  if (parts === null) return bad("rewrite", "`\\` stands before the number of a group, or another `\\`");
  const groups = RE2JS.compile(match).groupCount();
  const highest = Math.max(...parts.map((part) => (typeof part === "number" ? part : 0)));
  if (highest > groups) bad("rewrite", `\`\\${highest}\`: \`match\` has ${groups} groups`);
});

/** An empty text is as good as none, as in Istio. */
export const Rewrite = strict({
  uri: text(
    (path) => path === "" || isPlainPath(path),
    "a path that begins with `/`, without query, `//`, `\\` and dot segments; groups such as `\\1` are for `uriRegexRewrite`",
  ).exactOptional(),
  uriRegexRewrite: UriRegexRewrite.exactOptional(),
  authority: text(
    (value) => value === "" || isAuthorityValue(value),
    "a host name with or without port",
  ).exactOptional(),
});

export type RewriteSpec = z.infer<typeof Rewrite>;

export function checkRewrite({ uri = "", uriRegexRewrite, authority = "" }: RewriteSpec, report: Report): void {
  if (uri !== "" && uriRegexRewrite !== undefined) report.error("set only one of `uri` and `uriRegexRewrite`");
  if (uri === "" && uriRegexRewrite === undefined && authority === "")
    report.error("set `uri`, `uriRegexRewrite` or `authority`", "FieldValueRequired");
}
