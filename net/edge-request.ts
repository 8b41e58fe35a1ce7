import { IncomingMessage } from "node:http";

/** What the parser said: whether a request asked for another protocol. */
const asked = new WeakMap<IncomingMessage, unknown>();

/**
 * A request whose Upgrade counts only where it asks for a WebSocket. Any other is ignored, as a server may that speaks no
 * such protocol (RFC 9110 §7.8), and the request with its body served: Node would hand the bare connection over.
 */
export class EdgeRequest extends IncomingMessage {
  get upgrade(): boolean {
    return asked.get(this) === true && isWebSocket(this);
  }

  set upgrade(value: unknown) {
    asked.set(this, value);
  }
}

/** As the gateway sees it: the handshake of RFC 6455 §4.1 and nothing beside it. */
function isWebSocket({ method, headers }: IncomingMessage): boolean {
  return method === "GET" && headers.upgrade?.trim().toLowerCase() === "websocket";
}
