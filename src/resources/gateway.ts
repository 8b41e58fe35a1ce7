import { z } from "zod";
import { emptyText, later, list, never, REASON, strict, text } from "./fields.ts";
import { checkServerTls, ServerTls } from "./gateway-tls.ts";
import { isHostPattern } from "./host.ts";
import type { Context } from "./kind.ts";
import { isDnsLabel, labels } from "./names.ts";
import { protocol } from "./protocol.ts";
import type { Report } from "./report.ts";

/** `[namespace/]host`, where the namespace may be `*` or `.`. */
const serverHost = text((value) => {
  const [first = "", second, ...more] = value.split("/");
  if (more.length > 0) return false;
  if (second === undefined) return isWhole(first);
  return (first === "*" || first === "." || isDnsLabel(first)) && isWhole(second);
}, "`*`, or a host name with a dot or `*.` and a host name, after an optional `namespace/`, `./` or `*/`");

/** A short name would stand for a service of which namespace? */
function isWhole(host: string): boolean {
  return isHostPattern(host) && (host === "*" || host.includes("."));
}

const Port = strict(
  {
    /** 0 is for Unix sockets, of which `bind` is refused. */
    number: z.int().min(0).max(65_535),
    protocol,
    name: z.string().min(1),
  },
  { targetPort: never("it has no effect in Istio; leave it out") },
);

const Server = strict({
  port: Port,
  hosts: list(serverHost),
  tls: ServerTls.exactOptional(),
  name: z.string().exactOptional(),
  bind: emptyText(never(REASON.socket)),
  defaultEndpoint: emptyText(never("Istio does not implement it for gateways")),
});

export const Gateway = strict({ selector: labels.exactOptional(), servers: list(Server) });

/** `tls.mode` is always set where the protocol is HTTPS. */
export type GatewaySpec = z.infer<typeof Gateway>;

/** Written by Istio's controller into what it makes of a Gateway of Gateway API: whose Services' ports the listeners are. */
const GATEWAY_SERVICE = "internal.istio.io/gateway-service";

const NOT_BY_HAND = later(
  "Gateway API, whose Gateways Istio's controller translates into such ones; leave it out of a Gateway of your own",
);

/** Ports at which Cloudflare's network takes requests, by whether they speak TLS. */
const PLAIN_PORTS: ReadonlySet<number> = new Set([80, 8080, 8880, 2052, 2082, 2086, 2095]);
const TLS_PORTS: ReadonlySet<number> = new Set([443, 2053, 2083, 2087, 2096, 8443]);

function portWarning({ number, protocol }: GatewaySpec["servers"][number]["port"]): string | null {
  const served = protocol === "HTTPS" ? TLS_PORTS : PLAIN_PORTS;
  if (number === 0 || served.has(number)) return null;
  return `nothing gets there: the platform takes ${protocol} at ${[...served].join(", ")}; other ports are the local mesh's alone`;
}

export function checkGateway(spec: GatewaySpec, report: Report, { metadata, object, local }: Context): void {
  if (!isDnsLabel(metadata.name))
    object.at("metadata", "name").error("a VirtualService could not name it: lower case, digits and `-`, at most 63");
  if (metadata.annotations?.[GATEWAY_SERVICE] !== undefined)
    object.at("metadata", "annotations", GATEWAY_SERVICE).error(NOT_BY_HAND, "FieldValueNotSupported");
  if (Object.keys(spec.selector ?? {}).length === 0)
    report.at("selector").warn("no labels: it selects every gateway", "TULLE0005");
  const portNames = new Set<string>();
  const names = new Set<string>();
  const protocols = new Map<number, string>();
  for (const [index, server] of spec.servers.entries()) {
    const place = report.at("servers", index);
    if (server.port.number === 0) place.at("port", "number").error("must be at least 1");
    const unserved = local ? null : portWarning(server.port);
    if (unserved !== null) place.at("port", "number").warn(unserved);
    if (portNames.has(server.port.name))
      place.at("port", "name").error(`\`${server.port.name}\` is there twice`, "FieldValueDuplicate");
    portNames.add(server.port.name);
    if (server.name !== undefined && server.name !== "") {
      if (names.has(server.name)) place.at("name").error(`\`${server.name}\` is there twice`, "FieldValueDuplicate");
      names.add(server.name);
    }
    const first = protocols.get(server.port.number) ?? server.port.protocol;
    if (first !== server.port.protocol)
      place
        .at("port", "protocol")
        .warn(`port ${server.port.number} already speaks ${first}, the first one wins`, "TULLE0303");
    protocols.set(server.port.number, first);
    checkServerTls(server.port.protocol, server.tls, place.at("tls"));
  }
}
