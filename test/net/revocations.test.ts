import { createHash } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type RevocationEvent, Revocations } from "../../net/revocations.ts";

const WEB = "spiffe://cluster.local/ns/default/sa/web";
const ORDERS = "spiffe://cluster.local/ns/shop/sa/orders";
const DIGEST = createHash("sha256").update("cluster.local/ns/default/sa/web").digest("base64url");

interface Wire {
  version: number;
  serials: readonly string[];
  ids: readonly string[];
  maxAgeSeconds: number | null;
}

describe("who was revoked, beside the gateways", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  function watch(list: Partial<Wire> = {}, keptText: string | null = null) {
    const wire: Wire = { version: 1, serials: [], ids: [], maxAgeSeconds: null, ...list };
    const state = {
      wire,
      away: false,
      frozen: false,
      kept: keptText,
      writes: 0,
      full: false,
      asked: [] as (string | null)[],
      answer: null as string | null,
    };
    const events: RevocationEvent[] = [];
    const made = new Revocations({
      control: {
        getIfChanged: async (_, etag) => {
          state.asked.push(etag);
          if (state.away) throw new Error("control is away");
          if (state.frozen) return new Promise(() => undefined);
          const current = `"${state.wire.version}"`;
          if (state.answer === null && etag === current) return null;
          return { text: state.answer ?? JSON.stringify(state.wire), etag: current };
        },
      },
      kept: keptText,
      keep: (text) => {
        if (state.full) throw new Error("no space left on device");
        state.kept = text;
        state.writes += 1;
      },
      tell: (event) => events.push(event),
    });
    const refusal = (serial: string | null, id: string) => made.refusal(serial, id, Date.now());
    return { made, state, events, refusal };
  }

  it("is asked for every ten seconds or so, and what is taken back, and lifted, counts then", async () => {
    const { made, state, refusal, events } = watch();
    await made.start();
    const before = made.epoch(Date.now());
    expect(refusal("a1", WEB)).toBeNull();
    state.wire = { ...state.wire, version: 2, serials: ["a1"], ids: [DIGEST] };
    await vi.advanceTimersByTimeAsync(13_000);
    expect([refusal("a1", ORDERS), refusal("b2", WEB), refusal(null, WEB), refusal("b2", ORDERS)]).toEqual([
      "certificate_revoked",
      "certificate_revoked",
      "certificate_revoked",
      null,
    ]);
    expect(made.epoch(Date.now())).not.toBe(before);
    expect(events.at(-1)).toEqual({ event: "revocations_known", serials: 1, identities: 1 });
    state.wire = { ...state.wire, version: 3, serials: [], ids: [] };
    await vi.advanceTimersByTimeAsync(13_000);
    expect(refusal("a1", WEB)).toBeNull();
    // Each time it says what it knows, so that nothing travels where nothing changed.
    expect(state.asked.slice(0, 2)).toEqual([null, '"1"']);
    made.stop();
    const asked = state.asked.length;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(state.asked).toHaveLength(asked);
  });

  it("counts on while control is away, over a restart too, and is told of once", async () => {
    const first = watch({ ids: [DIGEST] });
    await first.made.start();
    first.state.away = true;
    await vi.advanceTimersByTimeAsync(600_000);
    expect(first.refusal(null, WEB)).toBe("certificate_revoked");
    expect(first.events.filter(({ event }) => event === "revocations_unknown")).toHaveLength(1);
    first.made.stop();
    const second = watch({}, first.state.kept);
    second.state.away = true;
    await second.made.start();
    expect(second.refusal(null, WEB)).toBe("certificate_revoked");
    expect(second.refusal(null, ORDERS)).toBeNull();
    second.made.stop();
  });

  it("counts for nobody any more past `revocation.maxAge`, also where a restart came between, and again once control is heard", async () => {
    const first = watch({ maxAgeSeconds: 600 });
    await first.made.start();
    await vi.advanceTimersByTimeAsync(3_600_000);
    // It heard that nothing changed all the time.
    expect(first.refusal("a1", ORDERS)).toBeNull();
    // Its age counts from an ask, which would be up to twelve seconds ago.
    await vi.advanceTimersToNextTimerAsync();
    first.state.away = true;
    const before = first.made.epoch(Date.now());
    await vi.advanceTimersByTimeAsync(590_000);
    expect(first.refusal("a1", ORDERS)).toBeNull();
    await vi.advanceTimersByTimeAsync(30_000);
    expect(first.refusal("a1", ORDERS)).toBe("revocation_stale");
    expect(first.made.epoch(Date.now())).not.toBe(before);
    const second = watch({ maxAgeSeconds: 600 }, first.state.kept);
    expect(second.refusal("a1", ORDERS)).toBe("revocation_stale");
    await second.made.start();
    expect(second.refusal("a1", ORDERS)).toBeNull();
    first.made.stop();
    second.made.stop();
  });

  it("is not waited for where the last one counts: a frozen control holds up nothing", async () => {
    const first = watch({ ids: [DIGEST], maxAgeSeconds: 600 });
    await first.made.start();
    first.made.stop();
    const second = watch({}, first.state.kept);
    second.state.frozen = true;
    await second.made.start();
    expect(second.refusal(null, WEB)).toBe("certificate_revoked");
    second.made.stop();
  });

  it("is too old where it was told later than now by more than a minute: only a clock that was wrong says so", async () => {
    const first = watch({ maxAgeSeconds: 600 });
    await first.made.start();
    first.made.stop();
    vi.setSystemTime(Date.now() - 59_000);
    const second = watch({ maxAgeSeconds: 600 }, first.state.kept);
    expect(second.refusal("a1", ORDERS)).toBeNull();
    vi.setSystemTime(Date.now() - 2_000);
    expect(second.refusal("a1", ORDERS)).toBe("revocation_stale");
    await second.made.start();
    expect(second.refusal("a1", ORDERS)).toBeNull();
    second.made.stop();
  });

  it("is kept when it changed and a few times within its age, not at each ask, and again where that failed", async () => {
    const { made, state } = watch({ maxAgeSeconds: 600 });
    await made.start();
    expect(state.writes).toBe(1);
    await vi.advanceTimersByTimeAsync(130_000);
    expect([state.writes, state.asked.length > 9]).toEqual([1, true]);
    await vi.advanceTimersByTimeAsync(3_600_000 - 130_000);
    // Each 150 seconds and up to one ask later.
    expect(state.writes).toBeGreaterThanOrEqual(3_600 / 162);
    expect(state.writes).toBeLessThanOrEqual(1 + 3_600 / 150);
    const before = state.writes;
    state.wire = { ...state.wire, version: 2, maxAgeSeconds: null };
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(state.writes).toBe(before + 1);
    state.full = true;
    state.wire = { ...state.wire, version: 3 };
    await vi.advanceTimersByTimeAsync(13_000);
    state.full = false;
    await vi.advanceTimersByTimeAsync(13_000);
    expect([state.writes, state.kept?.includes('"version":3')]).toEqual([before + 2, true]);
    made.stop();
  });

  it.each([
    ["no JSON", "<html>"],
    ["no list", "{}"],
    ["serials that are no texts", JSON.stringify({ version: 9, serials: [1], ids: [], maxAgeSeconds: null })],
    ["an age of nothing", JSON.stringify({ version: 9, serials: [], ids: [], maxAgeSeconds: 0 })],
    [
      "more than there may be",
      JSON.stringify({ version: 9, serials: Array.from({ length: 5_001 }, () => "a"), ids: [], maxAgeSeconds: null }),
    ],
    ["an older one", JSON.stringify({ version: 4, serials: [], ids: [], maxAgeSeconds: null })],
  ])("keeps the last good list where control answers %s", async (_, answer) => {
    const { made, state, refusal, events } = watch({ version: 5, ids: [DIGEST] });
    await made.start();
    state.answer = answer;
    await vi.advanceTimersByTimeAsync(13_000);
    expect(refusal(null, WEB)).toBe("certificate_revoked");
    expect(events.at(-1)?.event).toBe("revocations_unknown");
    made.stop();
  });

  it("refuses nobody where it was never heard, and what was kept cannot be read", async () => {
    const { made, state, refusal } = watch({}, "12 nonsense");
    state.away = true;
    await made.start();
    expect(refusal("a1", WEB)).toBeNull();
    made.stop();
  });
});
