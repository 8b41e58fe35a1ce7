import { z } from "zod";
import { strict } from "./fields.ts";

/** The least share that there is: Envoy counts millionths. */
const LEAST = 0.0001;

/** 0 to 100, in steps of 0.0001; an absent `value` is 0. */
export const Percent = strict({ value: z.number().min(0).max(100).exactOptional() });

/** As `Percent`, and refused where it is so small that it would come to nothing. */
export const ExactPercent = Percent.refine(({ value = 0 }) => value <= 0 || value >= LEAST, {
  error: `must be 0, or at least ${LEAST}`,
});

type PercentSpec = z.infer<typeof Percent>;

/** Part of [0, 1], in whole millionths, as upstream rounds: down. */
export function shareOf({ value = 0 }: PercentSpec): number {
  return Math.floor(value * 10_000) / 1_000_000;
}
