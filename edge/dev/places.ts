import type { MeshGateway } from "../../src/deployment/topology.ts";

/** Where a Worker runs at the moment. */
export interface Running {
  /** Its process's debug port. */
  readonly address: string;
  readonly hasAssets: boolean;
  /** It is about to end: gateways let no more calls go there, and keep them until it is elsewhere. */
  readonly held?: true;
}

/** What a gateway is told of one of its bindings (workers/dev/debug-port.ts). */
export interface Place {
  readonly address: string;
  readonly service: string;
  readonly fetchService?: string;
  readonly entrypoint?: string;
  readonly props?: object;
  readonly held?: true;
}

/** Miniflare's name of a Worker in its process. */
export function userService(worker: string): string {
  return `core:user:${worker}`;
}

/** Of what routes between a Worker's assets and its code. */
export function assetsService(worker: string): string {
  return `assets:rpc-proxy:${worker}`;
}

/** By binding; of Workers that don't run there is none. */
export function placesOf(
  { endpoints }: MeshGateway,
  running: ReadonlyMap<string, Running>,
): Readonly<Record<string, Place>> {
  return Object.fromEntries(
    endpoints.flatMap(({ binding, worker, entrypoint, props }) => {
      const at = running.get(worker);
      if (at === undefined) return [];
      const place = {
        address: at.address,
        service: userService(worker),
        ...(at.hasAssets && entrypoint === undefined && { fetchService: assetsService(worker) }),
        ...(entrypoint !== undefined && { entrypoint }),
        ...(props !== undefined && { props }),
        ...(at.held && { held: at.held }),
      };
      return [[binding, place] as const];
    }),
  );
}

/** For a machine that is busy with many starts, too: what is given up here is a save that does not arrive. */
const TIMEOUT_MS = 15_000;
/** Longer than a gateway waits for them (workers/dev/calls-under-way.ts). */
const CALLS_MS = 20_000;

/** @throws where the gateway does not take them */
export async function pushPlaces(
  port: number,
  secret: string,
  { endpoints }: MeshGateway,
  places: Readonly<Record<string, Place>>,
): Promise<void> {
  const body = JSON.stringify({ endpoints: endpoints.map(({ binding }) => binding), places });
  await tell(port, secret, { method: "PUT", body, signal: AbortSignal.timeout(TIMEOUT_MS) });
}

/** @returns when the gateway's calls of this Worker have ended that are under way, or have taken too long */
export async function callsEnded(port: number, secret: string, worker: string): Promise<void> {
  await tell(port, secret, { method: "POST", body: userService(worker), signal: AbortSignal.timeout(CALLS_MS) });
}

async function tell(port: number, secret: string, init: RequestInit): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}/`, {
    ...init,
    headers: { authorization: `Bearer ${secret}` },
  });
  await response.arrayBuffer();
  if (!response.ok) throw new Error(`a gateway answered ${response.status} where it was told of a Worker's place`);
}
