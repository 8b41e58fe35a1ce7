import type { CalleeApi, ThirdApi, WatchApi } from "./api.ts";
import { CALLBACK_ROWS, STUB_ROWS } from "./rows/stubs.ts";
import { ERROR_ROWS, MEMBER_ROWS } from "./rows/members.ts";
import type { Kit, Rows } from "./rows/row.ts";
import { STREAM_ROWS } from "./rows/streams.ts";
import { VALUE_ROWS } from "./rows/values.ts";
import { shown } from "./shown.ts";

type Way = "BARE" | "MESH" | "DENIED";

type Env = { readonly WATCH: WatchApi; readonly THIRD: ThirdApi } & Readonly<
  Record<`${Way}_CALLEE`, CalleeApi> & Record<`${Way}_LEDGER`, Kit["ledger"]> & Record<`${Way}_BROKEN`, Kit["broken"]>
>;

const PARTS: Readonly<Record<string, Rows>> = {
  values: VALUE_ROWS,
  members: MEMBER_ROWS,
  errors: ERROR_ROWS,
  callbacks: CALLBACK_ROWS,
  stubs: STUB_ROWS,
  streams: STREAM_ROWS,
};

/** An event is waited for this often, each time a call and a pause long: what comes at all comes sooner. */
const LOOKS = 2_000;
/** What may never come is not waited for. */
const LOOKS_WHERE_DENIED = 20;

function kitOf(env: Env, way: Way): Kit {
  const told: string[] = [];
  return {
    callee: env[`${way}_CALLEE`],
    ledger: env[`${way}_LEDGER`],
    broken: env[`${way}_BROKEN`],
    watch: env.WATCH,
    third: env.THIRD,
    tell: (event) => void told.push(event),
    told,
    async happened(event) {
      for (let look = 0; look < (way === "DENIED" ? LOOKS_WHERE_DENIED : LOOKS); look += 1) {
        const events = await env.WATCH.events();
        if (events.some((each) => each.startsWith(event))) return events;
        await scheduler.wait(5);
      }
      throw new Error(`never happened: ${event}`);
    },
  };
}

/** Does one row of the table one way, and tells what came of it. */
export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    if (request.method === "GET") {
      return Response.json(
        Object.entries(PARTS).flatMap(([part, rows]) => Object.keys(rows).map((row) => ({ part, row }))),
      );
    }
    const { part, row, way } = await request.json<{ part: string; row: string; way: Way }>();
    const run = PARTS[part]?.[row];
    if (run === undefined) throw new Error(`no row ${part}, ${row}`);
    await env.WATCH.clear();
    const before = await env.WATCH.hits();
    const came = await outcome(async () => run(kitOf(env, way)));
    return Response.json({ ...came, hits: (await env.WATCH.hits()) - before });
  },
};

async function outcome(work: () => Promise<unknown>): Promise<object> {
  try {
    return { answered: await shown(await work()) };
  } catch (error) {
    return { thrown: await shown(error) };
  }
}
