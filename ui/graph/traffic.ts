import type { Traffic } from "./model.ts";

const NONE: Traffic = { requests: 0, rps: 0, errorRate: 0, refusedRate: 0, p50: null, p95: null, p99: null, mtls: 0 };

/** Sums of several edges. Quantiles cannot be added: the slowest edge's are told, which none exceeds. */
export function together(edges: readonly Traffic[]): Traffic {
  return edges.reduce((sum, edge) => {
    const requests = sum.requests + edge.requests;
    const part = (of: (traffic: Traffic) => number): number =>
      requests === 0 ? 0 : (of(sum) * sum.requests + of(edge) * edge.requests) / requests;
    return {
      requests,
      rps: sum.rps + edge.rps,
      errorRate: part(({ errorRate }) => errorRate),
      refusedRate: part(({ refusedRate }) => refusedRate),
      p50: slower(sum.p50, edge.p50),
      p95: slower(sum.p95, edge.p95),
      p99: slower(sum.p99, edge.p99),
      mtls: part(({ mtls }) => mtls),
    };
  }, NONE);
}

function slower(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.max(a, b);
}
