import { beforeEach, describe, expect, it, vi } from "vitest";
import { GATEWAY, startPublisher } from "../../bench/compile-time.ts";
import { programmedAt } from "../../src/kube/programmed.ts";
import type { KubeObject } from "../../src/resources/object.ts";
import type { Root } from "../../src/snapshot/model.ts";
import { type Told, withTold } from "../../workers/control/programming.ts";
import type { Publisher } from "../../workers/control/publisher.ts";

const service = (port: number): KubeObject => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: "a", namespace: "default", creationTimestamp: "2026-01-01T00:00:00Z" },
  spec: { selector: { app: "a" }, ports: [{ name: "http", port }] },
});

describe("whether what was published is live", () => {
  let publisher: Publisher;
  let newest = 1;

  const publish = (generation: number, now: number) => {
    const before = generation === 1 ? null : service(80 + generation - 1);
    publisher.attempt([{ before, after: service(80 + generation) }]).accept();
    publisher.publish(generation, now);
    newest = generation;
  };
  const look = async (location: string, serving: number | null, now: number) => {
    const answer = await publisher.root(GATEWAY, null, { location, serving, refused: null }, now);
    if (answer.kind !== "root") throw new Error(answer.kind);
    return (JSON.parse(answer.root.payload) as Root).generation;
  };
  const reason = (now: number) => programmedAt(newest, publisher.standing(now)).reason;

  beforeEach(() => {
    publisher = startPublisher();
    publish(1, 0);
  });

  it("waits after a long turn of the Hub for the locations that were not heard yet", async () => {
    await look("AMS", 1, 100_000);
    await look("FRA", 1, 100_000);
    expect(reason(100_500)).toBe("Programmed");
    publish(2, 100_500);
    expect(reason(100_600)).toBe("Pending");
    expect(await look("AMS", 2, 103_500)).toBe(2);
    expect(reason(103_500)).toBe("Pending");
    await look("FRA", 1, 103_600);
    expect(reason(103_600)).toBe("Pending");
    await look("FRA", 2, 104_600);
    await look("AMS", 2, 104_600);
    expect(reason(104_600)).toBe("Programmed");
  });

  it("is not where the turn that published it took long itself", async () => {
    await look("AMS", 1, 100_000);
    await look("FRA", 1, 100_000);
    publish(2, 104_000);
    await look("AMS", 2, 104_100);
    expect(reason(104_100)).toBe("Pending");
  });

  it("is unknown for a minute where a location fell silent with what is old", async () => {
    await look("FRA", 1, 100_000);
    publish(2, 101_000);
    await look("FRA", 1, 101_500);
    await look("AMS", 2, 111_400);
    expect(reason(111_400)).toBe("Pending");
    await look("AMS", 2, 111_500);
    expect(reason(111_500)).toBe("Silent");
    await look("AMS", 2, 161_400);
    expect(reason(161_400)).toBe("Silent");
    await look("AMS", 2, 161_500);
    expect(reason(161_500)).toBe("Programmed");
  });

  it("does not wait for a location that was idle before", async () => {
    await look("FRA", 1, 100_000);
    publish(2, 110_000);
    await look("AMS", 2, 110_100);
    expect(reason(110_100)).toBe("Programmed");
  });
});

describe("objects that are read", () => {
  const turnedAt = "2026-01-01T00:00:00Z";
  const live: Told = { status: "True", reason: "Programmed", message: "", turnedAt };

  it("say whether they are live", async () => {
    const [shown] = await withTold([service(80)], async () => [live]);
    expect(shown?.status).toMatchObject({ conditions: [{ type: "Programmed", status: "True" }] });
  });

  it("are shown as they are stored where the Hub is away, or busy for longer than a second", async () => {
    expect(await withTold([service(80)], async () => Promise.reject(new Error("away")))).toEqual([service(80)]);
    vi.useFakeTimers();
    try {
      const shown = withTold([service(80)], async () => new Promise(() => undefined));
      await vi.advanceTimersByTimeAsync(1_000);
      expect(await shown).toEqual([service(80)]);
    } finally {
      vi.useRealTimers();
    }
  });
});
