import { describe, expect, it } from "vitest";
import { Slots } from "../../edge/dev/slots.ts";

describe("slots", () => {
  it("run so many at one time and the others in their order, also after one that failed", async () => {
    const slots = new Slots(2);
    const begun: number[] = [];
    const ends = [0, 1, 2, 3].map(() => Promise.withResolvers<void>());
    const runs = ends.map(async ({ promise }, index) =>
      slots.run(async () => {
        begun.push(index);
        await promise;
      }),
    );
    expect(begun).toEqual([0, 1]);
    ends[1]!.reject(new Error("broken"));
    await expect(runs[1]).rejects.toThrow("broken");
    expect(begun).toEqual([0, 1, 2]);
    ends[0]!.resolve();
    await runs[0];
    expect(begun).toEqual([0, 1, 2, 3]);
    for (const { resolve } of ends) resolve();
    await Promise.all([runs[2], runs[3]]);
  });
});
