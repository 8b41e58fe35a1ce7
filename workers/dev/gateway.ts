import { WorkerEntrypoint } from "cloudflare:workers";
import gateway, { MeshEntrypoint as Entrypoint } from "../gateway/index.ts";
import type { Env } from "../gateway/env.ts";
import { meshOf, registrationOf } from "../gateway/mesh.ts";
import type { DebugPort, Place } from "./debug-port.ts";
import { Endpoints } from "./endpoints.ts";

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

let endpoints: Endpoints | null = null;
let own: (Env & Record<string, unknown>) | null = null;

function ownEnv(env: Env): Env & Record<string, unknown> {
  own ??= { ...env };
  return own;
}

/** @returns whether there are others now */
function setEndpoints(env: Env & Record<string, unknown>, names: readonly string[], own: Endpoints): boolean {
  const before = Object.keys(env).filter((name) => name.startsWith("EP_"));
  const gone = before.filter((name) => !names.includes(name));
  const fresh = names.filter((name) => !before.includes(name));
  for (const name of gone) Reflect.deleteProperty(env, name);
  for (const name of fresh) env[name] = own.binding(name);
  return gone.length + fresh.length > 0;
}

export default {
  fetch: (request, env, ctx) => gateway.fetch(request, ownEnv(env), ctx),
} satisfies ExportedHandler<DevEnv>;

export class MeshEntrypoint extends Entrypoint {
  constructor(ctx: ExecutionContext, env: Env) {
    super(ctx, ownEnv(env));
  }
}

/** Where the edge says which process serves each binding, and asks whether one may end. */
export class Places extends WorkerEntrypoint<DevEnv> {
  override async fetch(request: Request): Promise<Response> {
    const { PLACES_SECRET: secret, DEBUG: port } = this.env;
    if (request.headers.get("authorization") !== `Bearer ${secret}`) return new Response(null, { status: 401 });
    endpoints ??= new Endpoints(port, meshOf(ownEnv(this.env)).callers.active);
    if (request.method === "PUT") await this.#take(await request.json<Told>(), endpoints);
    else await endpoints.callsEnded(await request.text());
    return new Response(null, { status: 204 });
  }

  /** @returns once every later call goes where it is told */
  async #take({ endpoints: names, places }: Told, own: Endpoints): Promise<void> {
    const env = ownEnv(this.env);
    own.become(places);
    if (setEndpoints(env, names, own)) await this.env.CONTROL.register(registrationOf(env));
  }
}
