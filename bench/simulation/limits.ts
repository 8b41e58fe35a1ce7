import type { LimitAsk } from "../../src/limits/limit-book.ts";

/** What an isolate is asked of a limit, requests a second. */
export interface Asked {
  readonly limit: LimitAsk;
  readonly rps: number;
}

/** Of each key `asked` times what its limit allows a second is asked, by so many isolates: else by as many as are asked nothing else. */
interface Case {
  readonly name: string;
  readonly perSecond: number;
  readonly asked: number;
  readonly isolates?: number;
  readonly keys?: number;
}

/** Up to 100 a second are exact, of the others isolates take some in advance. */
const CASES: readonly Case[] = [
  { name: "exact", perSecond: 50, asked: 2 },
  { name: "leased", perSecond: 500, asked: 2 },
  { name: "leased", perSecond: 2_000, asked: 2 },
  { name: "leased", perSecond: 5_000, asked: 2 },
  { name: "exact, a flood", perSecond: 100, asked: 200 },
  { name: "leased, a flood", perSecond: 2_001, asked: 20 },
  { name: "exact, a flood", perSecond: 99, asked: 100, isolates: 1_000 },
  { name: "exact, a flood", perSecond: 98, asked: 200, isolates: 10_000 },
  { name: "exact, 1,000 keys", perSecond: 5, asked: 2, isolates: 4, keys: 1_000 },
];

/** A case, with its keys. */
export interface Limited {
  readonly name: string;
  readonly isolates: number;
  readonly perSecond: number;
  readonly keys: readonly LimitAsk[];
}

/** @param rpsEach requests of an isolate, a second @param asked gets what each isolate is asked, by its place */
export function limitsOf(
  isolates: number,
  rpsEach: number,
  random: () => number,
  asked: Asked[][],
): readonly Limited[] {
  return CASES.map(({ name, perSecond, asked: times, isolates: wished, keys: count = 1 }) => {
    const some = Math.min(isolates, wished ?? Math.ceil((times * perSecond) / rpsEach));
    const keys = Array.from({ length: count }, (_, at) => limitOf(`${name}/${perSecond}/${at}`, perSecond));
    for (const limit of keys) {
      const from = random();
      // Wherever they are.
      for (let at = 0; at < some; at += 1)
        asked[Math.floor(((at + from) * isolates) / some)]?.push({ limit, rps: (times * perSecond) / some });
    }
    return { name, isolates: some, perSecond, keys };
  });
}

function limitOf(key: string, limit: number): LimitAsk {
  return {
    name: "default/scale/limit",
    scope: "GLOBAL",
    counter: `default/scale/${key}`,
    shared: "default/scale/*",
    rates: [{ limit, windowMs: 1_000, burst: limit }],
    cost: 1,
    audit: false,
    closed: false,
    missing: false,
    timeoutMs: 400,
  };
}
