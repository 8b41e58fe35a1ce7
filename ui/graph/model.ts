/** `GET /api/v1/graph`, as control answers it. */
export interface ServiceGraph {
  /** Seconds asked for. */
  readonly window: number;
  /** Seconds that it really covers. */
  readonly covered: number;
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
}

export interface GraphNode {
  readonly id: string;
  readonly kind: "workload" | "service" | "gateway" | "unknown";
  readonly namespace: string;
  readonly name: string;
  readonly version: string;
  readonly principal: string | null;
}

export interface Traffic {
  readonly requests: number;
  readonly rps: number;
  /** 5xx, 0 to 1. */
  readonly errorRate: number;
  /** 4xx, 0 to 1. */
  readonly refusedRate: number;
  /** Milliseconds; null: nothing was measured. */
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
  /** By callers whose identity is proven, 0 to 1. */
  readonly mtls: number;
}

export interface GraphEdge extends Traffic {
  readonly from: string;
  readonly to: string;
  readonly protocol: string;
}
