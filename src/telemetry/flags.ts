/** Envoy's order of its response flags, as far as they occur here. */
const ORDER = ["UH", "UT", "UF", "UC", "UO", "NR", "DI", "FI", "UAEX", "DC", "URX", "UPE", "NC"];

/** @param flags separated by commas, or `-` for none */
export function withFlag(flags: string, flag: string): string {
  const all = flags === "-" ? [flag] : [...flags.split(","), flag];
  return all.toSorted((one, other) => ORDER.indexOf(one) - ORDER.indexOf(other)).join(",");
}
