import type { LimitAsk } from "../../src/limits/limit-book.ts";
import type { LimitsUp, StateRpc } from "../../src/snapshot/rpc.ts";
import { Limits } from "../../workers/gateway/limits.ts";

/** What a Worker is to do: to ask so often a second, for so many seconds. */
export interface Load {
  readonly ask: LimitAsk;
  readonly perSecond: number;
  readonly seconds: number;
}

/** What came of it. Times are epoch ms. */
export interface Loaded {
  readonly asked: number;
  readonly admitted: number;
  readonly calls: number;
  readonly from: number;
  readonly to: number;
}

/** How often it asks for what is due meanwhile, in ms. */
const TURN_MS = 5;
/** A turn of the machine's that was longer counts as so long. */
const MAX_TURN_MS = 50;

/** A gateway as far as limits are concerned: it takes them as a gateway does, by the same code and the same binding. */
export default {
  async fetch(request: Request, { STATE }: { readonly STATE: StateRpc }): Promise<Response> {
    const { ask, perSecond, seconds } = await request.json<Load>();
    let [asked, admitted, calls] = [0, 0, 0];
    const state = {
      take: async (up: LimitsUp) => {
        calls += 1;
        return STATE.take(up);
      },
      charge: async (up: LimitsUp) => STATE.charge(up),
    };
    const limits = new Limits({ state, location: () => "LOC", count: () => undefined });
    const one = async (): Promise<void> => {
      const taken = await limits.take([ask]);
      if (taken.limits[0]?.verdict === "taken") admitted += 1;
    };
    const from = Date.now();
    const running: Promise<void>[] = [];
    for (let [before, due] = [from, 0]; asked < perSecond * seconds;) {
      await scheduler.wait(TURN_MS);
      const now = Date.now();
      // Where the machine stands still the load does, too: what came all at once then would be no such load.
      due += (Math.min(now - before, MAX_TURN_MS) * perSecond) / 1_000;
      before = now;
      for (; due >= 1; due -= 1, asked += 1) running.push(one());
    }
    await Promise.all(running);
    return Response.json({ asked, admitted, calls, from, to: Date.now() } satisfies Loaded);
  },
};
