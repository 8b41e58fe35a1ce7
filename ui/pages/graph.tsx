import { useMemo, useState } from "preact/hooks";
import { found as foundIn, hidden, readWish, type Wish } from "../graph/find.ts";
import { Drawing } from "../graph/drawing.tsx";
import { MAX_EDGES, shownGraph } from "../graph/grouping.ts";
import type { ServiceGraph } from "../graph/model.ts";
import { EdgeTable } from "../graph/table.tsx";
import { useLayout } from "../graph/use-layout.ts";
import type { PageProps } from "../pages.ts";
import { Shown } from "../parts/shown.tsx";
import { setQuery } from "../state/location.ts";
import { useData } from "../state/use-data.ts";

const REFRESH_MS = 10_000;
const WINDOWS = [
  ["60", "1 minute"],
  ["300", "5 minutes"],
  ["900", "15 minutes"],
  ["3600", "1 hour"],
  ["86400", "24 hours"],
] as const;

/** Who calls whom, and how it goes. */
export function Graph({ query }: PageProps) {
  const window = WINDOWS.some(([seconds]) => seconds === query["window"]) ? query["window"] : "300";
  const of = query["ns"] === undefined ? "" : `&namespace=${encodeURIComponent(query["ns"])}`;
  const graph = useData<ServiceGraph>(`/api/v1/graph?window=${window}${of}`, REFRESH_MS);
  const [find, hide] = [query["find"] ?? "", query["hide"] ?? ""].map(readWish);
  return (
    <>
      <h1>Service graph</h1>
      <div class="controls">
        <label>
          Of the last
          <select value={window} onChange={(event) => setQuery({ window: event.currentTarget.value })}>
            {WINDOWS.map(([seconds, text]) => (
              <option key={seconds} value={seconds}>
                {text}
              </option>
            ))}
          </select>
        </label>
        <Field name="ns" label="Namespace" value={query["ns"] ?? ""} />
        <Field name="find" label="Find" value={query["find"] ?? ""} hint="reviews, errors>5, health:failure" />
        <Field name="hide" label="Hide" value={query["hide"] ?? ""} hint="kind:unknown, rps<0.1" />
      </div>
      {[find, hide].map((wish) =>
        wish !== null && wish !== undefined && "unknown" in wish ? (
          <p key={wish.unknown} class="notice warn" role="status">
            <code>{wish.unknown}</code> is not understood: a part of a name, <code>ns:</code>, <code>kind:</code>,{" "}
            <code>version:</code>, <code>health:</code>, or <code>rps</code>, <code>errors</code>, <code>refused</code>,{" "}
            <code>mtls</code>, <code>p50</code>, <code>p95</code>, <code>p99</code> with <code>&gt;</code> or{" "}
            <code>&lt;</code>.
          </p>
        ) : null,
      )}
      <Shown data={graph}>
        {(whole) => <Whole whole={whole} find={wishOf(find)} hide={wishOf(hide)} open={query["open"] ?? ""} />}
      </Shown>
    </>
  );
}

function wishOf(wish: ReturnType<typeof readWish> | undefined): Wish | null {
  return wish === null || wish === undefined || "unknown" in wish ? null : wish;
}

function Field({ name, label, value, hint }: { name: string; label: string; value: string; hint?: string }) {
  return (
    <label>
      {label}
      <input
        value={value}
        placeholder={hint}
        autocomplete="off"
        spellcheck={false}
        onChange={(event) => setQuery({ [name]: event.currentTarget.value.trim() })}
      />
    </label>
  );
}

interface WholeProps {
  readonly whole: ServiceGraph;
  readonly find: Wish | null;
  readonly hide: Wish | null;
  /** Namespaces that are drawn with their nodes, with commas between them. */
  readonly open: string;
}

function Whole({ whole, find, hide, open }: WholeProps) {
  const [zoom, setZoom] = useState<number | null>(null);
  const graph = hide === null ? whole : hidden(whole, hide);
  const shown = useMemo(() => shownGraph(graph, new Set(open.split(",").filter((name) => name !== ""))), [graph, open]);
  const layout = useLayout(shown);
  const found = find === null ? null : foundIn(graph, find);
  const nodes = new Map(graph.nodes.map((node) => [node.id, node]));
  const edges =
    found === null
      ? graph.edges
      : graph.edges.filter(({ from, to }) => found.has(`${from} ${to}`) || found.has(from) || found.has(to));
  return (
    <>
      <p class="note" role="status">
        {graph.nodes.length} nodes, {graph.edges.length} edges over {Math.round(whole.covered)} s.
        {shown.isGrouped && ` More than ${MAX_EDGES} edges: namespaces stand for their nodes; open one to see them.`}
      </p>
      {graph.edges.length > 0 && layout !== null && (
        <>
          <div class="controls">
            <button type="button" class="quiet" onClick={() => setZoom(null)}>
              Fit
            </button>
            <button type="button" class="quiet" onClick={() => setZoom((zoom ?? 1) * 1.25)}>
              Larger
            </button>
            <button type="button" class="quiet" onClick={() => setZoom((zoom ?? 1) / 1.25)}>
              Smaller
            </button>
            {open !== "" && (
              <button type="button" class="quiet" onClick={() => setQuery({ open: "" })}>
                Close all namespaces
              </button>
            )}
          </div>
          <Drawing
            graph={shown}
            layout={layout}
            found={shown.isGrouped ? null : found}
            zoom={zoom}
            onOpen={(namespace) => setQuery({ open: open === "" ? namespace : `${open},${namespace}` })}
          />
        </>
      )}
      {/* Of a large graph the drawing comes first. */}
      {(layout !== null || graph.edges.length <= MAX_EDGES) && (
        <EdgeTable caption={find === null ? "Calls" : "Calls that were found"} edges={edges} nodes={nodes} />
      )}
    </>
  );
}
