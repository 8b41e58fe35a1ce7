import type { ComponentChildren } from "preact";
import type { Data } from "../state/use-data.ts";

/** What a call was answered, or why there is nothing: a refusal is shown beside what was known before it. */
export function Shown<T>({
  data,
  children,
}: {
  readonly data: Data<T>;
  readonly children: (value: T) => ComponentChildren;
}) {
  const { value, error, again } = data;
  return (
    <>
      {error !== null && (
        <div class="notice bad" role="alert">
          <p>
            {error.status === 403 ? "Your permission is missing: " : ""}
            {error.message}
          </p>
          {error.status !== 403 && (
            <button type="button" class="quiet" onClick={again}>
              Try again
            </button>
          )}
        </div>
      )}
      {value === undefined ? error === null && <p class="loading">Loading…</p> : children(value)}
    </>
  );
}
