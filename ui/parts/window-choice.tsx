import { setQuery } from "../state/location.ts";

const WINDOWS = [
  [300, "5 minutes"],
  [900, "15 minutes"],
  [3_600, "1 hour"],
  [21_600, "6 hours"],
  [86_400, "24 hours"],
] as const;
const USUAL = 900;

/** Seconds that somebody chose to look back. */
export function windowOf(query: Readonly<Record<string, string>>): number {
  const chosen = Number(query["window"]);
  return WINDOWS.some(([seconds]) => seconds === chosen) ? chosen : USUAL;
}

export function WindowChoice({ query }: { readonly query: Readonly<Record<string, string>> }) {
  return (
    <div class="controls">
      <label>
        Of the last
        <select value={String(windowOf(query))} onChange={(event) => setQuery({ window: event.currentTarget.value })}>
          {WINDOWS.map(([seconds, text]) => (
            <option key={seconds} value={String(seconds)}>
              {text}
            </option>
          ))}
        </select>
      </label>
    </div>
  );
}
