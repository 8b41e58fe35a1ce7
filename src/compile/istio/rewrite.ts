import type { RewriteSpec } from "../../resources/rewrite.ts";
import type { Route } from "../../snapshot/model.ts";

export function rewriteModel({
  uri = "",
  uriRegexRewrite: regex,
  authority = "",
}: RewriteSpec): Pick<Route, "rewrite"> {
  const rewrite = { ...(uri !== "" && { uri }), ...(regex && { regex }), ...(authority !== "" && { authority }) };
  return { rewrite };
}
