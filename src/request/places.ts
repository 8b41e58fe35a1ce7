import type { Peer } from "../identity/peer.ts";
import type { Slice } from "../snapshot/model.ts";
import type { CallerProps } from "../snapshot/rpc.ts";
import { type Entrance, ISTIO_SNI, type Listener } from "./entrance.ts";
import type { Received } from "./receive.ts";

/** Scopes of single service accounts; null where there are none. */
export type AccountScopes = { has(scope: string): boolean } | null;

/** For whoever does not know which there are: what has none of its own is looked up in the next wider one. */
export const EVERY_ACCOUNT: AccountScopes = { has: () => true };

/** Where a request's host may be looked up. */
export interface Place {
  readonly scope: string;
  /** Lower case, without port. */
  readonly host: string;
  /** Logical port of the listener or service. */
  readonly port: number;
}

/** Whether the place's host is a service of the mesh that has other ports. */
export function lacksPort({ ports, outside }: Slice, { port }: Pick<Place, "port">): boolean {
  return ports !== undefined && outside !== true && !ports.includes(port);
}

/** Where it is said what becomes of hosts that the scope does not know. */
export function elsewhere({ scope, port }: Place): Place {
  return { scope, host: "*", port };
}

/** Of a service whose caller names none. */
const DEFAULT_PORT = 80;

const NAME = /^[a-z0-9.-]+$/;

/**
 * Where the request's host may be looked up, best first. Over a binding the service is the one that its props name, whatever the
 * URL says; where they name none it is the one that was dialled: the URL's authority. From outside it is a Gateway's host; the mesh is seen only by a verified SVID, as its namespace or its service
 * account sees it.
 *
 * @param accounts those that see the mesh by a scope of their own
 */
export function placesOf(
  received: Received,
  entrance: Entrance,
  peer: Peer,
  accounts: AccountScopes,
): readonly Place[] {
  if (entrance.kind === "mesh") {
    const scope = meshScope(peer, accounts);
    const named = serviceIn(entrance.props, scope);
    if (named !== null) return [named];
    const { target } = received;
    return [{ scope, host: withoutDot(target.hostname), port: target.port }];
  }
  const { listener } = entrance;
  const exposed = listener.mesh ? [] : [{ scope: listener.scope, host: received.host, port: listener.port }];
  // One of a federated trust domain has no namespace here, and sees what everybody does.
  if (peer.by !== "certificate" || peer.principal === null) return exposed;
  // An agent calls the mesh: what a Gateway exposes under the same name is not meant.
  if (received.dialled !== null) return [{ scope: meshScope(peer, accounts), ...received.dialled }];
  const inMesh = { scope: meshScope(peer, accounts), ...dialled(received, listener) };
  // On a Gateway's own listener its policies come first; elsewhere a workload sees the mesh as it does from inside.
  return listener.gateway === null ? [inMesh, ...exposed] : [...exposed, inMesh];
}

/** The service that a binding's props name; null where they name none. @param scope as which its caller sees the mesh */
export function serviceIn({ service, port = DEFAULT_PORT }: CallerProps, scope: string): Place | null {
  return service === undefined ? null : { scope, host: service, port };
}

/** As whom a caller sees the mesh. */
export function meshScope({ principal, namespace }: Peer, accounts: AccountScopes): string {
  if (namespace === null) return "mesh/*";
  const scope = `mesh/${namespace}`;
  if (accounts === null || principal === null) return scope;
  // A principal with a namespace ends in `/ns/NAMESPACE/sa/ACCOUNT`.
  const own = scope + principal.slice(principal.lastIndexOf("/"));
  return accounts.has(own) ? own : scope;
}

/** The Host header does not choose the service where the agent's SNI tells what was dialled. */
function dialled(received: Received, listener: Listener): { host: string; port: number } {
  const { sni } = listener;
  const { authorityPort } = received;
  // The listener's own port in Host says how it was reached, and nothing of the service.
  const port =
    authorityPort === null || (listener.mesh && authorityPort === listener.port) ? DEFAULT_PORT : authorityPort;
  if (sni === null) return { host: received.host, port };
  const name = sni.toLowerCase();
  const [, sniPort, host] = ISTIO_SNI.exec(name) ?? [];
  if (sniPort !== undefined && host !== undefined) return { host: withoutDot(host), port: Number(sniPort) };
  return { host: NAME.test(name) ? withoutDot(name) : received.host, port };
}

function withoutDot(name: string): string {
  return name.endsWith(".") ? name.slice(0, -1) : name;
}
