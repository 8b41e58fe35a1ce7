import { z } from "zod";
import { TOPOLOGY_LABELS } from "../balancing/levels.ts";
import { list, strict } from "./fields.ts";
import { areaProblem } from "./locality.ts";
import type { Report } from "./report.ts";

const share = z.int().min(1).max(100);
const region = z.string().min(1);

/** `localityLbSetting` of a DestinationRule and of the MeshConfig. */
export const LocalityLb = strict({
  enabled: z.boolean().exactOptional(),
  distribute: list(strict({ from: z.string(), to: z.record(z.string(), share) })).exactOptional(),
  failover: list(strict({ from: region, to: region })).exactOptional(),
  failoverPriority: list(z.string().min(1)).exactOptional(),
});

export type LocalityLbSpec = z.infer<typeof LocalityLb>;

/** @param ejects whether endpoints can be found to be unhealthy */
export function checkLocalityLb(spec: LocalityLbSpec, ejects: boolean, report: Report): void {
  const { distribute = [], failover = [], failoverPriority = [] } = spec;
  const first = distribute.length > 0 ? "distribute" : "failover";
  if (distribute.length > 0 && failover.length > 0) report.at("failover").error("cannot go with `distribute`");
  if (distribute.length > 0 && failoverPriority.length > 0)
    report.at("failoverPriority").error("cannot go with `distribute`");
  checkAreas(
    distribute.map(({ from }) => from),
    (index) => report.at("distribute", index, "from"),
  );
  for (const [index, { to }] of distribute.entries()) {
    const place = report.at("distribute", index, "to");
    checkAreas(inOrder(Object.keys(to)), (_, area) => place.at(area));
    const total = Object.values(to).reduce((sum, weight) => sum + weight, 0);
    if (total !== 100) place.error(`the weights add up to ${total}, not to 100`);
  }
  for (const [index, { from, to }] of failover.entries()) {
    const place = report.at("failover", index);
    for (const [name, value] of [
      ["from", from],
      ["to", to],
    ] as const)
      if (/[/*]/.test(value)) place.at(name).error("must be a region alone, without `/` and `*`");
    if (from === to) place.at("to").error("is the region itself");
  }
  const topology = failoverPriority.findIndex((label) => TOPOLOGY_LABELS.includes(label));
  if (failover.length > 0 && topology >= 0)
    report.at("failoverPriority", topology).error("cannot go with `failover`, which compares localities by itself");
  if (failover.length + failoverPriority.length > 0 && !ejects)
    report
      .at(failover.length > 0 ? first : "failoverPriority")
      .warn("without `outlierDetection` nothing ever fails over", "TULLE0403");
}

function checkAreas(areas: readonly string[], placeOf: (index: number, area: string) => Report): void {
  for (const [index, area] of areas.entries()) {
    const problem = areaProblem(area, areas.slice(0, index));
    if (problem !== null) placeOf(index, area).error(`\`${area}\` ${problem}`);
  }
}

/** The keys of a map have no order of their own: wildcards go after what they hold. */
export function inOrder(areas: readonly string[]): readonly string[] {
  const rank = (area: string): number => (area.endsWith("*") ? 10 : 0) - area.split("/").length;
  return [...areas].sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}

/** Whether a setting means nothing of callers whose locality is not known. */
export function asksWhereCallersAre({ enabled, distribute, failover, failoverPriority }: LocalityLbSpec): boolean {
  if (enabled === false) return false;
  return (
    failover !== undefined ||
    (distribute ?? []).some(({ from }) => from !== "*") ||
    (failoverPriority ?? []).some((label) => TOPOLOGY_LABELS.includes(label))
  );
}
