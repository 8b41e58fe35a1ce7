/** Prometheus' text format 0.0.4, or OpenMetrics 1.0, which can show exemplars. */
export type Format = "prometheus" | "openmetrics";

export const CONTENT_TYPES: Readonly<Record<Format, string>> = {
  prometheus: "text/plain; version=0.0.4; charset=utf-8",
  openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
};

/** @param accept header of the request: OpenMetrics where it asks for that, and not rather for plain text */
export function formatFor(accept: string | undefined): Format {
  const openmetrics = quality(accept, "application/openmetrics-text");
  return openmetrics > 0 && openmetrics >= quality(accept, "text/plain") ? "openmetrics" : "prometheus";
}

/** The highest `q` under which a media type is named; 0: it is not (RFC 9110 §12.5.1). */
function quality(accept: string | undefined, type: string): number {
  const ranges = (accept ?? "").split(",").map((range) => range.split(";").map((part) => part.trim().toLowerCase()));
  const found = ranges
    .filter(([name]) => name === type)
    .map(([, ...parameters]) => Number(parameters.find((one) => one.startsWith("q="))?.slice(2) ?? 1));
  return Math.max(0, ...found.filter((q) => q <= 1));
}

/**
 * What stands above a metric's series. OpenMetrics names a counter without its `_total`; one that has none, as some of Istio's, is of
 * unknown type there: it would get another name.
 */
export function head(name: string, type: "counter" | "gauge" | "histogram", help: string, format: Format): string {
  const isCounter = format === "openmetrics" && type === "counter";
  const shownName = isCounter ? name.replace(/_total$/, "") : name;
  const shownType = isCounter && shownName === name ? "unknown" : type;
  return `# HELP ${shownName} ${help}\n# TYPE ${shownName} ${shownType}\n`;
}

/** A label's value, as it stands between quotation marks. */
export function escaped(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
