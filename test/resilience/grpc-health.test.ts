import { describe, expect, it } from "vitest";
import { HealthAnswer, healthRequest, MAX_SERVICE_CHARACTERS } from "../../src/resilience/grpc-health.ts";

const frame = (type: number, flags: number, stream: number, ...payload: readonly number[]): readonly number[] => [
  0,
  payload.length >> 8,
  payload.length & 255,
  type,
  flags,
  0,
  0,
  0,
  stream,
  ...payload,
];
const SETTINGS = frame(4, 0, 0, 0, 3, 0, 0, 0, 100);
const HEADERS = frame(1, 4, 1, 0x88);
const TRAILERS = frame(1, 5, 1, 0);
const message = (status: number): readonly number[] => [0, 0, 0, 0, 2, 8, status];
const data = (...payload: readonly number[]): readonly number[] => frame(0, 0, 1, ...payload);

/** What is known at the end, and all that was sent for it. */
function heard(frames: readonly (readonly number[])[], cut = Infinity) {
  const answer = new HealthAnswer();
  const bytes = frames.flat();
  const replies: number[] = [];
  for (let at = 0; at < bytes.length; at += cut) {
    const { reply, serving } = answer.take(Uint8Array.from(bytes.slice(at, at + cut)));
    replies.push(...(reply ?? []));
    if (serving !== null) return { serving, replies };
  }
  return { serving: null, replies };
}

describe("the answer to gRPC's health check", () => {
  it.each([
    { name: "SERVING", frames: [SETTINGS, HEADERS, data(...message(1)), TRAILERS], serving: true },
    { name: "SERVING before the settings are known", frames: [HEADERS, data(...message(1))], serving: true },
    { name: "SERVING in two frames", frames: [HEADERS, data(0, 0, 0), data(0, 2, 8, 1)], serving: true },
    { name: "SERVING with padding", frames: [HEADERS, frame(0, 8, 1, 2, ...message(1), 0, 0)], serving: true },
    { name: "NOT_SERVING", frames: [HEADERS, data(...message(2)), TRAILERS], serving: false },
    { name: "SERVICE_UNKNOWN", frames: [HEADERS, data(...message(3)), TRAILERS], serving: false },
    { name: "UNKNOWN, which is an empty message", frames: [HEADERS, data(0, 0, 0, 0, 0), TRAILERS], serving: false },
    { name: "a compressed message", frames: [HEADERS, data(1, 0, 0, 0, 2, 8, 1), TRAILERS], serving: false },
    { name: "an error without a message", frames: [SETTINGS, frame(1, 5, 1, 0x88)], serving: false },
    { name: "an end without a message", frames: [HEADERS, frame(0, 1, 1)], serving: false },
    { name: "a stream that is reset", frames: [SETTINGS, frame(3, 0, 1, 0, 0, 0, 7)], serving: false },
    { name: "a server that goes away", frames: [frame(7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)], serving: false },
    { name: "HTTP/1.1", frames: [[...new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n")]], serving: false },
    { name: "settings alone", frames: [SETTINGS, frame(4, 1, 0)], serving: null },
    { name: "a frame of an unknown kind", frames: [frame(200, 255, 1, 1, 2)], serving: null },
    { name: "another stream's message", frames: [frame(0, 0, 2, ...message(1))], serving: null },
    { name: "half a frame", frames: [data(...message(1)).slice(0, -1)], serving: null },
  ])("$name: $serving, however it is cut", ({ frames, serving }) => {
    for (const cut of [1, 2, 7, 10, Infinity]) expect(heard(frames, cut).serving).toBe(serving);
  });

  it("acknowledges settings and pings, but no acknowledgement", () => {
    const ping = [1, 2, 3, 4, 5, 6, 7, 8];
    const { replies } = heard([SETTINGS, frame(6, 0, 0, ...ping), frame(4, 1, 0), frame(6, 1, 0, ...ping), HEADERS]);
    expect(replies).toEqual([...frame(4, 1, 0), ...frame(6, 1, 0, ...ping)]);
  });

  it("never throws, and holds no more than 64 KiB, whatever comes", () => {
    const answer = new HealthAnswer();
    expect(answer.take(Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0, 1)).serving).toBe(false);
    let seed = 7;
    for (let run = 0; run < 2_000; run++) {
      const bytes = Array.from({ length: 40 }, () => (seed = (seed * 48_271) % 2_147_483_647) & 255);
      expect([true, false, null]).toContain(heard([bytes], 5).serving);
    }
  });

  it("is over after 32 frames, each of which is small", () => {
    const empty = frame(2, 0, 3);
    const before = (count: number) => [...Array.from({ length: count }, () => empty), data(...message(1))];
    for (const cut of [1, 100, Infinity]) {
      expect(heard(before(31), cut).serving).toBe(true);
      expect(heard(before(32), cut).serving).toBe(false);
    }
  });

  it("is over after 64 KiB in all, however they are cut", () => {
    const ignored = (bytes: number) => frame(200, 0, 3, ...Array.from({ length: bytes - 9 }, () => 0));
    const serving = data(...message(1));
    const most = Array.from({ length: 7 }, () => ignored(8_192));
    for (const cut of [1, 100, 4_096, Infinity]) {
      expect(heard([...most, ignored(8_192 - serving.length), serving], cut).serving).toBe(true);
      expect(heard([...most, ignored(8_193 - serving.length), serving], cut).serving).toBe(false);
      expect(heard([...most, ignored(8_192), serving], cut).serving).toBe(false);
      // Of what comes in one chunk, the answer counts first.
      expect(heard([serving, ...most, ignored(8_192)], cut).serving).toBe(true);
    }
  });
});

describe("the request of gRPC's health check", () => {
  const frames = (authority: string, service: string): readonly (readonly [number, readonly number[]])[] => {
    let bytes = [...healthRequest(authority, service)].slice(24);
    const found: [number, readonly number[]][] = [];
    while (bytes.length > 0) {
      const [, high = 0, low = 0, type = 0] = bytes;
      found.push([type, bytes.slice(9, 9 + (high << 8) + low)]);
      bytes = bytes.slice(9 + (high << 8) + low);
    }
    return found;
  };

  it("is settings, headers and one message that names the service", () => {
    expect(frames("a:1", "x.Y").map(([type]) => type)).toEqual([4, 1, 0]);
    expect(frames("a:1", "x.Y")[2]).toEqual([0, [0, 0, 0, 0, 5, 10, 3, 120, 46, 89]]);
    expect(frames("a:1", "")[2]).toEqual([0, [0, 0, 0, 0, 0]]);
  });

  it("keeps its lengths with the longest names", () => {
    const [, , sent] = frames("a:1", "a".repeat(MAX_SERVICE_CHARACTERS));
    expect(sent?.[1]).toHaveLength(5 + 2 + MAX_SERVICE_CHARACTERS);
    for (const length of [126, 127, 128, 254, 255, 300])
      expect(frames("h".repeat(length), "").map(([type]) => type)).toEqual([4, 1, 0]);
  });
});
