import { describe, expect, it } from "vitest";
import { type End, openLease } from "../../workers/gateway/lease.ts";

function open() {
  const held: Promise<unknown>[] = [];
  const ends: End[] = [];
  const client = new AbortController();
  const end = openLease({ waitUntil: (promise) => void held.push(promise) }, client.signal, (how) => ends.push(how));
  return { held, ends, client, end };
}

describe("openLease", () => {
  it("is held in waitUntil until its end, which it reports", async () => {
    const { held, ends, end } = open();
    expect(held).toHaveLength(1);
    expect(await Promise.race([held[0], Promise.resolve("held")])).toBe("held");
    end("ok");
    await held[0];
    expect(ends).toEqual(["ok"]);
  });

  it("ends by the client's abort where nothing else ended it", async () => {
    const { held, ends, client } = open();
    client.abort();
    await held[0];
    expect(ends).toEqual(["DC"]);
  });

  it("ends once, by the first", () => {
    const { ends, client, end } = open();
    end("UC");
    client.abort();
    end("ok");
    expect(ends).toEqual(["UC"]);
  });

  it("lets go of the request even where the report throws", async () => {
    const held: Promise<unknown>[] = [];
    const end = openLease({ waitUntil: (promise) => void held.push(promise) }, new AbortController().signal, () => {
      throw new Error("bug");
    });
    expect(() => end("ok")).toThrow("bug");
    await held[0];
  });
});
