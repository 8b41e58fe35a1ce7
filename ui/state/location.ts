import { signal } from "@preact/signals";
import { type Place, placeOf, readPlace } from "./place.ts";

export const place = signal<Place>(readPlace(window.location.hash));

window.addEventListener("hashchange", () => {
  place.value = readPlace(window.location.hash);
});

/** Changes the query of the page that is shown, without a step in the history. */
export function setQuery(changes: Readonly<Record<string, string>>): void {
  const { path, query } = place.value;
  window.history.replaceState(null, "", placeOf(path, { ...query, ...changes }));
  place.value = readPlace(window.location.hash);
}
