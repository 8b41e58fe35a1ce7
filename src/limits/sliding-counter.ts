import { MAX_LONG_LEASE_MS, type Rate } from "./rate.ts";

/** In how many parts a window slides: room comes back at most one such part late, and never early. */
const PARTS = 60;

/** What was taken in each part of the window in which anything was, the oldest first. */
export interface Slots {
  readonly slots: readonly (readonly [slot: number, taken: number])[];
}

const NONE: Slots["slots"] = [];

export function slidingRoom(counted: Slots | undefined, rate: Rate, now: number): number {
  return Math.max(0, rate.limit - sum(live(counted, rate, now)));
}

/** @param at epoch ms at which it counts as taken: not before now */
export function slidingCharge(counted: Slots | undefined, rate: Rate, cost: number, now: number, at: number): Slots {
  const slot = Math.floor(at / slotMs(rate));
  const slots = live(counted, rate, now).filter(([one]) => one !== slot);
  const taken = cost + (counted?.slots.find(([one]) => one === slot)?.[1] ?? 0);
  return { slots: [...slots, [slot, taken] as const].sort(([a], [b]) => a - b) };
}

/** Gives back what was not used, in the part of the window in which it was taken. */
export function slidingRefund(counted: Slots, rate: Rate, cost: number, at: number): Slots {
  const slot = Math.floor(at / slotMs(rate));
  return {
    slots: counted.slots.flatMap(([one, taken]) =>
      one !== slot ? [[one, taken] as const] : taken > cost ? [[one, taken - cost] as const] : [],
    ),
  };
}

/** Where the clock went back, what lies ahead of any lease was taken just now. @returns the same where nothing does */
export function slidingAsOf<S extends Slots>(counted: S, rate: Rate, now: number): S {
  const newest = Math.floor((now + MAX_LONG_LEASE_MS) / slotMs(rate));
  if ((counted.slots.at(-1)?.[0] ?? newest) <= newest) return counted;
  const before = counted.slots.filter(([slot]) => slot < newest);
  return { ...counted, slots: [...before, [newest, sum(counted.slots) - sum(before)]] };
}

/** Milliseconds until there is room for `cost`; infinite where there never is. */
export function slidingWait(counted: Slots | undefined, rate: Rate, cost: number, now: number): number {
  if (cost > rate.limit) return Infinity;
  let over = sum(live(counted, rate, now)) + cost - rate.limit;
  if (over <= 0) return 0;
  for (const [slot, taken] of live(counted, rate, now)) {
    over -= taken;
    if (over <= 0) return endOf(slot, rate) - now;
  }
  return Infinity;
}

export function slidingEmptyIn(counted: Slots | undefined, rate: Rate, now: number): number {
  const last = live(counted, rate, now).at(-1);
  return last === undefined ? 0 : endOf(last[0], rate) - now;
}

/** A part counts in whole until all of it has left the window. */
function live(counted: Slots | undefined, rate: Rate, now: number): Slots["slots"] {
  return counted === undefined ? NONE : counted.slots.filter(([slot]) => endOf(slot, rate) > now);
}

function endOf(slot: number, rate: Rate): number {
  return (slot + 1) * slotMs(rate) + rate.windowMs;
}

function slotMs({ windowMs }: Rate): number {
  return Math.ceil(windowMs / PARTS);
}

function sum(slots: Slots["slots"]): number {
  return slots.reduce((all, [, taken]) => all + taken, 0);
}
