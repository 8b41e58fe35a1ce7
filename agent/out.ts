import { createServer, type IncomingMessage } from "node:http";
import { EdgeRequest } from "../net/edge-request.ts";
import { MAX_HEAD_BYTES, type Onward, passOn, passUpgradeOn } from "../net/onward.ts";
import type { SvidDialer } from "../net/svid-dialer.ts";
import { AGENT_HEADER } from "../src/request/headers.ts";
import type { Tell } from "./log.ts";
import type { Out, OutListener } from "./options.ts";
import { answer, answerSocket, headersToSend, type Listening, serve } from "./serve.ts";

const NO_SVID = "tulle agent: there is no certificate yet, or it has expired; the agent's log tells why";
const NO_GATEWAY = "tulle agent: the gateway cannot be reached; the agent's log tells why";
const NO_BROWSER = "tulle agent: pages of other sites may not call the mesh in this workload's name";
const NO_TUNNEL = "tulle agent: this is no proxy; call the service by this listener's own URL";

/**
 * Takes plain HTTP of this machine's programs to a service of the mesh: over mutual TLS to the gateway, streamed both ways.
 *
 * @throws the system's error where it cannot listen
 */
export async function openOut(
  listener: OutListener,
  { gateway, gatewayCa }: Out,
  dialer: SvidDialer,
  tell: Tell,
): Promise<Listening> {
  const { hostname, host, port } = new URL(gateway);
  const own = new Set(["", "localhost", "127.0.0.1", "[::1]", listener.address]);
  const to = { host: hostname.replace(/^\[|\]$/g, ""), port: port === "" ? 443 : Number(port) };
  const failed = (error: Error): void => tell({ event: "gateway_unreachable", gateway, reason: error.message });

  const placeOf = (request: IncomingMessage, upgrades: boolean): Onward | null => {
    const tls = dialer.toServer(gatewayCa);
    if (tls === null) return null;
    const named = request.headers.host ?? "";
    // By the listener's own name the service is meant.
    const isOwn = own.has(named.replace(/:\d+$/, "").toLowerCase());
    const word = isOwn ? listener.service : `${listener.service} ${named}`;
    const headers = headersToSend(request, upgrades, (name) => /^(host|x.tulle.dialled)$/i.test(name));
    headers.push("Host", host, AGENT_HEADER, word);
    return { ...to, tls, headers, failed, away: (response) => answer(response, 503, NO_GATEWAY) };
  };

  // What a program sends is for the gateway to judge, its size too.
  const server = createServer({
    IncomingMessage: EdgeRequest,
    maxHeaderSize: MAX_HEAD_BYTES,
    requireHostHeader: false,
    keepAliveTimeout: 60_000,
  });
  return serve(server, listener, {
    request(request, response) {
      if (isOfOtherSite(request)) return answer(response, 403, NO_BROWSER);
      if (request.method === "CONNECT") return answer(response, 405, NO_TUNNEL);
      const place = placeOf(request, false);
      if (place === null) return answer(response, 503, NO_SVID);
      passOn(request, response, place);
    },
    upgrade(request, client, head) {
      if (isOfOtherSite(request)) return answerSocket(client, 403, NO_BROWSER);
      const place = placeOf(request, true);
      if (place === null) return answerSocket(client, 503, NO_SVID);
      passUpgradeOn(request, client, head, place);
    },
  });
}

/** A browser lets any page call `localhost`; programs send no such header. */
function isOfOtherSite({ headers }: IncomingMessage): boolean {
  return headers["sec-fetch-site"] === "cross-site" || headers["sec-fetch-site"] === "same-site";
}
