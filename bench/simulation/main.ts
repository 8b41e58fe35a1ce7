import { percentile } from "../percentile.ts";
import { readArgs, wrongUsage } from "../read-args.ts";
import { Calls } from "./calls.ts";
import { type Asked, limitsOf } from "./limits.ts";
import { ModelClock, randomOf } from "./model-clock.ts";
import { ASSUMED, PRICES } from "./prices.ts";
import { Isolate, type World } from "./world.ts";

/*
 * `npm run bench:scale`: a whole mesh on a model clock. The code of the exchange (looks, cells that divide, who is awake), of breakers and of
 * leases is the real one; control, the platform's calls and the requests are modelled.
 */

const T0 = 1_800_000_000_000;
/** Until all isolates are there and cells are divided as they will be. */
const SETTLES_MS = 30_000;
const MEASURED_MS = 24_000;
const CHANGE_EVERY_MS = 6_000;
const IDLE_MS = 60_000;
/** Each object's bound, calls a second. */
const BAR_CALLS = 500;
const LEAST_ADMITTED = 0.95;

const USAGE = `npm run bench:scale -- [--isolates N] [--locations N] [--deployments N] [--rps N] [--seed N]

Exit code 1 where an object is called more often than its bound, or a limit is overshot.`;

const values = readArgs(
  {
    isolates: { type: "string", default: "20000" },
    locations: { type: "string", default: "300" },
    deployments: { type: "string", default: "50" },
    rps: { type: "string", default: "1000000" },
    seed: { type: "string", default: "13" },
  },
  USAGE,
);
const [isolates, locations, deployments, rps, seed] = [
  numberOf("isolates"),
  numberOf("locations"),
  numberOf("deployments"),
  numberOf("rps"),
  numberOf("seed"),
];

function numberOf(name: "isolates" | "locations" | "deployments" | "rps" | "seed"): number {
  const value = Number(values[name]);
  if (Number.isSafeInteger(value) && value >= 1) return value;
  return wrongUsage(`--${name} takes a whole number from 1 on`, USAGE);
}

const random = randomOf(seed);
const clock = new ModelClock(T0);
const bad: string[] = [];
const times: number[] = [];
const lastOf = new Map<number, number>();
let changedAt = Number.POSITIVE_INFINITY;
const world: World = {
  clock,
  calls: new Calls(T0),
  random,
  generation: 1,
  isBusy: true,
  failing: null,
  failed(error) {
    bad.push(String(error));
  },
  obeyed(_isolate, generation) {
    if (generation !== world.generation || changedAt === Number.POSITIVE_INFINITY) return;
    times.push(clock.now - changedAt);
    lastOf.set(generation, clock.now - changedAt);
  },
  admitted: new Map(),
  cells: new Map(),
  limiters: new Map(),
};

/** By Zipf's law: the largest location has more than a tenth. */
const weights = Array.from({ length: locations }, (_, at) => 1 / (at + 1) ** 0.9);
const total = weights.reduce((sum, weight) => sum + weight, 0);
const placed = weights.flatMap((weight, place) =>
  Array.from({ length: Math.max(1, Math.round((isolates * weight) / total)) }, () => `L${place}`),
);
const asked: Asked[][] = placed.map(() => []);
const limits = limitsOf(placed.length, rps / isolates, random, asked);
const all = placed.map((location, index) => {
  const id = `${index.toString(16).padStart(8, "0")}-${Math.floor(random() * 2 ** 32).toString(16)}`;
  return new Isolate(world, id, location, `gateway-${index % deployments}`, rps / isolates, asked[index] ?? []);
});
const largest = Math.round((isolates * (weights[0] ?? 0)) / total) / isolates;
console.log(
  `${all.length} isolates of ${deployments} deployments at ${locations} locations, the largest with ${percent(largest)}; ${rps} requests/s; seed ${seed}`,
);
all.forEach((isolate, index) => isolate.begin(index % deployments === 0));

const began = performance.now();
await clock.until(T0 + SETTLES_MS);
const [from, to] = [SETTLES_MS / 1_000, (SETTLES_MS + MEASURED_MS) / 1_000];
world.admitted.clear();
for (let at = CHANGE_EVERY_MS / 2; at < MEASURED_MS; at += CHANGE_EVERY_MS)
  clock.in(at, () => {
    world.generation += 1;
    changedAt = clock.now;
  });
clock.in(MEASURED_MS / 4, () => {
  world.failing = "gateway-0";
});
await clock.until(T0 + SETTLES_MS + MEASURED_MS);
world.isBusy = false;
const failing = all.filter(({ failed }) => failed > 0);
// The last exchanges of isolates that were busy, and what they begin.
await clock.until(clock.now + 5_000);
const idleFrom = Math.ceil((clock.now - T0) / 1_000);
await clock.until(clock.now + IDLE_MS);
const idle = (clock.now - T0) / 1_000;

const kinds = ["Cell", "Hub", "Limiter"] as const;
console.log("\nobject     awake   calls/s in all   busiest: mean /s   its busiest second");
for (const kind of kinds) {
  const { objects, calls, mean, most } = world.calls.of(kind, from, to);
  console.log(
    `${kind.padEnd(8)} ${String(objects).padStart(7)} ${(calls / (to - from)).toFixed(0).padStart(16)} ${mean.toFixed(1).padStart(18)} ${String(most).padStart(20)}`,
  );
  if (mean >= BAR_CALLS) bad.push(`${kind}: ${mean.toFixed(0)} calls/s at one object, the bound is ${BAR_CALLS}`);
  if (world.calls.of(kind, idleFrom, idle).calls > 0) bad.push(`${kind}: called though no request comes`);
}
console.log(
  `\na change is obeyed: p50 ${ms(percentile(times, 0.5))}, p99 ${ms(percentile(times, 0.99))}, the last of all ${ms(Math.max(...lastOf.values()))} (${times.length} isolates, ${lastOf.size} changes)`,
);
console.log(
  `an endpoint that fails: ${failing.reduce((sum, { failed }) => sum + failed, 0)} calls of ${failing.length} isolates reach it in ${(MEASURED_MS * 0.75) / 1_000} s; each would make ${((rps / isolates) * MEASURED_MS * 0.75) / 1_000}`,
);
console.log("\nlimit /s   isolates    admitted   of what it allows   calls/s of a key");
for (const { name, isolates: many, perSecond, keys } of limits) {
  const admitted = keys.map(({ counter }) => world.admitted.get(counter) ?? 0);
  const allowed = (perSecond * MEASURED_MS) / 1_000;
  const sum = admitted.reduce((all_, one) => all_ + one, 0);
  const calls = keys.reduce((all_, { counter }) => all_ + world.calls.of("key", from, to, counter).calls, 0);
  console.log(
    `${String(perSecond).padStart(8)} ${String(many).padStart(10)} ${String(sum).padStart(11)} ${percent(sum / allowed / keys.length).padStart(19)} ${(calls / keys.length / (to - from)).toFixed(1).padStart(18)}   ${name}`,
  );
  const most = Math.max(...admitted);
  if (most > allowed + perSecond)
    bad.push(`the limit of ${perSecond}/s let ${most} through, ${allowed + perSecond} at most may be`);
  if (sum < LEAST_ADMITTED * allowed * keys.length)
    bad.push(`the limit of ${perSecond}/s let only ${percent(sum / allowed / keys.length)} through`);
}
console.log(`\n${costs()}`);
console.log(`\nmodelled in ${((performance.now() - began) / 1_000).toFixed(0)} s`);
for (const one of bad) console.log(`NOT HELD: ${one}`);
if (bad.length > 0) process.exitCode = 1;

function costs(): string {
  const seconds = to - from;
  const per = (kind: string) => world.calls.of(kind, from, to);
  const requests = rps * seconds;
  const objectCalls = kinds.reduce((sum, kind) => sum + per(kind).calls, 0);
  const awake = kinds.reduce((sum, kind) => sum + per(kind).objects, 0);
  const parts = {
    "requests at gateways": requests * PRICES.workerRequests,
    "their CPU": requests * ASSUMED.requestCpuMs * PRICES.workerCpuMs,
    "CPU of exchanges": per("Cell").calls * ASSUMED.exchangeCpuMs * PRICES.workerCpuMs,
    "calls of objects": objectCalls * PRICES.objectRequests,
    "objects awake": awake * seconds * PRICES.objectGb * PRICES.objectGbSeconds,
    "rows that limiters write": per("Limiter").calls * PRICES.rowsWritten,
  };
  const perMillion = Object.entries(parts).map(([what, dollars]) => [what, (dollars / requests) * 1e6] as const);
  const sum = perMillion.reduce((all_, [, dollars]) => all_ + dollars, 0);
  const lines = perMillion.map(([what, dollars]) => `  ${what.padEnd(26)} $${dollars.toFixed(4)}`);
  const idleCalls = kinds.reduce((count, kind) => count + world.calls.of(kind, idleFrom, idle).calls, 0);
  return `a million requests: $${sum.toFixed(4)}\n${lines.join("\n")}\nan idle month: $${(PRICES.base + idleCalls * PRICES.objectRequests).toFixed(2)}, the plan's price; the mesh adds ${idleCalls} calls`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

function ms(value: number): string {
  return `${value.toFixed(0)} ms`;
}
