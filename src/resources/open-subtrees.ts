import { isTemplate } from "./policy-values.ts";
import type { Report } from "./report.ts";

/** As much of a policy as says which paths it closes. */
interface Policy {
  readonly action?: string;
  readonly rules?: readonly { readonly to?: readonly { readonly operation: Operation }[] }[];
}

interface Operation {
  readonly paths?: readonly string[];
  readonly notPaths?: readonly string[];
}

/** The list of an operation whose paths nobody may reach: what it leaves out is open. */
function closingField(action: string): keyof Operation | null {
  return action === "DENY" ? "paths" : action === "ALLOW" ? "notPaths" : null;
}

/**
 * Warns of a path that is closed, and what lies below it is not: `/admin` without `/admin/*`. Services often take `/admin/` for
 * the same, and to write the path alone is an old mistake.
 */
export function checkSubtrees({ action = "ALLOW", rules = [] }: Policy, report: Report): void {
  const field = closingField(action);
  if (field === null) return;
  const closed = rules.flatMap(({ to = [] }) => to.flatMap(({ operation }) => operation[field] ?? []));
  const patterns = closed.filter((path) => path.includes("*"));
  for (const [index, { to = [] }] of rules.entries())
    for (const [at, { operation }] of to.entries())
      for (const [place, path] of (operation[field] ?? []).entries()) {
        const below = path.endsWith("/") ? path : `${path}/`;
        if (below === "/" || path.includes("*") || isTemplate(path) || patterns.some((each) => covers(each, below)))
          continue;
        report
          .at(index, "to", at, "operation", field, place)
          .warn(`\`${below}\` and what lies below it stay open: add \`${below}*\``, "TULLE0602");
      }
}

function covers(pattern: string, below: string): boolean {
  if (isTemplate(pattern)) return pattern === `${below}{**}`;
  return pattern.endsWith("*") && below.startsWith(pattern.slice(0, -1));
}
