import type { CallerProps } from "../../src/snapshot/rpc.ts";
import type { Env } from "./env.ts";

/** How a request came in. The two ways never mix: what one proves means nothing on the other. */
export type Entrance =
  | {
      readonly kind: "public";
      readonly listener: Listener;
      /** `request.cf.tlsClientAuth`, unjudged; undefined where the platform gave none. */
      readonly clientAuth: unknown;
      /** `cf.colo`, three letters; null where the platform gave none. */
      readonly location: string | null;
      readonly scheme: "http" | "https";
    }
  | { readonly kind: "mesh"; readonly props: CallerProps };

export interface Listener {
  /** `ns/name` of the Gateway resource; null: any Gateway's hosts. */
  readonly gateway: string | null;
  /** Logical port of the listener. */
  readonly port: number;
  /** The way in for the sidecars of other machines: hosts of the mesh, for peers with a verified SVID. */
  readonly mesh: boolean;
  /** What the client dialled, by TLS SNI. */
  readonly sni: string | null;
}

/** What the local mesh's edge says of the listener that a request came in on. */
interface LocalListener {
  readonly gateway?: string;
  readonly port: number;
  readonly mesh?: boolean;
  readonly sni?: string;
}

/**
 * Reads the public way in. In production the deployment's `GATEWAY` and the URL tell the listener; `cf.tulleListener` is
 * believed only in the local mesh, where the edge writes it.
 */
export function publicEntrance(request: Request, env: Env): Entrance {
  const secure = request.url.startsWith("https:");
  const cf: Readonly<Record<string, unknown>> = request.cf ?? {};
  const local = env.TULLE_LOCAL === undefined ? null : localListener(cf["tulleListener"]);
  const tls = typeof cf["tlsVersion"] === "string" && cf["tlsVersion"] !== "";
  const scheme = secure || (env.TULLE_LOCAL !== undefined && tls) ? "https" : "http";
  const listener: Listener =
    local === null
      ? { gateway: env.GATEWAY ?? null, port: portIn(request.url) ?? (secure ? 443 : 80), mesh: false, sni: null }
      : {
          gateway: local.gateway ?? null,
          port: local.port,
          mesh: local.mesh === true,
          sni: local.sni ?? null,
        };
  return {
    kind: "public",
    listener,
    clientAuth: cf["tlsClientAuth"],
    location: typeof cf["colo"] === "string" && /^[A-Z]{3}$/.test(cf["colo"]) ? cf["colo"] : null,
    scheme,
  };
}

/** The port that a URL names; whether it is a URL at all is the next step's to judge. */
function portIn(url: string): number | null {
  const [, port] = /^[a-z]+:\/\/[^/?#]*:(\d{1,5})(?:[/?#]|$)/.exec(url) ?? [];
  return port === undefined ? null : Number(port);
}

function localListener(value: unknown): LocalListener | null {
  if (typeof value !== "object" || value === null) return null;
  const { gateway, port, mesh, sni } = value as Record<string, unknown>;
  if (typeof port !== "number") return null;
  return {
    port,
    ...(typeof gateway === "string" && gateway !== "" && { gateway }),
    ...(typeof mesh === "boolean" && { mesh }),
    ...(typeof sni === "string" && sni !== "" && { sni }),
  };
}
