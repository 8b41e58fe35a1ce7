import { z } from "zod";
import { ConnectionPool, type ConnectionPoolSpec } from "./connection-pool.ts";
import { choice, list, never, portNumber, REASON, strict, text } from "./fields.ts";
import { isHostPattern, isPartial } from "./host.ts";
import type { Context } from "./kind.ts";
import { hostName, isDnsLabel, labels, optionalPortName } from "./names.ts";
import { warnOfEmptyPolicy } from "./outbound-traffic.ts";
import { protocol } from "./protocol.ts";
import type { Report } from "./report.ts";
import { warnOfEmptySelector } from "./selector.ts";

const HOST_RULE =
  "`namespace/host`: `.` is the own namespace, `*` any, `~` none and `~namespace` leaves it out; the host is a name, `*` or `*.` and a name";

function isImport(value: string): boolean {
  const [namespace = "", host, ...more] = value.split("/");
  if (host === undefined || more.length > 0 || !isHostPattern(host) || isPartial(host)) return false;
  if (namespace === "~") return host === "*";
  const name = namespace.startsWith("~") ? namespace.slice(1) : namespace;
  return name === "*" || name === "." || isDnsLabel(name);
}

const NO_LISTENER = never(`${REASON.socket}, so its calls are not captured by address`);

const captureMode = choice(["DEFAULT"], { IPTABLES: NO_LISTENER, NONE: NO_LISTENER }).exactOptional();

const EgressPort = strict(
  { number: z.int().min(0).max(65_535), protocol: protocol.exactOptional(), name: optionalPortName },
  { targetPort: "has no effect in Istio either: leave it out" },
);

const Egress = strict(
  { port: EgressPort.exactOptional(), captureMode, hosts: list(text(isImport, HOST_RULE)) },
  { bind: NO_LISTENER },
);

/** What a workload's port speaks: only HTTP comes through the mesh. */
const ANY_PROTOCOL = choice([
  "HTTP",
  "HTTPS",
  "HTTP2",
  "GRPC",
  "GRPC-WEB",
  "TCP",
  "TLS",
  "MONGO",
  "MYSQL",
  "REDIS",
  "UDP",
]);

const Ingress = strict(
  {
    port: strict({
      number: portNumber,
      protocol: z.string().toUpperCase().pipe(ANY_PROTOCOL).exactOptional(),
      name: optionalPortName,
    }),
    captureMode,
    defaultEndpoint: z.string().exactOptional(),
    connectionPool: ConnectionPool.exactOptional(),
  },
  { bind: NO_LISTENER, tls: never(REASON.framing) },
);

const OutboundTrafficPolicy = strict({
  mode: choice(["REGISTRY_ONLY", "ALLOW_ANY"], {
    ALLOW_ANY_DYNAMIC_DNS: "is a setting of the MeshConfig alone, as in Istio",
  }).exactOptional(),
  egressProxy: strict({
    host: hostName,
    subset: z.string().min(1).exactOptional(),
    port: strict({ number: portNumber }),
  }).exactOptional(),
});

export const Sidecar = strict({
  workloadSelector: strict({ labels: labels.exactOptional() }).exactOptional(),
  ingress: list(Ingress).exactOptional(),
  inboundConnectionPool: ConnectionPool.exactOptional(),
  egress: list(Egress).exactOptional(),
  outboundTrafficPolicy: OutboundTrafficPolicy.exactOptional(),
});

/** Absent `egress` imports everything. An absent `mode` is `REGISTRY_ONLY`, an absent policy the mesh's. */
export type SidecarSpec = z.infer<typeof Sidecar>;

/** One of them is there at least: what a Sidecar leaves out, it leaves to the one that it takes the place of. */
const SETTINGS = ["egress", "ingress", "outboundTrafficPolicy", "inboundConnectionPool"] as const;

export function checkSidecar(spec: SidecarSpec, report: Report, { metadata }: Context): void {
  if (SETTINGS.every((field) => spec[field] === undefined))
    report.error(`empty: set ${SETTINGS.map((field) => `\`${field}\``).join(" or ")}`, "FieldValueRequired");
  if (spec.workloadSelector !== undefined)
    warnOfEmptySelector(spec.workloadSelector.labels, report.at("workloadSelector"));
  checkIngress(spec.ingress ?? [], report.at("ingress"));
  if (spec.inboundConnectionPool !== undefined)
    checkPool(spec.inboundConnectionPool, report.at("inboundConnectionPool"));
  checkEgress(spec.egress ?? [], metadata.namespace ?? "default", report.at("egress"));
  warnOfEmptyPolicy(spec, report);
  const { mode = "REGISTRY_ONLY", egressProxy } = spec.outboundTrafficPolicy ?? {};
  if (egressProxy !== undefined && mode !== "ALLOW_ANY")
    report.at("outboundTrafficPolicy", "egressProxy").error("needs the mode `ALLOW_ANY`");
}

/** Where a listener hands its connections to: here the workload itself, at the port that is called. */
const ENDPOINT = /^(?:127\.0\.0\.1|0\.0\.0\.0|\[::1?\])?:(\d{1,5})$/;
const SOCKET = /^unix:\/\/(?:@|\/(?:.*[^/])$)/;

function checkIngress(ingress: NonNullable<SidecarSpec["ingress"]>, report: Report): void {
  const ports = new Set<number>();
  for (const [index, { port, defaultEndpoint, connectionPool }] of ingress.entries()) {
    const place = report.at(index);
    if (ports.has(port.number))
      place.at("port", "number").error(`port ${port.number} is there twice`, "FieldValueDuplicate");
    ports.add(port.number);
    if (defaultEndpoint !== undefined) checkEndpoint(defaultEndpoint, port.number, place.at("defaultEndpoint"));
    if (connectionPool !== undefined) checkPool(connectionPool, place.at("connectionPool"));
    if (!SERVED.has(port.protocol ?? "HTTP"))
      place.at("port", "protocol").warn(`${port.protocol} does not come through the mesh: there is nothing to limit`);
  }
}

const SERVED = new Set(["HTTP", "HTTPS", "HTTP2", "GRPC-WEB"]);

function checkEndpoint(endpoint: string, port: number, report: Report): void {
  const number = Number(ENDPOINT.exec(endpoint)?.[1] ?? 0);
  if (!SOCKET.test(endpoint) && (number < 1 || number > 65_535))
    report.error("must be `127.0.0.1`, `0.0.0.0`, `[::1]`, `[::]` or nothing, with a port behind `:`");
  else if (number !== port)
    report.error(
      never(`${REASON.socket}; write the port that the workload listens on where it is registered`),
      "FieldValueNotSupported",
    );
}

function checkPool({ tcp, http }: ConnectionPoolSpec, report: Report): void {
  if (tcp === undefined && http === undefined) report.error("empty: set `tcp` or `http`", "FieldValueRequired");
  if (http?.http1MaxPendingRequests !== undefined)
    report
      .at("http", "http1MaxPendingRequests")
      .warn("nobody waits in front of a workload: what is too much is refused");
  if (http?.maxRetries !== undefined)
    report.at("http", "maxRetries").warn("has no effect: in front of a workload nothing is tried again");
}

function checkEgress(egress: NonNullable<SidecarSpec["egress"]>, own: string, report: Report): void {
  const ports = new Set<number>();
  for (const [index, { port, hosts }] of egress.entries()) {
    const place = report.at(index);
    if (port === undefined && index < egress.length - 1)
      place.error("without `port` it is for all ports: there is one such at most, and it stands last");
    // Istio's way to write a socket of the file system.
    if (port?.number === 0) place.at("port", "number").error(NO_LISTENER, "FieldValueNotSupported");
    if (port !== undefined && ports.has(port.number))
      place.at("port", "number").error(`port ${port.number} is there twice`, "FieldValueDuplicate");
    if (port !== undefined) ports.add(port.number);
    const named = hosts.map((host) => host.replace(/^\.\//, `${own}/`));
    for (const [at, host] of named.entries()) {
      checkHost(host, named, place.at("hosts", at));
      if (named.indexOf(host) < at) place.at("hosts", at).warn("has no effect: it is there twice", "TULLE0003");
    }
  }
}

/** What is imported already, and what never is. */
function checkHost(value: string, hosts: readonly string[], place: Report): void {
  const [namespace = "", host = ""] = value.split("/");
  if (!host.includes(".") && host !== "*")
    place.warn(`imports nothing: write \`${host}\` in full, with its namespace and domain`, "TULLE0119");
  if (value === "~/*" && hosts.length > 1)
    place.warn("has no effect beside others: alone it imports nothing", "TULLE0003");
  const wider = [`${namespace}/*`, "*/*"].find((other) => other !== value && hosts.includes(other));
  if (!namespace.startsWith("~") && wider !== undefined)
    place.warn(`has no effect: \`${wider}\` imports it already`, "TULLE0003");
}
