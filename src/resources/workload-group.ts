import { z } from "zod";
import { strict } from "./fields.ts";
import { labels } from "./names.ts";
import type { KubeObject } from "./object.ts";
import { checkProbe, Probe } from "./probe.ts";
import type { Report } from "./report.ts";
import { WORKLOAD_FIELDS } from "./workload-entry.ts";

export const WorkloadGroup = strict({
  metadata: strict({
    labels: labels.exactOptional(),
    annotations: z.record(z.string().min(1), z.string()).exactOptional(),
  }).exactOptional(),
  template: strict(WORKLOAD_FIELDS, { address: "each workload says its own when it registers; leave it out" }),
  probe: Probe.exactOptional(),
});

/** What the WorkloadEntry of a workload that registers looks like. */
export type WorkloadGroupSpec = z.infer<typeof WorkloadGroup>;

export function checkWorkloadGroup({ probe }: WorkloadGroupSpec, report: Report): void {
  if (probe !== undefined) checkProbe(probe, report.at("probe"));
}

/** As Istio marks entries that a group made. */
export const GROUP_ANNOTATION = "istio.io/autoRegistrationGroup";

/** What a workload says of itself. */
export interface RegisteredWorkload {
  readonly address: string;
  readonly locality?: string | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

/** The entry's name: the same for the same workload, so that to register again is to renew. */
export function entryNameOf(group: string, address: string): string {
  const place = address.toLowerCase().replaceAll(/[^a-z0-9.]/g, "-");
  return `${group}-${place}`.slice(0, 253).replaceAll(/[-.]+$/g, "");
}

/** The WorkloadEntry of a workload that registered, before it is checked like any other. */
export function entryOf(group: KubeObject, workload: RegisteredWorkload): KubeObject {
  const { metadata = {}, template } = group.spec as WorkloadGroupSpec;
  const { name, namespace = "", uid = "" } = group.metadata;
  const { address, locality = template.locality, labels: own = {} } = workload;
  return {
    apiVersion: "networking.istio.io/v1",
    kind: "WorkloadEntry",
    metadata: {
      name: entryNameOf(name, address),
      namespace,
      labels: { ...metadata.labels },
      annotations: { ...metadata.annotations, [GROUP_ANNOTATION]: name },
      ownerReferences: [{ apiVersion: group.apiVersion, kind: group.kind, name, uid, controller: true }],
    },
    spec: {
      ...template,
      address,
      labels: { ...metadata.labels, ...template.labels, ...own },
      serviceAccount: template.serviceAccount ?? "default",
      ...(locality !== undefined && { locality }),
    },
  };
}

/** Whether a workload of the group registered by this object. The owner's uid is another once the group was brought back by a rollback. */
export function isEntryOf(group: KubeObject, { kind, metadata }: KubeObject): boolean {
  const { name, namespace } = group.metadata;
  if (kind !== "WorkloadEntry" || metadata.namespace !== namespace) return false;
  const { ownerReferences } = metadata as { readonly ownerReferences?: readonly unknown[] };
  return (ownerReferences ?? []).some((owner) => {
    const { kind: of, name: called } = Object(owner) as { readonly kind?: unknown; readonly name?: unknown };
    return of === group.kind && called === name;
  });
}

/** Until when a workload is registered, as its entry's status says; null: for good. */
export function registeredUntil({ status }: KubeObject): string | null {
  const { registration } = (status ?? {}) as { registration?: { expiresAt?: unknown } };
  return typeof registration?.expiresAt === "string" ? registration.expiresAt : null;
}
