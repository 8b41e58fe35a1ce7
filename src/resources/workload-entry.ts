import { z } from "zod";
import { parseAddress } from "./address.ts";
import { later, portNumber, strict, uint32 } from "./fields.ts";
import type { Context } from "./kind.ts";
import { isDnsLabel, labels, objectName } from "./names.ts";
import type { Report } from "./report.ts";

const portName = z.string().refine(isDnsLabel, { error: "must be the name of a port: lower case, digits and `-`" });

export const WorkloadEntry = strict(
  {
    /** Read it with `parseAddress`. */
    address: z.string(),
    ports: z.record(portName, portNumber).exactOptional(),
    labels: labels.exactOptional(),
    serviceAccount: objectName.exactOptional(),
    weight: uint32.exactOptional(),
  },
  { network: later(), locality: later() },
);

/** An absent `weight` is 1. */
export type WorkloadEntrySpec = z.infer<typeof WorkloadEntry>;

export function checkWorkloadEntry(spec: WorkloadEntrySpec, report: Report, context: Context): void {
  const address = parseAddress(spec.address, context.local);
  if (!address.ok) report.at("address").error(address.error);
}
