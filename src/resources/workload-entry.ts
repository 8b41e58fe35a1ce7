import { z } from "zod";
import { parseAddress } from "./address.ts";
import { never, NOTES, portNumber, strict, text, uint32 } from "./fields.ts";
import type { Context } from "./kind.ts";
import { locality } from "./locality.ts";
import { isDnsLabel, labels, objectName } from "./names.ts";
import type { Report } from "./report.ts";

const portName = z.string().refine(isDnsLabel, { error: "must be the name of a port: lower case, digits and `-`" });

const address = z.string();
NOTES.add(address, {
  missing: `is required, also where \`network\` is set: an endpoint that another network's gateway leads to ${never("all networks are reached by the platform's own")}`,
});

/** What a WorkloadEntry may say beside its address. */
export const WORKLOAD_FIELDS = {
  ports: z.record(portName, portNumber).exactOptional(),
  labels: labels.exactOptional(),
  network: text(
    (value) => /^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/.test(value),
    "a label's value",
  ).exactOptional(),
  locality: locality.exactOptional(),
  weight: uint32.exactOptional(),
  serviceAccount: objectName.exactOptional(),
};

export const WorkloadEntry = strict({
  /** Read it with `parseAddress`. */
  address,
  ...WORKLOAD_FIELDS,
});

/** An absent `weight` is 1. */
export type WorkloadEntrySpec = z.infer<typeof WorkloadEntry>;

export function checkWorkloadEntry(spec: WorkloadEntrySpec, report: Report, context: Context): void {
  const parsed = parseAddress(spec.address, context.local);
  if (!parsed.ok) report.at("address").error(parsed.error);
}
