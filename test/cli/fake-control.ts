import { rmSync } from "node:fs";
import { createServer, type IncomingHttpHeaders } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll } from "vitest";
import { failure, type StatusReason } from "../../src/kube/status.ts";
import { listenerOf } from "../support/listener.ts";
import { folderFor } from "./tulle.ts";

export interface Asked {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

interface Answer {
  readonly status?: number;
  /** Sent as JSON; a text as it is. */
  readonly body?: unknown;
}

/** By method and path without query: `POST /api/v1/apply`. */
type Routes = Readonly<Record<string, (asked: Asked) => Answer | Promise<Answer> | null>>;

/** Stands in for control: says what a test wants, and keeps what it was asked. */
export interface FakeControl {
  readonly url: string;
  readonly asked: Asked[];
  /** Of the test that runs; null as an answer breaks the connection. */
  routes: Routes;
  close(): Promise<void>;
}

/** What the tests of a file talk to, and a folder that leads there. */
type ControlOfFile = Omit<FakeControl, "close"> & { readonly folder: string };

/** Starts one before the tests of a file, and ends it after them. @param namespace of the folder's context */
export function useFakeControl(namespace?: string): ControlOfFile {
  let started: FakeControl | null = null;
  let folder = "";
  const running = (): FakeControl => {
    if (started === null) throw new Error("it starts before the tests");
    return started;
  };
  beforeAll(async () => {
    started = await startFakeControl();
    folder = folderFor(started.url, namespace);
  });
  afterAll(async () => {
    await started?.close();
    if (folder !== "") rmSync(folder, { recursive: true });
  });
  return {
    get url() {
      return running().url;
    },
    get asked() {
      return running().asked;
    },
    get routes() {
      return running().routes;
    },
    set routes(routes) {
      running().routes = routes;
    },
    get folder() {
      return folder;
    },
  };
}

/** @param tls a certificate with its key, PEM */
export async function startFakeControl(tls?: { readonly cert: string; readonly key: string }): Promise<FakeControl> {
  const listener = listenerOf(async (request, response) => {
    const { method = "", url: path = "", headers } = request;
    const asked = { method, path, headers, body: await text(request) };
    control.asked.push(asked);
    const route = control.routes[`${method} ${path.split("?", 1)[0]}`];
    const answer = await Promise.resolve(asked)
      .then(route ?? (() => refused("NotFound", `no ${method} ${path}`)))
      .catch((error: unknown) => refused("InternalError", String(error)));
    if (answer === null) return void request.socket.destroy();
    response.writeHead(answer.status ?? 200, { "content-type": "application/json" });
    response.end(typeof answer.body === "string" ? answer.body : JSON.stringify(answer.body));
  });
  const server = tls ? createTlsServer(tls, listener) : createServer(listener);
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  const control: FakeControl = {
    url: `${tls ? "https" : "http"}://127.0.0.1:${port}`,
    asked: [],
    routes: {},
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
  return control;
}

export function refused(reason: StatusReason, message: string, details?: object): Answer {
  const status = failure(reason, message, details);
  return { status: status.code, body: status };
}
