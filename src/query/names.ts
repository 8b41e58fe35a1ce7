import { linkMatcher } from "./matchers.ts";
import { METRIC_NAME } from "./series.ts";
import type { Expression } from "./syntax.ts";

/** Whether an expression may select a metric of one of these names. */
export function asksFor(expression: Expression, names: readonly string[]): boolean {
  switch (expression.kind) {
    case "number":
      return false;
    case "selector": {
      const tests = expression.matchers
        .filter(({ label }) => label === METRIC_NAME)
        .map((matcher) => linkMatcher(matcher));
      return names.some((name) => tests.every((test) => test(name)));
    }
    case "call":
      return expression.of.some((one) => asksFor(one, names));
    case "aggregation":
      return asksFor(expression.of, names) || (expression.parameter !== null && asksFor(expression.parameter, names));
    case "binary":
      return asksFor(expression.left, names) || asksFor(expression.right, names);
    case "negation":
      return asksFor(expression.of, names);
  }
}
