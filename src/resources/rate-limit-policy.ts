import { z } from "zod";
import { keyText } from "../limits/key-text.ts";
import { linkExpression } from "../match/expression.ts";
import { compileExpression, describeExpressionError, type ExpressionUse } from "./cel.ts";
import { duration, parseDuration } from "./duration.ts";
import { choice, later, list, strict, text } from "./fields.ts";
import type { Report } from "./report.ts";

const MAX_TARGETS = 16;
const MAX_LIMITS = 16;
const MAX_RATES = 4;
const MAX_PARTS = 5;
const MAX_TIERS = 16;
/** Of one policy: all of them stand in each configuration of a host that it limits. */
const MAX_OVERRIDES = 1_000;
/** So many at most in a window: what is worked out with it stays a whole number. */
const MAX_LIMIT = 10_000_000;
const DAY_MS = 86_400_000;
const MAX_WINDOW_MS = 31 * DAY_MS;
/** GCRA's largest: longer windows are counted by a sliding counter, which has no burst. */
const MAX_BURST_WINDOW_MS = 60_000;

const expression = z.string().min(1);

const TargetRef = strict({
  group: z.string().exactOptional(),
  kind: z.string().min(1),
  name: z.string().min(1),
  namespace: z.string().exactOptional(),
  sectionName: z.string().min(1).exactOptional(),
  host: z.string().min(1).exactOptional(),
});

const window = text((value) => {
  const ms = parseDuration(value);
  return ms !== null && ms >= 1_000 && ms <= MAX_WINDOW_MS && ms % 1_000 === 0;
}, "a duration in whole seconds, such as `1s`, `1m` or `24h`, up to 31 days (`744h`)");

const Rate = strict({
  limit: z.int().min(1).max(MAX_LIMIT),
  window,
  burst: z.int().min(1).max(MAX_LIMIT).exactOptional(),
});
const rates = list(Rate).max(MAX_RATES);

const Limit = strict({
  name: text((name) => /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/.test(name), "a DNS label, which clients read"),
  when: expression.exactOptional(),
  key: z.array(expression).max(MAX_PARTS).exactOptional(),
  onMissingKey: choice(["Share", "Skip", "Refuse"]).exactOptional(),
  rates,
  tiers: z
    .array(strict({ when: expression, rates }))
    .max(MAX_TIERS)
    .exactOptional(),
  overrides: z
    .array(strict({ key: list(z.string().min(1)).max(MAX_PARTS), rates }))
    .max(MAX_OVERRIDES)
    .exactOptional(),
  cost: strict({ request: expression.exactOptional(), answer: expression.exactOptional() }).exactOptional(),
  scope: choice(["Global", "Location", "Local"]).exactOptional(),
  shared: z.boolean().exactOptional(),
  onExceeded: choice(["Block", "Audit"]).exactOptional(),
  onError: choice(["Allow", "Refuse"]).exactOptional(),
  timeout: duration.exactOptional(),
  headers: choice(["Standard", "Both", "None"]).exactOptional(),
});

export const RateLimitPolicy = strict(
  {
    targetRefs: list(TargetRef).max(MAX_TARGETS),
    limits: list(Limit).max(MAX_LIMITS),
  },
  { selector: "a limit is of what is called, not of workloads: name that in `targetRefs`" },
);

export type RateLimitPolicySpec = z.infer<typeof RateLimitPolicy>;
export type LimitTargetSpec = z.infer<typeof TargetRef>;
export type LimitSpec = z.infer<typeof Limit>;
export type RateSpec = z.infer<typeof Rate>;

export function checkRateLimitPolicy({ targetRefs, limits }: RateLimitPolicySpec, report: Report): void {
  for (const [index, target] of targetRefs.entries()) checkTarget(target, report.at("targetRefs", index));
  for (const [index, limit] of limits.entries()) {
    const place = report.at("limits", index);
    if (limits.findIndex(({ name }) => name === limit.name) < index)
      place.at("name").error(`\`${limit.name}\` is the name of another limit`, "FieldValueDuplicate");
    checkLimit(limit, place);
  }
  const count = limits.reduce((sum, { overrides = [] }) => sum + overrides.length, 0);
  if (count > MAX_OVERRIDES)
    report
      .at("limits")
      .error(`have ${count} overrides; a policy has ${MAX_OVERRIDES} at most: use \`tiers\`, by a claim or a header`);
}

const ISTIO = "networking.istio.io";

function checkTarget(target: LimitTargetSpec, report: Report): void {
  const { group = "", kind, namespace = "", sectionName, host } = target;
  if (namespace !== "")
    report.at("namespace").error("a target is of the policy's own namespace; leave `namespace` out");
  if (group === "gateway.networking.k8s.io")
    return report
      .at("kind")
      .error(
        `\`${kind}\` of Gateway API: ${later(`name Istio's \`Gateway\` or \`VirtualService\` (group \`${ISTIO}\`)`)}`,
        "FieldValueNotSupported",
      );
  const isKnown =
    (kind === "Service" && (group === "" || group === "core")) ||
    (group === ISTIO && (kind === "Gateway" || kind === "ServiceEntry" || kind === "VirtualService"));
  if (!isKnown)
    return report
      .at("kind")
      .error(
        `a target is a \`Service\` (group \`""\`), or a \`Gateway\`, \`ServiceEntry\` or \`VirtualService\` (group \`${ISTIO}\`)`,
        "FieldValueNotSupported",
      );
  for (const [field, value] of Object.entries({ sectionName, host }))
    if (value !== undefined && kind !== "VirtualService")
      report.at(field).error("only a `VirtualService` has hosts and named routes; leave it out");
}

function checkLimit(limit: LimitSpec, report: Report): void {
  const { when, key = [], tiers = [], overrides = [], cost, onMissingKey } = limit;
  checkRates(limit.rates, report.at("rates"));
  if (when !== undefined) checkExpression(when, "condition", report.at("when"));
  for (const [index, part] of key.entries()) checkExpression(part, "key", report.at("key", index));
  for (const [index, tier] of tiers.entries()) {
    checkExpression(tier.when, "condition", report.at("tiers", index, "when"));
    checkRates(tier.rates, report.at("tiers", index, "rates"));
  }
  const keys = new Set<string>();
  for (const [index, override] of overrides.entries()) {
    const place = report.at("overrides", index);
    if (override.key.length !== key.length)
      place.at("key").error(`must have as many parts as the limit's \`key\`, ${key.length}`);
    const text = keyText(override.key);
    if (keys.has(text)) place.at("key").error("is given twice", "FieldValueDuplicate");
    keys.add(text);
    checkRates(override.rates, place.at("rates"));
  }
  if (cost?.request !== undefined) checkExpression(cost.request, "cost", report.at("cost", "request"));
  if (cost?.answer !== undefined) checkExpression(cost.answer, "answer", report.at("cost", "answer"));
  if (limit.scope === "Local" && (limit.timeout ?? limit.onError) !== undefined)
    report
      .at(limit.timeout === undefined ? "onError" : "timeout")
      .error("nobody is asked where `scope` is `Local`; leave it out");
  if (onMissingKey !== undefined && key.length === 0)
    report.at("onMissingKey").error("there is no `key`: all requests are counted together; leave it out");
}

function checkRates(all: readonly RateSpec[], report: Report): void {
  for (const [index, { window: text, burst }] of all.entries()) {
    const ms = parseDuration(text) ?? 0;
    if (all.findIndex((one) => parseDuration(one.window) === ms) < index)
      report.at(index, "window").error("another rate has the same window", "FieldValueDuplicate");
    if (burst !== undefined && ms > MAX_BURST_WINDOW_MS)
      report
        .at(index, "burst")
        .error("only windows up to a minute have a burst; for a longer one add a rate with a shorter window");
  }
}

function checkExpression(source: string, use: ExpressionUse, report: Report): void {
  const compiled = compileExpression(source, use);
  if (!compiled.ok) return report.error(describeExpressionError(compiled.error));
  if (use !== "cost" && use !== "answer") return;
  // What it is worth by itself, whatever a request says.
  const value = linkExpression(compiled.value.tree, () => () => undefined)(null, 0);
  if (typeof value === "number" && value < 0)
    report.error("is below 0: nothing costs less than nothing; give 0 or more");
}
