import { useEffect, useRef, useState } from "preact/hooks";
import type { ShownGraph } from "./grouping.ts";
import { layoutInput } from "./labels.ts";
import type { Layout } from "./layout.ts";

const WORKER = "/ui/layout.js";

interface TrustedTypes {
  createPolicy(
    name: string,
    rules: { createScriptURL: (url: string) => string },
  ): { createScriptURL(url: string): string };
}

/** The page's policy lets a program's address come from here alone (R32), and here it is this one. */
function workerAddress(): string {
  const { trustedTypes } = window as unknown as { readonly trustedTypes?: TrustedTypes };
  policy ??= trustedTypes?.createPolicy("tulle", { createScriptURL: () => WORKER }) ?? null;
  return policy === null ? WORKER : policy.createScriptURL(WORKER);
}
let policy: { createScriptURL(url: string): string } | null = null;

/** Where everything stands, worked out aside; the last layout stays until the next is there. */
export function useLayout(graph: ShownGraph | null): Layout | null {
  const [laid, setLaid] = useState<Layout | null>(null);
  const worker = useRef<Worker | null>(null);
  const turn = useRef(0);
  useEffect(() => {
    const made = new Worker(workerAddress(), { type: "module" });
    worker.current = made;
    made.addEventListener("message", ({ data }: MessageEvent<Layout>) => {
      if (data.turn === turn.current) setLaid(data);
    });
    return () => made.terminate();
  }, []);
  // Numbers change all the time, what calls what does not.
  const shape =
    graph && JSON.stringify([graph.nodes.map(({ id }) => id), graph.edges.map(({ from, to }) => [from, to])]);
  useEffect(() => {
    if (graph === null) return;
    turn.current += 1;
    worker.current?.postMessage(layoutInput(graph.nodes, graph.edges, turn.current));
  }, [shape]);
  return laid;
}
