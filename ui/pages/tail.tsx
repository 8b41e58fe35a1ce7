import { useRef, useState } from "preact/hooks";
import { latency } from "../format.ts";
import type { PageProps } from "../pages.ts";
import { Badge } from "../parts/badge.tsx";
import { Table } from "../parts/table.tsx";
import type { SseEvent } from "../sse.ts";
import { setQuery } from "../state/location.ts";
import { placeOf } from "../state/place.ts";
import { useEvents } from "../state/use-events.ts";

/** More are of no use on a page. */
const MAX_LINES = 200;

/** As far as the page reads a line of the access log. */
interface Line {
  readonly time: string;
  readonly request_id: string;
  readonly method: string;
  readonly authority: string;
  readonly path: string;
  readonly status: number;
  readonly response_flags: string;
  readonly details: string;
  readonly policy: string | null;
  readonly source_principal: string | null;
  readonly source_workload: string;
  readonly destination_service: string | null;
  readonly duration_ms: number;
}

const FILTERS = [
  ["service", "Service", "reviews.default"],
  ["route", "Route", "default/reviews"],
  ["status", "Status", "5xx, 404"],
  ["principal", "Caller", "default/productpage"],
  ["policy", "Policy", "default/deny-all"],
  ["path", "Path", "/reviews/*"],
] as const;

/** Requests as they end. */
export function Tail({ query }: PageProps) {
  const [runs, setRuns] = useState(true);
  const [lines, setLines] = useState<readonly Line[]>([]);
  const [dropped, setDropped] = useState(0);
  const [warnings, setWarnings] = useState<readonly string[]>([]);
  const seen = useRef(0);
  const wanted = new URLSearchParams(FILTERS.flatMap(([name]) => (query[name] ? [[name, query[name]]] : [])));
  const add = (events: readonly SseEvent[]): void => {
    const came = events.filter(({ event }) => event === "line").map(({ data }) => JSON.parse(data) as Line);
    seen.current += came.length;
    if (came.length > 0) setLines((before) => [...came.toReversed(), ...before].slice(0, MAX_LINES));
    for (const { event, data } of events)
      if (event === "ready") setWarnings((JSON.parse(data) as { warnings?: readonly string[] }).warnings ?? []);
      else if (event === "note")
        setDropped((before) => before + (Number((JSON.parse(data) as { dropped?: number }).dropped) || 0));
  };
  const stream = useEvents(runs ? `/api/v1/tail?${wanted}` : null, add);
  return (
    <>
      <h1>Live requests</h1>
      <div class="controls">
        {FILTERS.map(([name, label, hint]) => (
          <label key={name}>
            {label}
            <input
              value={query[name] ?? ""}
              placeholder={hint}
              autocomplete="off"
              spellcheck={false}
              onChange={(event) => setQuery({ [name]: event.currentTarget.value.trim() })}
            />
          </label>
        ))}
        <button type="button" onClick={() => setRuns(!runs)}>
          {runs ? "Pause" : "Go on"}
        </button>
        <button type="button" class="quiet" onClick={() => setLines([])}>
          Clear
        </button>
      </div>
      {typeof stream === "object" ? (
        <p class="notice bad" role="alert">
          {stream.problem}
        </p>
      ) : (
        <p class="note" role="status">
          {stream === "open" ? "Following." : stream === "opening" ? "Beginning…" : "Paused."}
          {warnings.map((warning) => ` ${warning}`)}
          {dropped > 0 && ` ${dropped} requests were left out: more came than are shown.`}
        </p>
      )}
      <Table
        caption={`The newest ${MAX_LINES} requests`}
        none="No request has ended since this page was opened."
        rows={lines}
        keyOf={({ request_id: id, time, destination_service: to }) => `${id} ${time} ${to}`}
        columns={[
          { head: "Time", cell: ({ time }) => time.slice(11, 23) },
          {
            head: "Status",
            cell: ({ status, response_flags: flags }) => (
              <Badge tone={toneOf(status)}>{`${status}${flags === "-" ? "" : ` ${flags}`}`}</Badge>
            ),
          },
          { head: "Request", cell: ({ method, authority, path }) => <code>{`${method} ${authority}${path}`}</code> },
          { head: "Caller", wide: true, cell: ({ source_principal: who, source_workload: from }) => who ?? from },
          { head: "Service", wide: true, cell: ({ destination_service: to }) => to ?? "-" },
          {
            head: "Decided by",
            wide: true,
            cell: ({ policy, details }) => policy ?? (details === "via_upstream" ? "-" : details),
          },
          { head: "Took", isNumber: true, cell: ({ duration_ms: ms }) => latency(ms) },
          {
            head: "Why",
            cell: ({ request_id: id }) => (
              <a href={placeOf(["explain"], { requestId: id })} aria-label={`explain ${id}`}>
                explain
              </a>
            ),
          },
        ]}
      />
    </>
  );
}

function toneOf(status: number): "good" | "warn" | "bad" {
  return status === 0 || status >= 500 ? "bad" : status >= 400 ? "warn" : "good";
}
