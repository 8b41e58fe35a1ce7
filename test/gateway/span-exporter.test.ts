import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Journal } from "../../src/telemetry/journal.ts";
import type { Kept } from "../../src/telemetry/spans.ts";
import { type Sent, SpanExporter } from "../../workers/gateway/span-exporter.ts";
import { toldSpans } from "../support/otlp.ts";

const CLUSTER = { id: "outbound|4318||otel", service: { host: "otel", name: "otel", namespace: "o" }, port: 4_318 };
const COLLECTOR = {
  cluster: { ...CLUSTER, loadBalancer: "ROUND_ROBIN" as const, pool: {}, endpoints: [] },
  path: "/v1/traces",
  timeoutMs: 1_000,
};
const CTX = { waitUntil: () => undefined };

function kept(provider = "otel"): Kept {
  const journal = Object.assign(new Journal(1_000, "id", "GET"), {
    traceId: "0af7651916cd43dd8448eb211c80319c",
    spanId: "b7ad6b7169203331",
    status: 404,
  });
  const plan = { provider, collector: COLLECTOR, share: 1, b3: null, keepsErrors: true, slowMs: 1, meshId: "m" };
  return { kind: "call", journal, plan, endedAt: 1_001, why: "sampled" };
}

let now = 0;
let dropped: Record<string, number>;
let send: (body: string) => Promise<Sent>;
let exporter: SpanExporter;

beforeEach(() => {
  now = 1_000_000;
  dropped = {};
  send = async () => ({ kind: "taken", rejected: 0 });
  exporter = new SpanExporter({
    whence: () => ({ gateway: "g", location: "LOC" }),
    send: (_, body) => send(body),
    drop: (reason, count) => void (dropped[reason] = (dropped[reason] ?? 0) + count),
    arm: () => undefined,
    now: () => now,
  });
});

afterEach(() => void vi.restoreAllMocks());

describe("SpanExporter", () => {
  it("sends what waits, in batches, and keeps none of it", async () => {
    let count = 0;
    send = async (body) => {
      count += toldSpans(JSON.parse(body)).length;
      return { kind: "taken", rejected: 0 };
    };
    for (let index = 0; index < 600; index += 1) exporter.add(kept(), CTX);
    expect(exporter.isDue).toBe(true);
    await exporter.flush();
    expect([count, exporter.isDue, dropped]).toEqual([600, false, {}]);
  });

  it("drops and counts what is too much for one that hangs, and lets no other collector wait", async () => {
    send = () => new Promise(() => undefined);
    exporter.add(kept(), CTX);
    exporter.flush().catch(() => undefined);
    for (let index = 0; index < 3_000; index += 1) exporter.add(kept(), CTX);
    expect(dropped).toEqual({ spans_queue_full: 3_000 - 2_048 });
    let isSent = false;
    send = async () => {
      isSent = true;
      return { kind: "taken", rejected: 0 };
    };
    exporter.add(kept("other"), CTX);
    await exporter.flush();
    expect(isSent).toBe(true);
  });

  it("counts a batch that failed, tells of it once a minute, and waits before the next", async () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    send = async () => ({ kind: "failed", reason: "status" });
    for (let round = 0; round < 3; round += 1) {
      exporter.add(kept(), CTX);
      await exporter.flush();
      exporter.add(kept(), CTX);
      expect(exporter.isDue).toBe(false);
      now += 31_000;
    }
    expect(dropped).toEqual({ spans_status: 5 });
    const line = '{"event":"spans_failed","provider":"otel","reason":"status"}';
    expect(warn.mock.calls).toEqual([[line], [line]]);
  });

  it("counts what the collector did not take, and what broke off", async () => {
    vi.spyOn(console, "warn").mockImplementation(() => undefined);
    send = async () => ({ kind: "taken", rejected: 1 });
    exporter.add(kept(), CTX);
    await exporter.flush();
    send = () => Promise.reject(new Error("broken"));
    exporter.add(kept(), CTX);
    await exporter.flush();
    expect(dropped).toEqual({ spans_rejected: 1, spans_unreachable: 1 });
  });

  it("counts a batch whose request the platform ended", async () => {
    send = () => new Promise(() => undefined);
    exporter.add(kept(), CTX);
    exporter.flush().catch(() => undefined);
    now += 5_000;
    await exporter.flush();
    expect(dropped).toEqual({ spans_ended: 1 });
  });

  it("keeps some of what was not sampled each second", () => {
    const taken = () => Array.from({ length: 100 }, () => exporter.takesUnsampled(now)).filter(Boolean).length;
    expect(taken()).toBe(20);
    now += 1_000;
    expect(taken()).toBe(20);
  });
});
