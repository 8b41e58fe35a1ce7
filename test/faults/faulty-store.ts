import { inFront } from "./in-front.ts";
import type { FaultMesh, MeshOptions } from "./mesh.ts";

/** What happens to statements of control's database. */
export type StoreFault =
  /** The n-th of those that come from now on is no SQL: in a batch all that came before it is undone by the database. */
  | { readonly kind: "fails"; readonly nth: number }
  /** The next batch that writes is done, and its answer is lost, as are those to this many calls after it. */
  | { readonly kind: "loses"; readonly andThen: number }
  /** Each call so often, by a seed: it fails, it is done and its answer is lost, or it waits up to 5 ms. */
  | { readonly kind: "random"; readonly seed: number; readonly share: number };

/** How many statements came since the fault, and how many calls it broke. */
export interface StoreSeen {
  readonly statements: number;
  readonly broken: number;
}

const PATH = "/fault-of-the-store";
const EXPORTS = ["Counts", "Records", "Authority", "Federation", "Hub", "Tails", "Telemetry", "ConfigApi", "StateApi"];

type Worker = Parameters<NonNullable<MeshOptions["changed"]>>[0];

/** Control as it is deployed, on its real database, whose statements fail as they are told to. Other Workers stay as they are. */
export function withFaultyStore(worker: Worker): Worker {
  const { DB } = ("d1Databases" in worker && (worker.d1Databases as Readonly<Record<string, unknown>>)) || {};
  return DB === undefined ? worker : inFront(worker, "stored", CODE);
}

/** @param fault null: the database is whole again @returns what the one before it did */
export async function faultStore(mesh: FaultMesh, fault: StoreFault | null): Promise<StoreSeen> {
  return (await told(mesh, { fault })) as StoreSeen;
}

/** Rows of the database, which no fault keeps back. */
export async function sql(mesh: FaultMesh, statement: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
  return (await told(mesh, { sql: statement })) as readonly Readonly<Record<string, unknown>>[];
}

async function told(mesh: FaultMesh, task: object): Promise<unknown> {
  const { status, text } = await mesh.control("POST", PATH, JSON.stringify(task));
  if (status !== 200) throw new Error(`the store's fault: ${status} ${text}`);
  return JSON.parse(text);
}

const CODE = `
import * as deployed from "./stored.js";
let fault = null;
let seen = { statements: 0, broken: 0 };
let random = () => 1;
const lost = (message = "D1_ERROR: Network connection lost.") => {
  seen.broken += 1;
  return Object.assign(new Error(message), { retryable: true });
};
function mulberry(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
/** @param texts SQL of the call @param broken the same call with one of its statements no SQL @param isBatch of many */
async function called(texts, call, broken, isBatch) {
  const before = seen.statements;
  seen.statements += texts.length;
  switch (fault?.kind) {
    case "fails":
      if (fault.nth <= before || fault.nth > seen.statements) return call();
      seen.broken += 1;
      return broken(fault.nth - before - 1);
    case "loses": {
      if (seen.broken > 0 && seen.broken <= fault.andThen) throw lost();
      const answer = await call();
      if (seen.broken > 0 || !isBatch || !texts.some((text) => /^\\s*(INSERT|UPDATE|DELETE)/i.test(text))) return answer;
      throw lost();
    }
    case "random": {
      const [which, where, ms] = [random() / fault.share, random(), random() * 5];
      if (which >= 1) return call();
      if (which < 0.25) throw lost();
      if (which < 0.5) {
        seen.broken += 1;
        return broken(Math.floor(where * texts.length));
      }
      if (which >= 0.75) await scheduler.wait(ms);
      const answer = await call();
      if (which < 0.75) throw lost();
      return answer;
    }
  }
  return call();
}
class Statement {
  constructor(database, text, real) {
    Object.assign(this, { database, text, real });
  }
  bind(...values) {
    return new Statement(this.database, this.text, this.real.bind(...values));
  }
}
for (const method of ["first", "all", "run", "raw"]) {
  Statement.prototype[method] = function (...given) {
    const broken = () => this.database.prepare(NO_SQL).all();
    return called([this.text], () => this.real[method](...given), broken, false);
  };
}
const NO_SQL = "INSERT INTO a_table_that_is_not_there (a) VALUES (json('{'))";
const FAILS = "SELECT json('{')";
function database(real) {
  return {
    prepare: (text) => new Statement(real, text, real.prepare(text)),
    batch: (statements) => {
      const reals = statements.map((statement) => statement.real);
      const broken = (at) => real.batch(reals.map((each, index) => (index === at ? real.prepare(FAILS) : each)));
      return called(statements.map(({ text }) => text), () => real.batch(reals), broken, true);
    },
  };
}
const envs = new WeakMap();
function inEnv(env) {
  if (!envs.has(env)) envs.set(env, { ...env, DB: database(env.DB) });
  return envs.get(env);
}
const faulty = (Deployed) => class extends Deployed {
  constructor(ctx, env) {
    super(ctx, inEnv(env));
  }
};
async function take({ fault: next, sql }, env) {
  if (sql !== undefined) return (await env.DB.prepare(sql).all()).results;
  const before = seen;
  seen = { statements: 0, broken: 0 };
  fault = next;
  if (fault?.kind === "random") random = mulberry(fault.seed);
  return before;
}
export default {
  async fetch(request, env, ctx) {
    if (new URL(request.url).pathname === "${PATH}") return Response.json(await take(await request.json(), env));
    return deployed.default.fetch(request, inEnv(env), ctx);
  },
};
${EXPORTS.map((name) => `export const ${name} = faulty(deployed.${name});`).join("\n")}
`;
