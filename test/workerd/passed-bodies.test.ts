import { describe, expect, it } from "vitest";
import { passBody } from "../../workers/gateway/body.ts";

const BYTES = 300_000;
/** None alike within 251 bytes: a piece at another's place would be seen. */
const SENT = Uint8Array.from({ length: BYTES }, (_, at) => (at * 7 + (at >> 8)) % 251);

/** Pieces of all lengths, from one byte to more than is read at once. */
function send(): ReadableStream<Uint8Array> {
  const { readable, writable } = new IdentityTransformStream();
  const writer = writable.getWriter();
  const write = async (): Promise<void> => {
    for (let at = 0, piece = 1; at < BYTES; at += piece, piece = (piece * 3) % 100_003)
      await writer.write(SENT.slice(at, at + piece));
    await writer.close();
  };
  // Where the body is refused half-way, so is the rest of it.
  write().catch(() => undefined);
  return readable;
}

describe("a body whose pieces are each seen", () => {
  it.each([
    ["of known length", BYTES],
    ["of unknown length", null],
  ])("%s comes as it was sent, to a reader that takes some bytes at a time", async (_, length) => {
    const seen = { receiver: 0, sender: 0 };
    const { body, end } = passBody(send(), length, new AbortController().signal, (waitsFor) => (seen[waitsFor] += 1));
    const got: Uint8Array[] = [];
    const reader = body.getReader({ mode: "byob" });
    for (let size = 1; ; size = (size * 5) % 9_973) {
      const { done, value } = await reader.read(new Uint8Array(size));
      if (done || value === undefined) break;
      got.push(value);
    }
    await expect(end).resolves.toBe("whole");
    expect(await new Blob(got).arrayBuffer()).toEqual(SENT.buffer);
    expect(seen.receiver).toBe(seen.sender);
    expect(seen.receiver).toBeGreaterThan(5);
    // No piece is cut into small ones, however short the one before was.
    expect(seen.receiver).toBeLessThan(40);
  });

  it("is not taken whole where it is longer than told, which no body over HTTP is", async () => {
    const { body, end } = passBody(send(), BYTES - 1, new AbortController().signal, () => undefined);
    await expect(new Response(body).arrayBuffer()).rejects.toThrow();
    await expect(end).resolves.toBe("untaken");
  });

  it("is broken where its sender breaks it, and not taken where its receiver lets go of it", async () => {
    const failing = new ReadableStream({ type: "bytes", pull: (controller) => controller.error(new Error("gone")) });
    const sent = passBody(failing, null, new AbortController().signal, () => undefined);
    await expect(new Response(sent.body).arrayBuffer()).rejects.toThrow();
    await expect(sent.end).resolves.toBe("broken");
    const refused = passBody(send(), null, new AbortController().signal, () => undefined);
    await refused.body.cancel();
    await expect(refused.end).resolves.toBe("untaken");
  });
});
