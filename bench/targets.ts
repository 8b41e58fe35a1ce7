import type { Contestant } from "./mesh.ts";
import type { Shape } from "./requests.ts";

/** One contestant under one load: what is measured once in a round. */
export interface Measure {
  readonly contestant: Contestant;
  readonly host: string;
  readonly shape: Shape;
  readonly connections: number;
  /** Requests a second; null: as many as it answers. */
  readonly rate: number | null;
  /** Tails that are open meanwhile; absent: none. */
  readonly tails?: number;
}

/** A row of the report: one measure as a ratio to another of the same round. */
export interface Target {
  readonly row: string;
  readonly what: string;
  readonly measure: Measure;
  readonly against: Measure;
  /** cpu: the runtime's user and system time per request; rps: answers per second; p50: the median latency. */
  readonly metric: "cpu" | "rps" | "p50";
  /** A rate must be at least this, all else at most; null: for comparison only. */
  readonly bar: number | null;
  readonly goal: number | null;
  /** Told of the measure while its code is young, beside the other's rounds. */
  readonly young?: true;
}

const full = (contestant: Contestant, connections = 16, shape: Shape = "get", host = "one.bench"): Measure => ({
  contestant,
  host,
  shape,
  connections,
  rate: null,
});
const paced = (contestant: Contestant): Measure => ({ ...full(contestant, 64), rate: 1_000 });
const bound = (contestant: Contestant, shape: Shape) => full(contestant, 16, shape, "bound.bench");

const called = (contestant: Contestant) => full(contestant, 16, "get", "called.bench");

const bare = full("bare");
export const WHOLE_JOB = full("tulle");
const cpu = { metric: "cpu" } as const;
const compared = { ...cpu, bar: null, goal: null } as const;

/** What the request path may cost. Neighbours are compared, so that what they share is measured close together. */
export const TARGETS: readonly Target[] = [
  {
    row: "16",
    what: "whole job, 16 connections, to bare",
    measure: WHOLE_JOB,
    against: bare,
    ...cpu,
    bar: 1.7,
    goal: 1.5,
  },
  { row: "16-flat", what: "the same, to flat", measure: WHOLE_JOB, against: full("flat"), ...cpu, bar: 1.15, goal: 1 },
  {
    row: "16-rps",
    what: "requests/s, to Hono + jose",
    measure: WHOLE_JOB,
    against: full("hono-jose"),
    metric: "rps",
    bar: 1.2,
    goal: 1.4,
  },
  {
    row: "16-young",
    what: "for comparison: an isolate's first thousands of requests",
    measure: WHOLE_JOB,
    against: bare,
    ...compared,
    young: true,
  },
  { row: "16-of-flat", what: "for comparison: flat, to bare", measure: full("flat"), against: bare, ...compared },
  { row: "16-of-hono", what: "for comparison: Hono + jose", measure: full("hono-jose"), against: bare, ...compared },
  {
    row: "16-unlimited",
    what: "for comparison: without the rate limit, to bare",
    measure: full("tulle", 16, "get", "unlimited.bench"),
    against: bare,
    ...compared,
  },
  {
    row: "16-told",
    what: "for comparison: with RateLimit headers, to bare",
    measure: full("tulle", 16, "get", "told.bench"),
    against: bare,
    ...compared,
  },
  {
    row: "1-in-100",
    what: "whole job, 1 line in 100 logged",
    measure: full("tulle-sampled"),
    against: bare,
    ...cpu,
    bar: 1.5,
    goal: 1.3,
  },
  {
    row: "records",
    what: "whole job, decisions recorded, to none recorded",
    measure: WHOLE_JOB,
    against: full("tulle-unrecorded"),
    ...cpu,
    bar: 1.05,
    goal: 1,
  },
  {
    row: "tails",
    what: "whole job, ten tails open, to none open",
    measure: { ...WHOLE_JOB, tails: 10 },
    against: WHOLE_JOB,
    ...cpu,
    bar: 1.05,
    goal: 1,
  },
  {
    row: "retry",
    what: "whole job, one retry allowed by the route, to bare",
    measure: full("tulle", 16, "get", "retried.bench"),
    against: bare,
    ...cpu,
    bar: 1.7,
    goal: 1.5,
  },
  {
    row: "routes",
    what: "10,000 routes, to one",
    measure: full("tulle", 16, "deep", "many.bench"),
    against: WHOLE_JOB,
    ...cpu,
    bar: 1.1,
    goal: 1,
  },
  {
    row: "hosts",
    what: "10,000 hosts, 1,000 of them asked for, to one",
    measure: full("tulle-hosts", 16, "get", "*.hosted"),
    against: WHOLE_JOB,
    ...cpu,
    bar: 1.1,
    goal: 1,
  },
  {
    row: "policies",
    what: "10,000 policies, to one",
    measure: full("tulle", 16, "get", "policed.bench"),
    against: WHOLE_JOB,
    ...cpu,
    bar: 1.1,
    goal: 1,
  },
  {
    row: "64",
    what: "whole job, 64 connections, to bare",
    measure: full("tulle", 64),
    against: full("bare", 64),
    ...cpu,
    bar: 1.6,
    goal: 1.35,
  },
  {
    row: "64-of-flat",
    what: "for comparison: flat, to bare",
    measure: full("flat", 64),
    against: full("bare", 64),
    ...compared,
  },
  {
    row: "64-of-hono",
    what: "for comparison: Hono + jose",
    measure: full("hono-jose", 64),
    against: full("bare", 64),
    ...compared,
  },
  {
    row: "POST",
    what: "POST of 4 KB, to bare",
    measure: full("tulle", 16, "post"),
    against: full("bare", 16, "post"),
    ...cpu,
    bar: 1.6,
    goal: 1.4,
  },
  {
    row: "chunked",
    what: "100 KB chunked, to bare",
    measure: full("tulle", 16, "chunked"),
    against: full("bare", 16, "chunked"),
    ...cpu,
    bar: 2.2,
    goal: 1.8,
  },
  {
    row: "chunked-of-hono",
    what: "for comparison: Hono + jose",
    measure: full("hono-jose", 16, "chunked"),
    against: full("bare", 16, "chunked"),
    ...compared,
  },
  {
    row: "binding-known",
    what: "service binding, length known, to a bare one",
    measure: bound("tulle", "get"),
    against: bound("bare-binding", "get"),
    ...cpu,
    bar: 1.6,
    goal: 1.4,
  },
  {
    row: "binding-unknown",
    what: "service binding, length unknown, to a bare one",
    measure: bound("tulle", "unknown"),
    against: bound("bare-binding", "unknown"),
    ...cpu,
    bar: 2,
    goal: 1.6,
  },
  {
    row: "RPC",
    what: "a call of Workers RPC, to a plain forwarder",
    measure: called("rpc"),
    against: called("rpc-forwarder"),
    ...cpu,
    bar: 1.6,
    goal: 1.2,
  },
  {
    row: "RPC-of-direct",
    what: "for comparison: over the bare binding",
    measure: called("rpc-direct"),
    against: called("rpc-forwarder"),
    ...compared,
  },
  {
    row: "p50",
    what: "median latency at a constant 1,000 req/s, to bare",
    measure: paced("tulle"),
    against: paced("bare"),
    metric: "p50",
    bar: 1.15,
    goal: 1.05,
  },
  {
    row: "p50-of-hono",
    what: "for comparison: Hono + jose",
    measure: paced("hono-jose"),
    against: paced("bare"),
    metric: "p50",
    bar: null,
    goal: null,
  },
];

/** What the bench can tell of: the ratios, then what has a time or a size of its own. */
export const ROWS: readonly string[] = [
  ...TARGETS.map(({ row }) => row),
  "objects",
  "cold",
  "collector",
  "compile",
  "gzip",
  "reload",
  "attacks",
  "change",
];

export function keyOf({ contestant, host, shape, connections, rate, tails = 0 }: Measure): string {
  const load = [contestant, host, shape, rate === null ? connections : `${rate}/s`].join(" ");
  return tails === 0 ? load : `${load}, ${tails} tails`;
}

/** @param only row names; `binding` stands for `binding-known` and `binding-unknown` too */
export function isSelected(row: string, only: readonly string[] | null): boolean {
  return only === null || only.some((name) => row === name || row.startsWith(`${name}-`));
}

/** Each once, in the order of the rows that need them. */
export function measuresOf(targets: readonly Target[]): readonly Measure[] {
  const measures = new Map(
    targets.flatMap(({ against, measure }) => [against, measure]).map((one) => [keyOf(one), one]),
  );
  return [...measures.values()];
}
