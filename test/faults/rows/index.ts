import type { Row } from "../row.ts";
import { BROKEN_ANSWER_ROWS } from "./broken-answers.ts";
import { CLIENT_ROWS } from "./clients.ts";
import { CLOCK_ROWS } from "./clocks.ts";
import { CERTIFICATE_ROWS } from "./certificates.ts";
import { CONFIGURATION_ROWS } from "./configuration.ts";
import { FUZZ_ROWS } from "./fuzz.ts";
import { ISSUER_ROWS } from "./issuers.ts";
import { LINEARIZABLE_ROWS } from "./linearizable.ts";
import { SIZE_ROWS } from "./sizes.ts";
import { STORE_ROWS } from "./store.ts";
import { TELEMETRY_ROWS } from "./telemetry.ts";
import { WRITER_ROWS } from "./writers.ts";
import { LIMIT_ROWS } from "./limits.ts";
import { EJECTION_ROWS } from "./ejections.ts";
import { NEIGHBOUR_ROWS } from "./neighbours.ts";
import { RETRY_ROWS } from "./retries.ts";
import { SILENCE_ROWS } from "./silence.ts";
import { CHANGE_ROWS } from "./changes.ts";
import { COLD_ROWS } from "./cold.ts";
import { EXCEPTION_ROWS } from "./exceptions.ts";
import { RESTART_ROWS } from "./restarts.ts";
import { SKEW_ROWS } from "./skew.ts";
import { SNAPSHOT_ROWS } from "./snapshots.ts";

/** The table, in the order of its numbers. */
export const ROWS: readonly Row[] = [
  ...CLOCK_ROWS,
  ...CERTIFICATE_ROWS,
  ...CONFIGURATION_ROWS,
  ...CHANGE_ROWS,
  ...COLD_ROWS,
  ...EXCEPTION_ROWS,
  ...RESTART_ROWS,
  ...SKEW_ROWS,
  ...SNAPSHOT_ROWS,
  ...LIMIT_ROWS,
  ...FUZZ_ROWS,
  ...ISSUER_ROWS,
  ...LINEARIZABLE_ROWS,
  ...SIZE_ROWS,
  ...STORE_ROWS,
  ...TELEMETRY_ROWS,
  ...WRITER_ROWS,
  ...EJECTION_ROWS,
  ...SILENCE_ROWS,
  ...RETRY_ROWS,
  ...BROKEN_ANSWER_ROWS,
  ...CLIENT_ROWS,
  ...NEIGHBOUR_ROWS,
].toSorted((one, other) => number(one) - number(other));

function number({ id }: Row): number {
  return Number(id.slice(1));
}
