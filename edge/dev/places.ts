import type { MeshGateway } from "../../src/deployment/topology.ts";

/** Where a Worker runs at the moment. */
export interface Running {
  /** Its process's debug port. */
  readonly address: string;
  readonly hasAssets: boolean;
}

/** What a gateway is told of one of its bindings (workers/dev/debug-port.ts). */
export interface Place {
  readonly address: string;
  readonly service: string;
  readonly fetchService?: string;
  readonly entrypoint?: string;
  readonly props?: object;
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
      };
      return [[binding, place] as const];
    }),
  );
}

const TIMEOUT_MS = 5_000;

/** @throws where the gateway does not take them */
export async function pushPlaces(
  port: number,
  secret: string,
  { endpoints }: MeshGateway,
  places: Readonly<Record<string, Place>>,
): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}/`, {
    method: "PUT",
    headers: { authorization: `Bearer ${secret}` },
    body: JSON.stringify({ endpoints: endpoints.map(({ binding }) => binding), places }),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  await response.arrayBuffer();
  if (!response.ok) throw new Error(`a gateway answered ${response.status} where it was told of a Worker's place`);
}
