import { existsSync, readFileSync, writeFileSync } from "node:fs";
import type { EdgeAuthority } from "./certificates.ts";
import { cfOf } from "./client-certificate.ts";
import type { ControlClient, GatewayObject, Listening } from "./control-client.ts";
import { type Front, openFront } from "./front.ts";
import type { MeshAuthority } from "./mesh-authority.ts";
import type { Refuser } from "./refusal.ts";

/** One listener that a Gateway asks for. */
interface Wanted {
  readonly gateway: string;
  readonly port: number;
  readonly tls: "none" | "server" | "mutual";
}

interface Opened {
  readonly wanted: Wanted;
  readonly front: Front;
}

export interface GatewayListenersOptions {
  /** First three numbers of the loopback /24. */
  readonly network: string;
  /** Where a Gateway's address is remembered: it stays the same over restarts. */
  readonly addressesFile: string;
  readonly authority: EdgeAuthority;
  readonly meshAuthority: MeshAuthority;
  readonly refuser: Refuser;
  /** Where the gateway listens that serves a Gateway, `namespace/name`. */
  readonly gatewayPort: (gateway: string) => number;
  /** For a port that cannot be bound; 0 is any. */
  readonly fallback: (logical: number) => number;
}

/** Gives each Gateway its own loopback address with its listeners' ports, and tells control what it listens on. */
export class GatewayListeners {
  readonly #options: GatewayListenersOptions;
  readonly #addresses: Map<string, string>;
  readonly #open = new Map<string, Opened>();
  readonly #failed = new Map<string, string>();
  /** What control was told of each Gateway. */
  readonly #told = new Map<string, string>();

  constructor(options: GatewayListenersOptions) {
    this.#options = options;
    const kept: unknown = existsSync(options.addressesFile)
      ? JSON.parse(readFileSync(options.addressesFile, "utf8"))
      : {};
    this.#addresses = new Map(Object.entries(kept as Record<string, string>));
  }

  /** Opens and closes until what is open is what the Gateways want; the rest is left alone. */
  async follow(gateways: readonly GatewayObject[], control: ControlClient, token: string): Promise<void> {
    const wanted = new Map(gateways.flatMap(wantedOf).map((one) => [keyOf(one), one]));
    for (const [key, { front }] of this.#open) {
      if (wanted.has(key)) continue;
      this.#open.delete(key);
      await front.close();
    }
    for (const key of this.#failed.keys()) if (!wanted.has(key)) this.#failed.delete(key);
    for (const [key, one] of wanted) if (!this.#open.has(key)) await this.#openOne(key, one);
    for (const gateway of gateways) await this.#tell(gateway, control, token);
  }

  /** @returns a URL of a Gateway's first plain listener; null where it has none */
  urlOf(gateway: string): string | null {
    for (const { wanted, front } of this.#open.values()) {
      if (wanted.gateway !== gateway || wanted.tls !== "none") continue;
      return `http://${front.address}${front.port === 80 ? "" : `:${front.port}`}`;
    }
    return null;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open.values()].map(async ({ front }) => front.close()));
    this.#open.clear();
  }

  async #openOne(key: string, wanted: Wanted): Promise<void> {
    const { authority, meshAuthority, gatewayPort, fallback, refuser } = this.#options;
    const { gateway, port } = wanted;
    const target = { port: gatewayPort(gateway), cf: (socket: unknown) => cfOf(socket, { gateway, port }), refuser };
    const clientCa = wanted.tls === "mutual" ? async () => meshAuthority.pem() : null;
    const tls = wanted.tls === "none" ? null : { authority, clientCa };
    const address = this.#addressOf(gateway);
    const places: readonly (readonly [string, number])[] = [
      [address, port],
      [address, fallback(port)],
      [address, 0],
      // Where loopback has no other address, ports alone tell Gateways apart.
      ["127.0.0.1", 0],
    ];
    let reason = "";
    for (const [at, number] of places) {
      try {
        this.#open.set(key, { wanted, front: await openFront(at, number, target, tls) });
        this.#failed.delete(key);
        return;
      } catch (error) {
        reason = error instanceof Error ? error.message : String(error);
      }
    }
    this.#failed.set(key, reason);
  }

  #addressOf(gateway: string): string {
    const known = this.#addresses.get(gateway);
    if (known?.startsWith(`${this.#options.network}.`)) return known;
    const taken = new Set(this.#addresses.values());
    const free = Array.from({ length: 254 }, (_, index) => `${this.#options.network}.${index + 1}`).find(
      (address) => !taken.has(address),
    );
    const address = free ?? "127.0.0.1";
    this.#addresses.set(gateway, address);
    writeFileSync(this.#options.addressesFile, JSON.stringify(Object.fromEntries(this.#addresses)));
    return address;
  }

  async #tell(object: GatewayObject, control: ControlClient, token: string): Promise<void> {
    const { namespace, name } = object.metadata;
    const gateway = `${namespace}/${name}`;
    const opened = [...this.#open.values()].filter(({ wanted }) => wanted.gateway === gateway);
    const listening: Listening = {
      addresses: [...new Set(opened.map(({ front }) => front.address))].toSorted(),
      boundPorts: Object.fromEntries(
        opened
          .filter(({ wanted, front }) => wanted.port !== front.port)
          .map(({ wanted, front }) => [wanted.port, front.port]),
      ),
      failed: [...this.#failed]
        .filter(([key]) => key.startsWith(`${gateway} `))
        .map(([key, reason]) => ({ port: Number(key.split(" ")[1]), reason })),
    };
    const text = JSON.stringify(listening);
    // What stands in the object may have been written over since, or the object be another one of this name.
    if (this.#told.get(gateway) === text && shows(object, listening)) return;
    await control.listening(token, namespace, name, listening);
    this.#told.set(gateway, text);
  }
}

/** Whether a Gateway says of itself, as it stands, what the edge says of it. */
function shows({ metadata, status }: GatewayObject, { addresses, boundPorts }: Listening): boolean {
  const ports = Object.entries(boundPorts).map(([logical, bound]) => `${logical}=${bound}`);
  const programmed = status?.conditions?.find(({ type }) => type === "Programmed");
  return (
    status?.addresses?.map(({ value }) => value).join() === addresses.join() &&
    (metadata.annotations?.["tulle.dev/bound-ports"] ?? "") === ports.join(",") &&
    programmed?.observedGeneration === metadata.generation
  );
}

/** One listener a port: of several servers on it the first says what it speaks, and the strictest what it asks of clients. */
function wantedOf({ metadata: { namespace, name }, spec }: GatewayObject): readonly Wanted[] {
  const gateway = `${namespace}/${name}`;
  const ports = new Map<number, Wanted>();
  for (const { port, tls } of spec.servers) {
    const before = ports.get(port.number);
    const secure = port.protocol === "HTTPS";
    if (before && (before.tls !== "none") !== secure) continue;
    const mutual = tls?.mode === "MUTUAL" || tls?.mode === "OPTIONAL_MUTUAL" || tls?.mode === "ISTIO_MUTUAL";
    const speaks = !secure ? "none" : mutual || before?.tls === "mutual" ? "mutual" : "server";
    ports.set(port.number, { gateway, port: port.number, tls: speaks });
  }
  return [...ports.values()];
}

function keyOf({ gateway, port, tls }: Wanted): string {
  return `${gateway} ${port} ${tls}`;
}
