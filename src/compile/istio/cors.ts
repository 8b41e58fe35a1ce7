import type { CorsPolicySpec } from "../../resources/cors.ts";
import { parseDuration } from "../../resources/duration.ts";
import type { CorsPolicy } from "../../snapshot/model.ts";
import { stringModel } from "../string-match.ts";

export function corsModel(spec: CorsPolicySpec): CorsPolicy {
  const { allowOrigins, allowOrigin = [], allowMethods, allowHeaders, exposeHeaders, maxAge, allowCredentials } = spec;
  const methods = joined(allowMethods);
  const headers = joined(allowHeaders);
  const exposed = joined(exposeHeaders);
  return {
    origins: (allowOrigins ?? allowOrigin.map((exact) => ({ exact }))).map(stringModel),
    ...(methods !== undefined && { methods }),
    ...(headers !== undefined && { headers }),
    ...(exposed !== undefined && { exposed }),
    ...(maxAge !== undefined && { maxAge: (parseDuration(maxAge) ?? 0) / 1_000 }),
    ...(allowCredentials === true && { credentials: true }),
    unmatched: spec.unmatchedPreflights === "IGNORE" ? "IGNORE" : "FORWARD",
  };
}

/** An empty list says nothing. */
function joined(list: readonly string[] | undefined): string | undefined {
  return list === undefined || list.length === 0 ? undefined : list.join(",");
}
