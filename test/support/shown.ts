import { prometheusPieces, type Shown } from "../../src/telemetry/prometheus-text.ts";
import { pieceText } from "./piece-text.ts";
import type { Format } from "../../src/telemetry/exposition.ts";

/** The whole text of a scrape that shows this, and else nothing. */
export function scrapeText(shown: Partial<Shown> = {}, format: Format = "prometheus"): string {
  const nothing: Shown = {
    series: [],
    routes: [],
    exemplars: () => [],
    dropped: {},
    folded: 0,
    gauges: {},
    counts: {},
  };
  return pieceText(prometheusPieces({ ...nothing, ...shown }, format));
}
