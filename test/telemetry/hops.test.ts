import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hopHash, nextHop } from "../../src/telemetry/hops.ts";

const A = hopHash("a.shop.svc.cluster.local");
const B = hopHash("b.shop.svc.cluster.local");

/** One hop after the other. */
function passed(...services: string[]) {
  let state: string | null = null;
  return services.map((service) => {
    const hop = nextHop(state, true, service);
    ({ state } = hop);
    return hop;
  });
}

describe("nextHop", () => {
  it("counts from one on, and names whom it is for", () => {
    expect(nextHop(null, false, A)).toEqual({ count: 1, seen: 0, state: `tulle=h:1;p:${A}` });
    expect(passed(A, B).at(-1)).toEqual({ count: 2, seen: 0, state: `tulle=h:2;p:${A}.${B}` });
  });

  it("sees that a call comes back", () => {
    expect(passed(A, B, A, B, A).map(({ seen }) => seen)).toEqual([0, 0, 1, 1, 2]);
  });

  it("begins anew where the caller is anybody, and carries others' members on behind its own", () => {
    const forged = `tulle=h:900;p:${A},vendor=1, other@x=2`;
    expect(nextHop(forged, false, A)).toEqual({ count: 1, seen: 0, state: `tulle=h:1;p:${A},vendor=1,other@x=2` });
    expect(nextHop(forged, true, A)).toMatchObject({ count: 901, seen: 1 });
  });

  it.each(["tulle=", "tulle=h:0;p:", "tulle=h:1;p:xyz", "tulle=h:123456;p:aaaaaa", "tulle=h:1"])(
    "begins anew after what is no member of ours: %s",
    (state) => {
      expect(nextHop(state, true, A)).toMatchObject({ count: 1, seen: 0 });
    },
  );

  it("stays within what every receiver carries, whatever came and however often", () => {
    fc.assert(
      fc.property(fc.array(fc.stringMatching(/^[a-z]{1,30}=[!-+--<>-~]{1,200}$/), { maxLength: 40 }), (members) => {
        let state: string = members.join(",").slice(0, 512);
        for (let hop = 0; hop < 40; hop += 1) ({ state } = nextHop(state, true, hop % 2 === 0 ? A : B));
        expect(state.length).toBeLessThanOrEqual(512);
        expect(state.split(",").length).toBeLessThanOrEqual(32);
        expect(state.split(",")[0]?.length).toBeLessThanOrEqual(256);
        expect(state).toMatch(/^tulle=h:40;p:/);
      }),
    );
  });
});
