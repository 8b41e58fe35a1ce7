import type { IncomingMessage } from "node:http";
import { createServer } from "node:https";
import { EdgeRequest } from "../net/edge-request.ts";
import { MAX_HEAD_BYTES, type Onward, passOn, passUpgradeOn } from "../net/onward.ts";
import type { Svid } from "../net/svid.ts";
import type { Result } from "../src/result.ts";
import type { Caller, CallerError, Callers } from "./callers.ts";
import type { Tell } from "./log.ts";
import type { In, InListener } from "./options.ts";
import { answer, answerSocket, headersToSend, type Listening, serve } from "./serve.ts";

const REFUSED = "tulle agent: only a gateway of the mesh may call; the agent's log tells why this call is none of one";
const AWAY = "tulle agent: the program does not answer at its port";

/** Of this agent and the gateway; the program has nothing to check any more. */
const OURS = /^x.tulle.(assertion|dialled)$/i;
const FORWARDED_CERTIFICATE = /^x.forwarded.client.cert$/i;

/** A listener that takes new certificates while it serves. */
export interface InListening extends Listening {
  renew(svid: Svid): void;
}

/**
 * Takes calls of gateways over mutual TLS, and hands plain HTTP to the program on this machine.
 *
 * @throws the system's error where it cannot listen
 */
export async function openIn(
  listener: InListener,
  { proof, certificate }: Pick<In, "proof" | "certificate">,
  svid: Svid,
  callers: Callers,
  tell: Tell,
): Promise<InListening> {
  const contextOf = ({ key, certificate: cert, bundle }: Svid) => ({ key, cert, ca: bundle, ...certificate?.() });
  const { spiffeId } = svid;
  const server = createServer({
    ...contextOf(svid),
    requestCert: true,
    rejectUnauthorized: proof.certificate,
    minVersion: "TLSv1.2",
    ALPNProtocols: ["http/1.1"],
    IncomingMessage: EdgeRequest,
    maxHeaderSize: MAX_HEAD_BYTES,
    requireHostHeader: false,
    // Longer than whoever calls keeps an idle connection: it is not closed under a request.
    keepAliveTimeout: 60_000,
  });
  const to = `127.0.0.1:${listener.programPort}`;
  const refused = (code: string): void => tell({ event: "call_refused", code });
  server.on("tlsClientError", (error: NodeJS.ErrnoException) => {
    if (error.code !== "ECONNRESET") tell({ event: "handshake_refused", reason: error.message });
  });

  const placeOf = (request: IncomingMessage, { byCertificate, asserted }: Caller, upgrades: boolean): Onward => {
    // Whoever has no certificate has written the header itself: only what was signed counts.
    const drop = byCertificate ? OURS : new RegExp(`${OURS.source}|${FORWARDED_CERTIFICATE.source}`, "i");
    const headers = headersToSend(request, upgrades, (name) => drop.test(name));
    if (!byCertificate && typeof asserted?.caller === "string")
      headers.push("x-forwarded-client-cert", `By=${spiffeId};URI=${asserted.caller}`);
    const failed = (error: Error): void => tell({ event: "program_unreachable", address: to, reason: error.message });
    const away: Onward["away"] = (response) => answer(response, 503, AWAY);
    return { host: "127.0.0.1", port: listener.programPort, headers, failed, away };
  };

  const judged = (request: IncomingMessage, then: (caller: Result<Caller, CallerError>) => void): void => {
    callers.judge(request, Date.now()).then(then, (error: unknown) => {
      refused(`agent_error: ${String(error)}`);
      request.destroy();
    });
  };

  const open = await serve(server, listener, {
    request(request, response) {
      judged(request, (caller) => {
        if (caller.ok) return passOn(request, response, placeOf(request, caller.value, false));
        refused(caller.error.code);
        answer(response, caller.error.status, REFUSED);
      });
    },
    upgrade(request, client, head) {
      judged(request, (caller) => {
        if (caller.ok) return passUpgradeOn(request, client, head, placeOf(request, caller.value, true));
        refused(caller.error.code);
        answerSocket(client, caller.error.status, REFUSED);
      });
    },
  });
  return { ...open, renew: (fresh) => server.setSecureContext(contextOf(fresh)) };
}
