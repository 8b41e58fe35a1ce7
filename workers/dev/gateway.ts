import { WorkerEntrypoint } from "cloudflare:workers";
import gateway, { MeshEntrypoint as Entrypoint } from "../gateway/index.ts";
import type { Env } from "../gateway/env.ts";
import { type DebugPort, type Place, reach } from "./debug-port.ts";

/** A gateway whose endpoints are other processes of this machine; which ones changes while it runs. */
interface DevEnv extends Env {
  readonly DEBUG: DebugPort;
  /** Names of its `EP_` bindings, as JSON. */
  readonly ENDPOINTS: string;
  /** Shared with the edge: no other program of this machine says where the Workers are. */
  readonly PLACES_SECRET: string;
}

/** By binding. */
let places: Readonly<Record<string, Place>> = {};
let made: Env | null = null;

/** The bindings that the topology asks for, each of which looks its process up at each call: an isolate keeps them for life. */
function withEndpoints(env: DevEnv): Env {
  made ??= {
    ...env,
    ...Object.fromEntries((JSON.parse(env.ENDPOINTS) as string[]).map((name) => [name, endpoint(name, env.DEBUG)])),
  };
  return made;
}

function endpoint(name: string, port: DebugPort): object {
  const placeOf = (): Place => {
    const place = places[name];
    if (place === undefined) throw new Error(`no process serves ${name}`);
    return place;
  };
  const fetch = (input: RequestInfo, init?: RequestInit): Promise<Response> => {
    const place = placeOf();
    return reach(port, { ...place, service: place.fetchService ?? place.service }).fetch(input, init);
  };
  return new Proxy(
    { fetch },
    { get: (own, key) => (key === "fetch" ? own.fetch : reach(port, placeOf())[key as string]) },
  );
}

export default {
  fetch: (request, env, ctx) => gateway.fetch(request, withEndpoints(env), ctx),
} satisfies ExportedHandler<DevEnv>;

export class MeshEntrypoint extends Entrypoint {
  constructor(ctx: ExecutionContext, env: Env) {
    super(ctx, withEndpoints(env as DevEnv));
  }
}

/** Where the edge says which process serves each binding: the answer comes once every later call goes there. */
export class Places extends WorkerEntrypoint<DevEnv> {
  override async fetch(request: Request): Promise<Response> {
    if (request.headers.get("authorization") !== `Bearer ${this.env.PLACES_SECRET}`)
      return new Response(null, { status: 401 });
    places = await request.json();
    return new Response(null, { status: 204 });
  }
}
