import { z } from "zod";
import { Destination, type DestinationSpec } from "./destination.ts";
import { percentage, strict } from "./fields.ts";
import { Percent, shareOf } from "./percent.ts";
import type { Report } from "./report.ts";

const MAX_MIRRORS = 16;

const HttpMirror = strict({ destination: Destination, percentage: Percent.exactOptional() });

/** The fields of a rule that are about mirrors. */
export const MIRROR_FIELDS = {
  mirror: Destination.exactOptional(),
  mirrors: z
    .array(HttpMirror)
    .max(MAX_MIRRORS, { error: `has more than ${MAX_MIRRORS} members: each is one more call for every request` })
    .exactOptional(),
  mirrorPercentage: Percent.exactOptional(),
  /** Older forms of `mirrorPercentage`, in whole percent. */
  mirrorPercent: percentage.exactOptional(),
  mirror_percent: percentage.exactOptional(),
};

const MirrorFields = z.strictObject(MIRROR_FIELDS);

/** An absent percentage is 100; of the three for `mirror` the first that is there counts. */
export type MirrorSpec = z.infer<typeof MirrorFields>;

const OLDER = ["mirrorPercent", "mirror_percent"] as const;

export function checkMirrors(rule: MirrorSpec, report: Report): void {
  const { mirror, mirrors = [], mirrorPercentage } = rule;
  if (mirror !== undefined && mirrors.length > 0) report.error("set only one of `mirror` and `mirrors`");
  for (const field of OLDER)
    if (rule[field] !== undefined)
      report
        .at(field)
        .warn(
          mirrorPercentage === undefined
            ? "the older form; read as `mirrorPercentage`"
            : "the older form; not used, since `mirrorPercentage` is set",
          "TULLE0004",
        );
  if (mirror === undefined)
    for (const field of ["mirrorPercentage", ...OLDER] as const)
      if (rule[field] !== undefined) report.at(field).warn("no effect without `mirror`", "TULLE0003");
}

/** Where copies of a rule's requests go, each with its part of [0, 1]; those that get none are left out. */
export function mirrorsIn({
  mirror,
  mirrors = [],
  mirrorPercentage,
  mirrorPercent,
  mirror_percent: oldest,
}: MirrorSpec): readonly { readonly destination: DestinationSpec; readonly share: number }[] {
  const older = mirrorPercent ?? oldest;
  const share = shareOf(mirrorPercentage ?? { value: older ?? 100 });
  const all = [
    ...(mirror === undefined ? [] : [{ destination: mirror, share }]),
    ...mirrors.map(({ destination, percentage: part = { value: 100 } }) => ({ destination, share: shareOf(part) })),
  ];
  return all.filter((one) => one.share > 0);
}
