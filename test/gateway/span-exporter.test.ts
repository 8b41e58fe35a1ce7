import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Journal } from "../../src/telemetry/journal.ts";
import type { Kept } from "../../src/telemetry/spans.ts";
import type { ExporterDeps, Sent } from "../../workers/gateway/batch-exporter.ts";
import { lineExporter } from "../../workers/gateway/line-exporter.ts";
import { SpanExporter } from "../../workers/gateway/span-exporter.ts";
import { toldLogs, toldSpans } from "../support/otlp.ts";

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
let pauses: number;
let exporter: SpanExporter;

const WHENCE = () => ({ gateway: "g", location: "LOC" });
const DEPS: ExporterDeps = {
  send: (_, body) => send(body),
  drop: (reason, count) => void (dropped[reason] = (dropped[reason] ?? 0) + count),
  arm: () => undefined,
  pause: async () => void (pauses += 1),
  now: () => now,
};

beforeEach(() => {
  now = 1_000_000;
  dropped = {};
  send = async () => ({ kind: "taken", rejected: 0 });
  pauses = 0;
  exporter = new SpanExporter(WHENCE, DEPS);
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

  it("lets others run while it writes a batch", async () => {
    for (let index = 0; index < 256; index += 1) exporter.add(kept(), CTX);
    await exporter.flush();
    expect(pauses).toBe(15);
  });

  it("keeps some of what was not sampled each second", () => {
    const taken = () => Array.from({ length: 100 }, () => exporter.takesUnsampled(now)).filter(Boolean).length;
    expect(taken()).toBe(20);
    now += 1_000;
    expect(taken()).toBe(20);
  });
});

describe("the exporter of lines", () => {
  const line = (name: string, text: string) => ({
    name,
    record: `{"timeUnixNano":"1000000","observedTimeUnixNano":"2000000","traceId":"${"a".repeat(32)}","spanId":"${"b".repeat(16)}","flags":0,"body":{"stringValue":"${text}"},"attributes":[]}`,
  });

  it("sends each log by its name, and counts what is lost as lines", async () => {
    vi.spyOn(console, "warn").mockImplementation(() => undefined);
    const bodies: string[] = [];
    send = async (body) => {
      bodies.push(body);
      return { kind: "taken", rejected: 0 };
    };
    const lines = lineExporter(WHENCE, DEPS);
    for (const name of ["a", "b", "a"]) lines.add("otel", COLLECTOR, line(name, `in ${name}`), CTX);
    await lines.flush();
    const told = bodies.flatMap((body) => toldLogs(JSON.parse(body)));
    expect(told.map(({ log, body }) => [log, body])).toEqual([
      ["a", "in a"],
      ["a", "in a"],
      ["b", "in b"],
    ]);
    send = async () => ({ kind: "failed", reason: "timeout" });
    for (let index = 0; index < 3_000; index += 1) lines.add("otel", COLLECTOR, line("a", ""), CTX);
    await lines.flush();
    expect(dropped).toEqual({ logs_queue_full: 952, logs_timeout: 256 });
  });
});
