import type { ServerResponse } from "node:http";
import { createServer } from "node:net";
import { failure } from "../src/kube/status.ts";
import type { EdgeAuthority } from "./certificates.ts";
import { cfOf } from "./client-certificate.ts";
import type { DataProcess } from "./data-process.ts";
import type { Target } from "./forward.ts";
import { openFront } from "./front.ts";
import { GatewayListeners } from "./gateway-listeners.ts";
import type { Layout } from "./layout.ts";
import type { MeshAuthority } from "./mesh-authority.ts";
import type { Options } from "./options.ts";
import { controlRefuser, gatewayRefuser, type OnLine } from "./refusal.ts";
import { StartError } from "./start-error.ts";

/** What listeners are opened with. */
export interface Opening {
  readonly options: Options;
  readonly layout: Layout;
  readonly authority: EdgeAuthority;
  readonly meshAuthority: MeshAuthority;
  readonly onLine: OnLine;
  readonly onStop: (step: () => Promise<void> | void) => void;
}

function portTaken(port: number, options: Options, error: unknown): StartError {
  const { code } = error as { code?: string };
  const reason = code === "EADDRINUSE" ? "is taken" : `cannot be opened (${code ?? String(error)})`;
  const program = options.project === null ? "npm start --" : "tulle dev";
  return new StartError(
    `port ${port} ${reason}; choose other ports with --port-base N (now ${options.portBase}), for example: ${program} --port-base ${options.portBase + 100}`,
  );
}

/** @throws StartError where it is not */
export async function portFree(port: number, options: Options): Promise<void> {
  try {
    const server = createServer();
    await new Promise<void>((opened, failed) => {
      server.once("error", failed);
      server.listen(port, "127.0.0.1", opened);
    });
    await new Promise((closed) => server.close(closed));
  } catch (error) {
    throw portTaken(port, options, error);
  }
}

async function open(
  { options, onStop }: Opening,
  port: number,
  target: Target,
  tls: Parameters<typeof openFront>[3],
): Promise<void> {
  try {
    const front = await openFront("127.0.0.1", port, target, tls);
    onStop(async () => front.close());
  } catch (error) {
    throw portTaken(port, options, error);
  }
}

/** Where the control API is called: beside the gateways by https and http, alone by https. */
export async function openControl(opening: Opening): Promise<void> {
  const { ports } = opening.layout;
  const { authority } = opening;
  const target: Target = {
    port: ports.controlDirect,
    cf: () => null,
    away: controlAway,
    refuser: controlRefuser(opening.onLine),
  };
  if (opening.options.only === "control")
    return open(opening, ports.controlAlone, target, { authority, clientCa: null });
  await open(opening, ports.controlHttps, target, { authority, clientCa: null });
  await open(opening, ports.controlHttp, target, null);
}

/** What a client of the control API gets while control is stopped. */
function controlAway(response: ServerResponse): void {
  const message = "control is away: nothing was changed; gateways go on with what they have. Start it again and repeat";
  response.writeHead(503, { "content-type": "application/json", "retry-after": "1" });
  response.end(JSON.stringify(failure("ServiceUnavailable", message)));
}

/** The gateways' own listeners; those of Gateway resources are opened as they come. */
export async function openGateways(opening: Opening, { gateways }: DataProcess): Promise<GatewayListeners> {
  const { options, layout, authority, meshAuthority, onLine } = opening;
  const [first] = gateways;
  if (!first) throw new Error("no gateway was started");
  for (const [index, { name, port }] of gateways.entries()) {
    const refuser = gatewayRefuser(name, onLine);
    const meshPort = layout.ports.mesh(index);
    const plain: Target = { port, cf: (socket) => cfOf(socket, { port: 80 }), refuser };
    const mesh: Target = { port, cf: (socket) => cfOf(socket, { port: meshPort, mesh: true }), refuser };
    await open(opening, layout.ports.gateway(index), plain, null);
    await open(opening, meshPort, mesh, { authority, clientCa: async () => meshAuthority.pem() });
  }
  const listeners = new GatewayListeners({
    network: options.loopback,
    addressesFile: layout.addressesFile,
    authority,
    meshAuthority,
    refuser: gatewayRefuser(first.name, onLine),
    gatewayPort: (name) => (gateways.find(({ gateway }) => gateway === name) ?? first).port,
    fallback: (logical) => layout.ports.fallback(logical),
  });
  opening.onStop(async () => listeners.close());
  return listeners;
}
