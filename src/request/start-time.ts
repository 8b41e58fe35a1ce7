/** RFC 3339 with milliseconds, as Envoy writes a time where no format is named. */
const DEFAULT_FORMAT = "%Y-%m-%dT%H:%M:%S.%3fZ";

/** Of strftime, and Envoy's own `%f`, `%1f` to `%9f`: the fraction of the second, of so many digits. */
const FIELD = /%([YmdHMSsfFT%]|[1-9]f)/g;

/** @returns whether all that begins with a percent sign is one of ours */
export function isTimeFormat(format: string): boolean {
  return !format.replaceAll(FIELD, "").includes("%");
}

/**
 * A time in UTC.
 *
 * @param at epoch milliseconds
 * @param format one that `isTimeFormat` takes; empty: Envoy's default
 */
export function formatTime(at: number, format: string): string {
  const [date = "", time = ""] = new Date(at).toISOString().split(/[TZ]/);
  const [year = "", month = "", day = ""] = date.split("-");
  const [clock = "", milliseconds = ""] = time.split(".");
  const [hour = "", minute = "", second = ""] = clock.split(":");
  const fields: Readonly<Record<string, string>> = {
    Y: year,
    m: month,
    d: day,
    H: hour,
    M: minute,
    S: second,
    s: String(Math.floor(at / 1_000)),
    F: date,
    T: clock,
    "%": "%",
  };
  return (format === "" ? DEFAULT_FORMAT : format).replaceAll(FIELD, (_, field: string) => {
    if (!field.endsWith("f")) return fields[field] ?? "";
    return milliseconds.padEnd(9, "0").slice(0, field === "f" ? 9 : Number(field[0]));
  });
}
