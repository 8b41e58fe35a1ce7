import { evictDurableObject } from "cloudflare:test";
import { env, exports } from "./support/env.ts";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ExchangeDown, ExchangeUp } from "../../src/snapshot/rpc.ts";
import { control, publish } from "./support/control.ts";
import { sliceOf } from "./support/slices.ts";

const REVIEWS = "reviews.default.svc.cluster.local";
const RATINGS = "ratings.default.svc.cluster.local";

/** Each test has a gateway and a location, and so a cell, of its own. */
let gateway = "";
let location = "";

beforeEach(() => {
  gateway = `gateway-${crypto.randomUUID()}`;
  location = `L-${crypto.randomUUID()}`;
});

afterEach(() => {
  control.frozen = false;
  control.away = false;
});

function exchange(up: Partial<ExchangeUp> = {}): Promise<ExchangeDown> {
  return exports.State({ props: { gateway } }).exchange({
    isolate: "one",
    sequence: 1,
    location,
    have: null,
    slices: [],
    hosts: [{ scope: "mesh/*", host: REVIEWS }],
    outcomes: [],
    metrics: [],
    dropped: {},
    ...up,
  });
}

describe("the cell of a location", () => {
  it("gives the newest root with the slices of the hosts in use, and no others", async () => {
    const slices = { "mesh/*": { [REVIEWS]: sliceOf(REVIEWS), [RATINGS]: sliceOf(RATINGS) } };
    const root = await publish({ gateway, generation: 7, slices }, env.SNAPSHOT_PRIVATE_KEY);
    const down = await exchange();
    expect(down.root).toEqual(root);
    expect(Object.values(down.slices).map((text) => (JSON.parse(text) as { host: string }).host)).toEqual([REVIEWS]);
  });

  it("says that neither it nor control knows a gateway", async () => {
    expect(await exchange()).toMatchObject({ root: null, unknown: true });
  });

  it("serves the last good configuration after a restart while control is away", async () => {
    const root = await publish(
      { gateway, generation: 7, slices: { "mesh/*": { [REVIEWS]: sliceOf(REVIEWS) } } },
      env.SNAPSHOT_PRIVATE_KEY,
    );
    await exchange();
    await evictDurableObject(env.CELL.getByName(location));
    control.away = true;
    const down = await exchange({ sequence: 2 });
    expect(down.root).toEqual(root);
    expect(Object.keys(down.slices)).toHaveLength(1);
  });
});
