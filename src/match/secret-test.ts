import { canonicalJson } from "../snapshot/canonical.ts";
import { foldedName } from "../request/header-names.ts";
import { ConclusionMissing } from "../request/facts.ts";
import type { Test } from "./rule-index.ts";

/** Headers whose values no record holds, whatever rules name them: those that are known to carry credentials, `-` for `_` and `.`. */
const SECRET_HEADERS = new Set([
  "authorization",
  "cookie",
  "proxy-authorization",
  "x-api-key",
  "api-key",
  "apikey",
  "x-apikey",
  "x-goog-api-key",
  "x-auth-token",
  "x-access-token",
  "x-amz-security-token",
  "x-csrf-token",
  "x-vault-token",
  "private-token",
  "cf-access-client-secret",
  "cf-access-jwt-assertion",
]);

/** URLs of pages, lower case: what stands behind `?` or `#` there may be a secret. */
export const LINK_HEADERS: ReadonlySet<string> = new Set(["referer", "location", "content-location"]);

/** @param name lower case */
export function isSecretHeader(name: string, places: ReadonlySet<string>): boolean {
  return SECRET_HEADERS.has(foldedName(name)) || places.has(name);
}

/**
 * A test on a value that is not recorded. While a request is written down its verdict is noted by the test's name; where a
 * record is replayed the verdict stands in for the value.
 *
 * @param stage who asks: what a header holds may differ between the Gateway's checks, the route's and the destination's
 * @param rule what the author wrote: names the test, so that a record outlives other changes of the configuration
 */
export function concluded(stage: string, rule: unknown, holds: Test): Test {
  const name = `${stage} ${canonicalJson(rule)}`;
  return (facts, tokens) => {
    const { conclusions } = facts;
    if (conclusions === null) return holds(facts, tokens);
    if (conclusions.mode === "read") {
      const verdict = conclusions.by.get(name);
      if (verdict === undefined) throw new ConclusionMissing(name);
      return verdict;
    }
    const verdict = holds(facts, tokens);
    conclusions.by.set(name, verdict);
    return verdict;
  };
}
