import type { Flat } from "./flat.ts";
import { heapOf } from "./heap.ts";
import { tell } from "./runner.ts";
import { onStage } from "./stage.ts";
import { keyOf, type Measure } from "./targets.ts";

/** How a collector can be away (F43): it takes connections and never answers, refuses what comes, or ends its connections. */
const WAYS = { hangs: "/hang", refuses: "/refuse", resets: "/reset" } as const;
type Way = keyof typeof WAYS;
export const COLLECTOR_WAYS = Object.keys(WAYS) as readonly Way[];

/** What it costs the calls that spans are of. */
export interface CollectorCosts {
  /** By how much the 99th percentile is longer than that without spans, right before and right after, ms. */
  readonly p99Ms: Readonly<Record<Way, readonly number[]>>;
  /** By how much the gateway's isolate is larger while one hangs, MB, after its garbage was collected. */
  readonly memoryMb: readonly number[];
}

const PACED: Measure = { contestant: "tulle", host: "one.bench", shape: "get", connections: 64, rate: 1_000 };
/** Until a change has come to the isolate, and the queue of spans is full: it holds those of a second. */
const SETTLE_SECONDS = 3;

export async function collectorCosts(flat: Flat, rounds: number, seconds: number): Promise<CollectorCosts> {
  const p99Ms: Record<Way, number[]> = { hangs: [], refuses: [], resets: [] };
  const memoryMb: number[] = [];
  await onStage({ flat, inspect: true, cold: 0, hosts: new Set([PACED.host]) }, async ({ mesh, runner }) => {
    const measured = async (text: string) => {
      await mesh.apply(text);
      await runner.run(PACED, SETTLE_SECONDS);
      const [round] = await runner.rounds([PACED], 1, seconds);
      return {
        p99Ms: round?.get(keyOf(PACED))?.p99Ms ?? Number.NaN,
        mb: (await heapOf(mesh.inspectorPort, "tulle-gateway")) / 1e6,
      };
    };
    await mesh.apply(COLLECTOR);
    await runner.warm([PACED]);
    for (let round = 1; round <= rounds; round += 1) {
      tell(`round ${round}/${rounds}: each way in which a collector is away, between two measurements without spans`);
      let before = await measured(meshConfig(null));
      // Backwards in every second round: what drifts within one counts for no way alone.
      for (const way of round % 2 === 0 ? COLLECTOR_WAYS.toReversed() : COLLECTOR_WAYS) {
        const away = await measured(meshConfig(way));
        const after = await measured(meshConfig(null));
        p99Ms[way].push(away.p99Ms - (before.p99Ms + after.p99Ms) / 2);
        if (way === "hangs") memoryMb.push(away.mb - (before.mb + after.mb) / 2);
        before = after;
      }
    }
  });
  return { p99Ms, memoryMb };
}

/** The upstream answers everything but spans. */
const COLLECTOR = `
apiVersion: v1
kind: Service
metadata: { name: otel, namespace: default }
spec: { selector: { app: otel }, ports: [{ name: http, port: 4318 }] }
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: otel, namespace: default }
spec: { address: 10.77.0.9, labels: { app: otel }, serviceAccount: otel }
`;

/** @param way in which its collector is away; null: nothing is traced */
function meshConfig(way: Way | null): string {
  const opentelemetry = {
    service: "otel.default.svc.cluster.local",
    port: 4318,
    http: { path: WAYS[way ?? "hangs"], timeout: "10s" },
  };
  return JSON.stringify({
    apiVersion: "tulle.dev/v1alpha1",
    kind: "MeshConfig",
    metadata: { name: "default", namespace: "istio-system" },
    spec: {
      privateRanges: [{ range: "10.77.0.0/16", namespaces: ["default"] }],
      extensionProviders: [{ name: "otel", opentelemetry }],
      ...(way !== null && { defaultProviders: { tracing: ["otel"] }, defaultConfig: { tracing: { sampling: 100 } } }),
    },
  });
}
