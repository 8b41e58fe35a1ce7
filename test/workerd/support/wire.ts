import { WorkerEntrypoint } from "cloudflare:workers";
import type { ApiKeyFact } from "../../../src/request/api-key-fact.ts";
import type { Taken } from "../../../src/limits/limiter.ts";
import type { ExchangeDown, ExchangeUp, LimitsUp, StateProps, StateRpc } from "../../../src/snapshot/rpc.ts";
import { exports, type TestEnv } from "./env.ts";

/** What a test does to the talk of one gateway with its cell, and what it saw of it. */
export interface Tap {
  /** What went up, in order, also where it got lost. */
  readonly ups: ExchangeUp[];
  /** How often limits were asked for. */
  takes: number;
  /** How often what answers cost was charged. */
  charges: number;
  limiterIsAway: boolean;
  /** `cut`: fails at once, `cut_once`: the next alone. `answer_lost`: arrives, but the answer doesn't. `frozen`: neither answers nor fails. */
  way: "open" | "cut" | "cut_once" | "answer_lost" | "frozen";
  /** Alters what comes down. */
  tamper: ((down: ExchangeDown) => ExchangeDown) | null;
}

const taps = new Map<string, Tap>();

export function tapOf(gateway: string): Tap {
  let tap = taps.get(gateway);
  if (!tap)
    taps.set(gateway, (tap = { ups: [], takes: 0, charges: 0, limiterIsAway: false, way: "open", tamper: null }));
  return tap;
}

/** The way from a gateway to the state Worker's entrypoint, with a hand on it. */
export class Wire extends WorkerEntrypoint<TestEnv, StateProps> implements StateRpc {
  async exchange(up: ExchangeUp): Promise<ExchangeDown> {
    const { gateway } = this.ctx.props;
    const tap = tapOf(gateway);
    tap.ups.push(up);
    while (tap.way === "frozen") await scheduler.wait(10);
    if (tap.way === "cut" || tap.way === "cut_once") {
      if (tap.way === "cut_once") tap.way = "open";
      throw new Error("the cell is away");
    }
    const down = await exports.State({ props: { gateway } }).exchange(up);
    if (tap.way === "answer_lost") throw new Error("the answer is lost");
    return tap.tamper?.(down) ?? down;
  }

  async take(up: LimitsUp): Promise<Taken> {
    const tap = tapOf(this.ctx.props.gateway);
    tap.takes += 1;
    if (tap.limiterIsAway) throw new Error("the limiter is away");
    return exports.State({ props: this.ctx.props }).take(up);
  }

  async keys(hashes: readonly string[]): Promise<readonly ApiKeyFact[]> {
    return exports.State({ props: this.ctx.props }).keys(hashes);
  }

  async charge(up: LimitsUp): Promise<void> {
    const tap = tapOf(this.ctx.props.gateway);
    if (tap.limiterIsAway) throw new Error("the limiter is away");
    await exports.State({ props: this.ctx.props }).charge(up);
    tap.charges += 1;
  }
}
