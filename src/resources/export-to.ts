import { z } from "zod";
import { isDnsLabel } from "./names.ts";
import type { Report } from "./report.ts";

const RULE = "`.` (this namespace), `*` (all) or the name of a namespace";

/** @param nobody whether `~` may stand there */
function scopes(nobody: boolean) {
  const scope = z.string().superRefine((value, ctx) => {
    if (value === "." || value === "*" || isDnsLabel(value) || (nobody && value === "~")) return;
    const message =
      value === "~"
        ? "`~` (nobody) works on a ServiceEntry alone: delete what nobody shall see"
        : `must be ${nobody ? "`~` (nobody), " : ""}${RULE}`;
    ctx.addIssue({ code: "custom", message });
  });
  return z.array(scope).superRefine((all, ctx) => {
    if (all.includes("*") && all.length > 1)
      ctx.addIssue({ code: "custom", message: "`*` is all namespaces; leave the others out" });
    if (all.includes("~") && all.length > 1)
      ctx.addIssue({ code: "custom", message: "`~` is nobody; leave it out, or the others" });
    if (new Set(all).size < all.length) ctx.addIssue({ code: "custom", message: "each namespace only once" });
  });
}

/** Which namespaces see the object; absent means what the MeshConfig says, all by default. */
export const exportTo = scopes(false);
/** The same, or `~`: nobody. */
export const exportToOrNobody = scopes(true);

/** @param namespace of the object */
export function checkExportTo(all: readonly string[] | undefined, namespace: string, report: Report): void {
  if (all?.includes(".") === true && all.includes(namespace))
    report.error(`\`.\` is \`${namespace}\`: leave one of them out`, "FieldValueDuplicate");
}

const EXPORT_TO = "networking.istio.io/exportTo";

/** What a Service says by its annotation, as its `exportTo` field would; undefined where it says nothing. */
export function exportToOfService(annotations: Readonly<Record<string, string>> | undefined): string[] | undefined {
  const text = annotations?.[EXPORT_TO];
  return text === undefined ? undefined : text.split(",").flatMap((scope) => scope.trim() || []);
}

export function checkServiceExportTo(
  annotations: Readonly<Record<string, string>> | undefined,
  namespace: string,
  metadata: Report,
): void {
  const place = metadata.at("annotations", EXPORT_TO);
  const all = exportToOfService(annotations);
  const read = exportToOrNobody.safeParse(all ?? []);
  for (const { message } of read.error?.issues ?? []) place.error(message);
  checkExportTo(all, namespace, place);
}
