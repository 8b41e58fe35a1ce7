import { z } from "zod";
import { later, strict } from "./fields.ts";
import type { Report } from "./report.ts";
import { warnOfEmptySelector, WorkloadSelector } from "./selector.ts";

const MAX_TARGETS = 16;

/** What a policy is attached to, in its own namespace. */
const TargetRef = strict({
  group: z.string().exactOptional(),
  kind: z.string().min(1),
  name: z.string().min(1),
  namespace: z.string().exactOptional(),
});

type TargetRefSpec = z.infer<typeof TargetRef>;

/** Whom a policy is for: workloads by their labels, or the endpoints of services; by nothing, all of its namespace. */
export const scopeFields = {
  selector: WorkloadSelector.exactOptional(),
  /** The older form of one of `targetRefs`. */
  targetRef: TargetRef.exactOptional(),
  targetRefs: z.array(TargetRef).max(MAX_TARGETS).exactOptional(),
};

interface Scope {
  readonly selector?: z.infer<typeof WorkloadSelector>;
  readonly targetRef?: TargetRefSpec;
  readonly targetRefs?: readonly TargetRefSpec[];
}

/** Services that a policy is attached to, as `Service/name` or `ServiceEntry/name`; none: it has no target. */
export function targetNames({ targetRef, targetRefs = [] }: Scope): readonly string[] {
  const all = targetRef === undefined ? targetRefs : [...targetRefs, targetRef];
  return [...new Set(all.map(({ kind, name }) => `${kind}/${name}`))];
}

export function checkScope(scope: Scope, report: Report): void {
  const { selector, targetRef, targetRefs = [] } = scope;
  if (selector !== undefined) warnOfEmptySelector(selector.matchLabels, report.at("selector"));
  if (targetRef !== undefined && targetRefs.length > 0)
    report.at("targetRef").error("cannot go with `targetRefs`: leave one out");
  if (selector !== undefined && targetNames(scope).length > 0)
    report.at("selector").error("cannot go with `targetRef` or `targetRefs`: leave one out");
  if (targetRef !== undefined) checkTarget(targetRef, report.at("targetRef"));
  for (const [index, target] of targetRefs.entries()) checkTarget(target, report.at("targetRefs", index));
}

function checkTarget({ group = "", kind, namespace = "" }: TargetRefSpec, report: Report): void {
  if (namespace !== "")
    report.at("namespace").error("a target is of the policy's own namespace; leave `namespace` out");
  const isKnown =
    (kind === "Service" && (group === "" || group === "core")) ||
    (kind === "ServiceEntry" && group === "networking.istio.io");
  if (isKnown) return;
  const isOfGatewayApi = group === "gateway.networking.k8s.io" && (kind === "Gateway" || kind === "GatewayClass");
  if (isOfGatewayApi)
    report
      .at("kind")
      .error(
        `\`${kind}\` of Gateway API: ${later("use `selector` with the labels of the Gateway's workload")}`,
        "FieldValueNotSupported",
      );
  else
    report
      .at("kind")
      .error(
        `a target is a \`Service\` (group \`""\`) or a \`ServiceEntry\` (group \`networking.istio.io\`)${kind === "Gateway" ? "; for a Gateway, `selector` with its workload's labels, in the namespace `istio-system`" : ""}`,
        "FieldValueNotSupported",
      );
}
