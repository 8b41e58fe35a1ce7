import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
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

  it("holds nothing of its call past the end, though the client's signal lives on", async () => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const client = new AbortController();
    const context = { waitUntil: () => {} };
    const ended = (): WeakRef<object> => {
      const call = { ends: [] as End[] };
      new Lease(context, client.signal, (how) => call.ends.push(how), false).end("ok");
      return new WeakRef(call);
    };
    const call = ended();
    // What a reference was made to lives until the turn is over.
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    collect();
    expect(call.deref()).toBeUndefined();
    client.abort();
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
