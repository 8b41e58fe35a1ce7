/** A span of time for people: the two largest units. @param ms milliseconds; what is over is said so */
export function duration(ms: number): string {
  if (ms < 0) return `${duration(-ms)} ago`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 60) return `${seconds} s`;
  const units = [
    ["d", 86_400],
    ["h", 3_600],
    ["min", 60],
  ] as const;
  const at = units.findIndex(([, size]) => seconds >= size);
  const [name, size] = units[at] ?? ["min", 60];
  const rest = units[at + 1];
  const more = rest === undefined ? 0 : Math.floor((seconds % size) / rest[1]);
  return `${Math.floor(seconds / size)} ${name}${more === 0 || rest === undefined ? "" : ` ${more} ${rest[0]}`}`;
}

/** A moment, in UTC as logs have it. @param at epoch ms or RFC 3339 */
export function moment(at: number | string): string {
  const date = new Date(at);
  return Number.isNaN(date.getTime())
    ? "-"
    : date
        .toISOString()
        .replace("T", " ")
        .replace(/\.\d+Z$/, "Z");
}

/** @param ratio 0..1; null: nothing was counted */
export function percent(ratio: number | null): string {
  if (ratio === null || !Number.isFinite(ratio)) return "-";
  const value = ratio * 100;
  // What is not all is never shown as all.
  if (value > 99.9 && value < 100) return "99.9 %";
  if (value > 0 && value < 0.1) return "0.1 %";
  return `${Number(value.toFixed(1))} %`;
}

/** @param rps requests a second */
export function rate(rps: number | null): string {
  if (rps === null || !Number.isFinite(rps)) return "-";
  if (rps > 0 && rps < 0.01) return "<0.01/s";
  return `${rps >= 100 ? Math.round(rps) : Number(rps.toPrecision(3))}/s`;
}

/** @param ms null: nothing was measured */
export function latency(ms: number | null): string {
  if (ms === null || !Number.isFinite(ms)) return "-";
  return ms >= 1_000 ? `${Number((ms / 1_000).toPrecision(3))} s` : `${Number(ms.toPrecision(3))} ms`;
}
