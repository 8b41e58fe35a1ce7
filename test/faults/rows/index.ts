import type { Row } from "../row.ts";
import { CONFIGURATION_ROWS } from "./configuration.ts";
import { TELEMETRY_ROWS } from "./telemetry.ts";

/** The table, in the order of its numbers. */
export const ROWS: readonly Row[] = [...CONFIGURATION_ROWS, ...TELEMETRY_ROWS].toSorted(
  (one, other) => number(one) - number(other),
);

function number({ id }: Row): number {
  return Number(id.slice(1));
}
