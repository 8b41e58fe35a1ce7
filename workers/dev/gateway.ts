import { WorkerEntrypoint } from "cloudflare:workers";
import gateway, { MeshEntrypoint as Entrypoint } from "../gateway/index.ts";
import type { Env } from "../gateway/env.ts";
import { registrationOf } from "../gateway/mesh.ts";
import { type DebugPort, type Place, reach } from "./debug-port.ts";

/** A gateway whose endpoints are other processes of this machine: which ones there are, and where, changes while it runs. */
interface DevEnv extends Env {
  readonly DEBUG: DebugPort;
  /** Shared with the edge: no web page says where the Workers are (R36). */
  readonly PLACES_SECRET: string;
}

/** What the edge says. */
interface Told {
  /** Names of all `EP_` bindings that there are. */
  readonly endpoints: readonly string[];
  /** By binding; of Workers that don't run there is none. */
  readonly places: Readonly<Record<string, Place>>;
}

let places: Told["places"] = {};
let own: (Env & Record<string, unknown>) | null = null;

function ownEnv(env: Env): Env & Record<string, unknown> {
  own ??= { ...env };
  return own;
}

/** Each looks its process up at each call: the gateway keeps its bindings for life. @returns whether there are others now */
function setEndpoints(env: Env & Record<string, unknown>, names: readonly string[], port: DebugPort): boolean {
  const before = Object.keys(env).filter((name) => name.startsWith("EP_"));
  const gone = before.filter((name) => !names.includes(name));
  const fresh = names.filter((name) => !before.includes(name));
  for (const name of gone) Reflect.deleteProperty(env, name);
  for (const name of fresh) env[name] = endpoint(name, port);
  return gone.length + fresh.length > 0;
}

function endpoint(name: string, port: DebugPort): object {
  const placeOf = (): Place => {
    const place = places[name];
    if (place === undefined) throw new Error(`no process serves ${name}`);
    return place;
  };
  // A Worker that is not up yet is one that cannot be reached.
  const fetch = async (input: RequestInfo, init?: RequestInit): Promise<Response> => {
    const place = placeOf();
    return reach(port, { ...place, service: place.fetchService ?? place.service }).fetch(input, init);
  };
  return new Proxy(
    { fetch },
    { get: (own, key) => (key === "fetch" ? own.fetch : reach(port, placeOf())[key as string]) },
  );
}

export default {
  fetch: (request, env, ctx) => gateway.fetch(request, ownEnv(env), ctx),
} satisfies ExportedHandler<DevEnv>;

export class MeshEntrypoint extends Entrypoint {
  constructor(ctx: ExecutionContext, env: Env) {
    super(ctx, ownEnv(env));
  }
}

/** Where the edge says which process serves each binding: the answer comes once every later call goes there. */
export class Places extends WorkerEntrypoint<DevEnv> {
  override async fetch(request: Request): Promise<Response> {
    const { PLACES_SECRET: secret, DEBUG: port, CONTROL: control } = this.env;
    if (request.headers.get("authorization") !== `Bearer ${secret}`) return new Response(null, { status: 401 });
    const told = await request.json<Told>();
    const env = ownEnv(this.env);
    places = told.places;
    if (setEndpoints(env, told.endpoints, port)) await control.register(registrationOf(env));
    return new Response(null, { status: 204 });
  }
}
