import { describe, expect, it } from "vitest";
import { type End, Lease } from "../../workers/gateway/lease.ts";

function open({
  hold = false,
  aborted = false,
  report = () => {},
}: { hold?: boolean; aborted?: boolean; report?: () => void } = {}) {
  const held: Promise<unknown>[] = [];
  const ends: End[] = [];
  const client = new AbortController();
  if (aborted) client.abort();
  const onEnd = (how: End) => {
    ends.push(how);
    report();
  };
  const lease = new Lease({ waitUntil: (promise) => void held.push(promise) }, client.signal, onEnd, hold);
  return { held, ends, client, lease };
}

describe("Lease", () => {
  it("ends by the client's abort where nothing else ended it, and holds nothing for it", () => {
    const { held, ends, client, lease } = open();
    client.abort();
    expect(ends).toEqual(["DC"]);
    expect([held, lease.held]).toEqual([[], false]);
  });

  it("ends at once for a client that is gone already", () => {
    expect(open({ aborted: true }).ends).toEqual(["DC"]);
  });

  it("ends once, by the first", () => {
    const { ends, client, lease } = open();
    lease.end("UC");
    client.abort();
    lease.end("ok");
    expect(ends).toEqual(["UC"]);
  });

  it("knows that something of its request is pending", () => {
    const { held, lease } = open();
    const pipe = Promise.resolve();
    lease.waitUntil(pipe);
    expect(held).toEqual([pipe]);
    expect(lease.held).toBe(true);
  });

  it("is held until its end where the deployment says so, even if the report throws", async () => {
    const { held, lease } = open({
      hold: true,
      report: () => {
        throw new Error("bug");
      },
    });
    expect(lease.held).toBe(true);
    expect(await Promise.race([held[0], Promise.resolve("held")])).toBe("held");
    expect(() => lease.end("ok")).toThrow("bug");
    await held[0];
  });
});
