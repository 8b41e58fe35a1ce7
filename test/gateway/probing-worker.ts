import type { Probe } from "../../src/snapshot/model.ts";
import type { Env } from "../../workers/gateway/env.ts";
import { performProbe } from "../../workers/gateway/probe.ts";

/** Makes the probe that it is asked for. */
export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    return Response.json(await performProbe(await request.json<Probe>(), env));
  },
};
