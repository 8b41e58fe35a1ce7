import { describe, expect, it } from "vitest";
import { GatheredBytes } from "../../src/request/gathered-bytes.ts";
import { readBytes } from "../../workers/control/kube/body.ts";
import { readUpTo } from "../../workers/gateway/kept-body.ts";

/** A text in single bytes, each in the same memory: whoever keeps a piece, and no copy of it, finds the last one there. */
function byteByByte(text: string): ReadableStream<Uint8Array> {
  const memory = new Uint8Array(4_096);
  let at = 0;
  return new ReadableStream<Uint8Array>(
    {
      pull: (controller) => {
        if (at === text.length) return controller.close();
        memory[0] = text.charCodeAt(at);
        at += 1;
        controller.enqueue(memory.subarray(0, 1));
      },
    },
    { highWaterMark: 0 },
  );
}

describe("gathered bytes", () => {
  const gathered = (pieces: readonly number[], most: number) => {
    const bytes = new GatheredBytes(most);
    const taken = pieces.map((length, at) => bytes.add(new Uint8Array(length).fill(at + 1)));
    return { taken, bytes: bytes.bytes };
  };

  it("are the pieces, one behind the other", () => {
    const { bytes } = gathered([1, 0, 4_096, 20_000], 65_536);
    expect([bytes.length, bytes[0], bytes[1], bytes[4_096], bytes[4_097], bytes.at(-1)]).toEqual([
      24_097, 1, 3, 3, 4, 4,
    ]);
  });

  it("are as many as may be, and what is too much is not taken", () => {
    const { taken, bytes } = gathered([5, 3, 1, 1], 8);
    expect([taken, [...bytes]]).toEqual([
      [true, true, false, false],
      [1, 1, 1, 1, 1, 2, 2, 2],
    ]);
  });

  it("take no more room than may be", () => {
    expect(gathered([5_000, 1], 5_001).bytes.buffer.byteLength).toBe(5_001);
  });
});

describe("a body that comes byte by byte", () => {
  it("is kept for an external authorizer in the memory that it takes, none of the pieces", async () => {
    expect(await readUpTo(byteByByte("pay=1"), 5)).toEqual(new TextEncoder().encode("pay=1"));
    expect(await readUpTo(byteByByte("pay=1"), 4)).toBe("ext_authz_body_too_large");
  });

  it("is read by control in the same way", async () => {
    const sent = (maxBytes: number) =>
      readBytes(
        new Request("http://control", { method: "POST", body: byteByByte("pay=1"), duplex: "half" } as RequestInit),
        maxBytes,
      );
    expect(await sent(5)).toEqual({ ok: true, value: new TextEncoder().encode("pay=1") });
    expect(await sent(4)).toMatchObject({ ok: false, error: { reason: "RequestEntityTooLarge" } });
  });
});
