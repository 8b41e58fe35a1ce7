import { z } from "zod";
import { ask, type Client } from "./client.ts";
import { readDuration } from "./duration.ts";
import { InvalidArgumentError } from "commander";
import type { Cell, Style } from "./output.ts";

const Traffic = z.object({
  requests: z.number(),
  rps: z.number(),
  errorRate: z.number(),
  refusedRate: z.number(),
  p50: z.number().nullable(),
  p95: z.number().nullable(),
  p99: z.number().nullable(),
  mtls: z.number(),
  flags: z.record(z.string(), z.number()),
});
export type Traffic = z.infer<typeof Traffic>;

const Node = z.object({
  id: z.string(),
  kind: z.string(),
  namespace: z.string(),
  name: z.string(),
  inbound: Traffic.nullable(),
});
type Node = z.infer<typeof Node>;

const Edge = Traffic.extend({ from: z.string(), to: z.string(), protocol: z.string() });

export const Graph = z.object({
  window: z.number(),
  covered: z.number(),
  nodes: z.array(Node),
  edges: z.array(Edge),
});
export type Graph = z.infer<typeof Graph>;

const SECOND = 1_000;
const MIN_WINDOW = 15 * SECOND;
const MAX_WINDOW = 24 * 3_600 * SECOND;
export const DEFAULT_WINDOW = 300 * SECOND;

/** @returns milliseconds */
export function windowOf(text: string): number {
  const ms = readDuration(text);
  if (ms === null || ms < MIN_WINDOW || ms > MAX_WINDOW)
    throw new InvalidArgumentError("Give a duration from 15s to 24h, such as 5m.");
  return ms;
}

/** @param namespace undefined: all that the token is told of */
export async function readGraph(client: Client, windowMs: number, namespace: string | undefined): Promise<Graph> {
  const query = { window: String(Math.round(windowMs / SECOND)), namespace };
  const { value } = await ask(client, { path: "/graph", query }, Graph);
  return value;
}

/** `namespace/name`; of what has no name what it is. */
export function nameOf({ kind, namespace, name }: Node): string {
  return kind === "unknown" ? "unknown" : `${namespace}/${name}`;
}

export function rateOf(rps: number): string {
  return rps >= 100 ? rps.toFixed(0) : rps.toFixed(rps >= 1 ? 1 : 2);
}

/** Kiali's thresholds: below 99.9 % something is wrong, below 90 % much is. */
export function successOf({ errorRate }: Traffic): Cell {
  const style: Style = errorRate > 0.1 ? "red" : errorRate > 0.001 ? "yellow" : "green";
  return { text: percentOf(1 - errorRate), style };
}

/** Rounded down: 100 % are all. */
export function percentOf(part: number): string {
  const tenths = Math.floor(part * 1_000 + 1e-9);
  return `${tenths % 10 === 0 ? tenths / 10 : (tenths / 10).toFixed(1)}%`;
}

export function timeOf(ms: number | null): string {
  if (ms === null) return "-";
  return ms >= 10_000
    ? `${(ms / SECOND).toFixed(0)}s`
    : ms >= SECOND
      ? `${(ms / SECOND).toFixed(1)}s`
      : `${Math.round(ms)}ms`;
}

export function flagsOf({ flags }: Traffic): string {
  const all = Object.entries(flags).sort(([, one], [, other]) => other - one);
  return all.length === 0 ? "-" : all.map(([flag, count]) => `${flag}:${count}`).join(" ");
}
