import { never } from "./fields.ts";
import type { Report } from "./report.ts";

/** What is looked at of an AuthorizationPolicy. */
interface Written {
  readonly action?: string;
  readonly provider?: { readonly name: string };
  readonly rules?: readonly {
    readonly from?: readonly { readonly source: Readonly<Record<string, unknown>> }[];
    readonly when?: readonly { readonly key: string }[];
  }[];
}

/** A provider is asked before tokens are verified, so that it may bring one, as in Istio: no rule of its own can look at tokens. API keys are known by then. */
export function checkCustom({ action, provider, rules }: Written, report: Report): void {
  if (action !== "CUSTOM") {
    if (provider !== undefined) report.at("provider").error("is for the action CUSTOM alone");
    return;
  }
  if (provider === undefined || provider.name === "")
    report.at("provider", "name").error("say who is asked: a name of `extensionProviders`", "FieldValueRequired");
  if (rules === undefined || rules.length === 0)
    report
      .at("rules")
      .error("without rules nobody is ever asked; the rule `{}` asks about everything", "FieldValueRequired");
  const early = never("the provider is asked before tokens are verified");
  for (const [index, { from = [], when = [] }] of (rules ?? []).entries()) {
    for (const [at, { source }] of from.entries())
      for (const field of ["requestPrincipals", "notRequestPrincipals"] as const)
        if (source[field] !== undefined) report.at("rules", index, "from", at, "source", field).error(early);
    for (const [at, { key }] of when.entries())
      if (key.startsWith("request.auth.") && !key.startsWith("request.auth.key."))
        report.at("rules", index, "when", at, "key").error(early);
  }
}
