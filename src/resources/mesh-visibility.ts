import { z } from "zod";
import { exportToOrNobody } from "./export-to.ts";
import { choice, list, strict } from "./fields.ts";
import { labels } from "./names.ts";
import type { Report } from "./report.ts";

const visibility = choice(["VISIBILITY_UNSPECIFIED", "PUBLIC", "NAMESPACE", "NONE"]);

const Requirement = strict({
  key: z.string().min(1),
  operator: choice(["In", "NotIn", "Exists", "DoesNotExist"]),
  values: z.array(z.string()).exactOptional(),
});

/** Kubernetes' selector of labels; all that it says must hold. */
const LabelSelector = strict({
  matchLabels: labels.exactOptional(),
  matchExpressions: z.array(Requirement).exactOptional(),
});

export type LabelSelectorSpec = z.infer<typeof LabelSelector>;

/** Who sees what where an object does not say it itself. */
export const visibilityFields = {
  defaultServiceExportTo: exportToOrNobody.exactOptional(),
  defaultVirtualServiceExportTo: exportToOrNobody.exactOptional(),
  defaultDestinationRuleExportTo: exportToOrNobody.exactOptional(),
  serviceEntryVisibility: strict({
    defaultVisibility: visibility.exactOptional(),
    policies: z
      .array(
        strict({
          visibility,
          matchingRules: list(strict({ namespaceSelector: LabelSelector })).exactOptional(),
        }),
      )
      .exactOptional(),
    applyToSidecars: z.literal(true, {
      error: "must be true: the mesh has no other callers than those that Istio calls sidecars",
    }),
  }).exactOptional(),
};

type Visibility = {
  readonly serviceEntryVisibility?: z.infer<typeof visibilityFields.serviceEntryVisibility> | undefined;
};

export function checkVisibility({ serviceEntryVisibility }: Visibility, report: Report): void {
  for (const [index, { matchingRules = [] }] of (serviceEntryVisibility?.policies ?? []).entries())
    for (const [at, { namespaceSelector }] of matchingRules.entries())
      for (const [of, { operator, values = [] }] of (namespaceSelector.matchExpressions ?? []).entries()) {
        const place = report
          .at("serviceEntryVisibility", "policies", index, "matchingRules", at)
          .at("namespaceSelector", "matchExpressions", of, "values");
        const wantsValues = operator === "In" || operator === "NotIn";
        if (wantsValues && values.length === 0) place.error(`\`${operator}\` needs values`, "FieldValueRequired");
        if (!wantsValues && values.length > 0) place.error(`\`${operator}\` takes no values`);
      }
}
