import type { CallerProps } from "../snapshot/rpc.ts";
import { isFromEdge } from "./edge-proof.ts";

/** How a request came in. The two ways never mix: what one proves means nothing on the other. */
export type Entrance = PublicEntrance | MeshEntrance;

export interface PublicEntrance {
  readonly kind: "public";
  readonly listener: Listener;
  /** `request.cf.tlsClientAuth`, unjudged; undefined where the platform gave none. */
  readonly clientAuth: unknown;
  readonly whereabouts: Whereabouts;
  readonly scheme: "http" | "https";
  /** `cf.tlsVersion` and `cf.tlsCipher`, unjudged. */
  readonly tlsVersion: unknown;
  readonly tlsCipher: unknown;
  /** The deployment wants the edge's proof, and there is none: nothing that only the edge can know is believed. */
  readonly unproven?: true;
}

/** Where a client is, as the platform tells it; null for what it does not tell. */
export interface Whereabouts {
  /** `cf.colo`: the location that serves it, three letters. */
  readonly colo: string | null;
  /** Two letters. */
  readonly country: string | null;
  /** Two letters. */
  readonly continent: string | null;
}

interface MeshEntrance {
  readonly kind: "mesh";
  readonly props: CallerProps;
}

export interface Listener {
  /** `ns/name` of the Gateway resource; null: any Gateway's hosts. */
  readonly gateway: string | null;
  /** Logical port of the listener. */
  readonly port: number;
  /** The way in for the sidecars of other machines: hosts of the mesh, for peers with a verified SVID. */
  readonly mesh: boolean;
  /** What the client dialled, by TLS SNI. */
  readonly sni: string | null;
  /** As the root lists the listener's hosts. */
  readonly scope: string;
}

/** SNI as Istio's sidecars write it: `outbound_.9080_.v1_.reviews.default.svc.cluster.local`. */
export const ISTIO_SNI = /^outbound_\.(\d{1,5})_\.[^_]*_\.([a-z0-9.-]+)$/i;

/** What the deployment says of itself. */
export interface Deployment {
  /** `ns/name` of the Gateway resource that it stands for; null: any Gateway's hosts. */
  readonly gateway: string | null;
  /** The local mesh: `cf.tulleListener` is believed, since its edge writes it. */
  readonly local: boolean;
  /** By which the platform's edge is told from a Worker of the account; absent: it is not. */
  readonly edgeSecret?: string;
}

/**
 * Reads the public way in. In production the deployment's Gateway and the URL tell the listener.
 *
 * @param said `request.cf`, of any shape
 * @param proof the header by which the edge proves itself, as it came
 */
export function publicEntrance(
  url: string,
  said: Readonly<Record<string, unknown>> | undefined,
  deployment: Deployment,
  proof: string | null = null,
): PublicEntrance {
  const proven = isFromEdge(proof, deployment.edgeSecret);
  const cf = proven ? said : undefined;
  const secure = url.startsWith("https:");
  const local = deployment.local ? localListener(cf?.["tulleListener"]) : null;
  const tls = cf?.["tlsVersion"];
  const overTls = secure || (deployment.local && typeof tls === "string" && tls !== "");
  return {
    kind: "public",
    listener: local ?? plainListener(deployment.gateway, portIn(url) ?? (secure ? 443 : 80)),
    clientAuth: cf?.["tlsClientAuth"],
    whereabouts: {
      colo: letters(cf?.["colo"], 3),
      country: letters(cf?.["country"], 2),
      continent: letters(cf?.["continent"], 2),
    },
    tlsVersion: tls,
    tlsCipher: cf?.["tlsCipher"],
    // TLS is the sidecar's own; what it carries is its workload's plain call.
    scheme: overTls && !(local?.mesh === true && ISTIO_SNI.test(local.sni ?? "")) ? "https" : "http",
    ...(!proven && { unproven: true as const }),
  };
}

/** `T1`, the country of Tor's exits, is none. */
function letters(value: unknown, count: number): string | null {
  return typeof value === "string" && value.length === count && /^[A-Z]+$/.test(value) ? value : null;
}

let usual = listenerOf(null, 80, false, null);

/** Nearly all requests of an isolate come in by the same one. Its scope is looked up by its text: one that is made anew must be read for that. */
function plainListener(gateway: string | null, port: number): Listener {
  if (usual.gateway !== gateway || usual.port !== port) usual = listenerOf(gateway, port, false, null);
  return usual;
}

function listenerOf(gateway: string | null, port: number, mesh: boolean, sni: string | null): Listener {
  return { gateway, port, mesh, sni, scope: gateway === null ? "gw/*" : `gw/${gateway}/${port}` };
}

const SCHEME_LENGTH = "https:".length;

/** The port that a URL names; whether it is a URL at all is the next step's to judge. */
function portIn(url: string): number | null {
  // Nearly all URLs have no colon but the scheme's.
  if (!url.includes(":", SCHEME_LENGTH)) return null;
  const [, port] = /^[a-z]+:\/\/[^/?#]*:(\d{1,5})(?:[/?#]|$)/.exec(url) ?? [];
  return port === undefined ? null : Number(port);
}

function localListener(value: unknown): Listener | null {
  if (typeof value !== "object" || value === null) return null;
  const { gateway, port, mesh, sni } = value as Readonly<Record<string, unknown>>;
  if (typeof port !== "number") return null;
  const text = (one: unknown): string | null => (typeof one === "string" && one !== "" ? one : null);
  return listenerOf(text(gateway), port, mesh === true, text(sni));
}
