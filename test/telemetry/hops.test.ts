import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hopHash } from "../../src/snapshot/hash.ts";
import { LOOP_HOPS, MANY_HOPS, manyHops, nextHop, withoutHops } from "../../src/telemetry/hops.ts";

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

describe("a call that passed many gateways", () => {
  /** What the gateway after these services gets. */
  const after = (...services: string[]) => manyHops(passed(...services).at(-1)?.state ?? "");
  const chain = (length: number) => Array.from({ length }, (_, at) => hopHash(`service-${at}`));
  const round = (length: number) => Array.from({ length }, (_, at) => (at % 2 === 0 ? A : B));

  it("is told from the twelfth gateway on", () => {
    expect(after(...chain(MANY_HOPS - 2))).toBeNull();
    expect(after(...chain(MANY_HOPS - 1))).toEqual({ count: MANY_HOPS, isLoop: false });
  });

  it("is a loop at the sixteenth where it came to a service twice, and never where it did not", () => {
    expect(after(...round(LOOP_HOPS - 2))).toEqual({ count: LOOP_HOPS - 1, isLoop: false });
    expect(after(...round(LOOP_HOPS - 1))).toEqual({ count: LOOP_HOPS, isLoop: true });
    for (const length of [LOOP_HOPS, 24, 40]) expect(after(...chain(length))?.isLoop).toBe(false);
    expect(after(...chain(LOOP_HOPS - 1), hopHash("service-3"))?.isLoop).toBe(true);
  });

  it.each(["", "vendor=1", "tulle=h:15", "tulle=h:15;p:xyz", "vendor=tulle=h:15;p:aaaaaa", "tulle=h:-15;p:aaaaaa"])(
    "is not what says something else: %s",
    (state) => {
      expect(manyHops(state)).toBeNull();
    },
  );

  it("is known behind members of others, too", () => {
    expect(manyHops(`vendor=1, ${passed(...round(15)).at(-1)?.state}`)?.isLoop).toBe(true);
  });
});

describe("what a caller from outside says of hops", () => {
  it("goes no further, and what it says else does", () => {
    expect(withoutHops(`tulle=h:15;p:${A}.${A}`)).toBeNull();
    expect(withoutHops(`vendor=1, tulle=h:15;p:${A}.${A},other@x=2`)).toBe("vendor=1,other@x=2");
    expect(withoutHops("vendor=1, other@x=2")).toBe("vendor=1, other@x=2");
  });

  it("leaves nothing that a gateway would believe, whatever it is", () => {
    const part = fc.oneof(fc.constantFrom("tulle=", "h:15;p:", A, ",", " ", "vendor=", "\t", ";"), fc.string());
    fc.assert(
      fc.property(fc.array(part, { maxLength: 30 }), (parts) => {
        const left = withoutHops(parts.join(""));
        expect(left === null ? null : manyHops(left)).toBeNull();
        expect(nextHop(left, true, B).count).toBe(1);
      }),
      { seed: 13, numRuns: 2_000 },
    );
  });
});
