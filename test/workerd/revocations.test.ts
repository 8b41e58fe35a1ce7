import { runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { Revocations } from "../../workers/control/authority/revocations.ts";
import { env } from "./support/env.ts";

const DAY_MS = 86_400_000;
const serial = { kind: "serial", value: "ab12", reason: "lost", at: 0 } as const;

/** With the storage of a Durable Object that has nothing else to do. */
async function withRevocations(name: string, work: (revocations: Revocations) => void): Promise<void> {
  await runInDurableObject(env.LIMITER.getByName(name), (_, { storage }) => {
    work(new Revocations(storage.sql));
  });
}

describe("a serial that is revoked twice", () => {
  it("stays revoked until it is lifted, where it would have been forgotten the first time", async () => {
    await withRevocations("kept", (revocations) => {
      revocations.add({ ...serial, until: DAY_MS });
      revocations.add({ ...serial, until: null });
      revocations.prune(2 * DAY_MS);
      expect(revocations.isRevoked("serial", serial.value)).toBe(true);
      expect(revocations.lift("serial", serial.value)).toBe(true);
    });
  });

  it("is forgotten no sooner for being revoked with an end", async () => {
    await withRevocations("kept-too", (revocations) => {
      revocations.add({ ...serial, until: null });
      revocations.add({ ...serial, until: DAY_MS });
      revocations.prune(2 * DAY_MS);
      expect(revocations.isRevoked("serial", serial.value)).toBe(true);
    });
  });
});
