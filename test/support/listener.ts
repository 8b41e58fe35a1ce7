import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";

type Handler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

/** What a test's server does with a request: a client that goes away is let go of, and what goes wrong else is its answer. */
export function listenerOf(handler: Handler): RequestListener {
  return (request, response) => {
    const failed = (error: unknown): void => {
      if (request.socket.destroyed) return;
      if (!response.headersSent) response.writeHead(500);
      response.end(String(error));
    };
    new Promise<void>((resolve) => resolve(handler(request, response))).catch(failed);
  };
}
