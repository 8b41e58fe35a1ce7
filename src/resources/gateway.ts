import { z } from "zod";
import { choice, emptyList, emptyText, later, list, never, REASON, strict, text } from "./fields.ts";
import { isHostPattern } from "./host.ts";
import { isDnsLabel, labels } from "./names.ts";
import { protocol } from "./protocol.ts";
import type { Report } from "./report.ts";

/** `[namespace/]host`, where the namespace may be `*` or `.`. */
const serverHost = text((value) => {
  const [first = "", second, ...more] = value.split("/");
  if (more.length > 0) return false;
  if (second === undefined) return isHostPattern(first);
  return (first === "*" || first === "." || isDnsLabel(first)) && isHostPattern(second);
}, "a host name, `*` or `*.` and a host name, after an optional `namespace/`, `./` or `*/`");

const Port = strict(
  {
    /** 0 is for Unix sockets, of which `bind` is refused. */
    number: z.int().min(0).max(65_535),
    protocol,
    name: z.string().min(1),
  },
  { targetPort: never("it has no effect in Istio; leave it out") },
);

const ServerTls = strict(
  {
    httpsRedirect: z.boolean().exactOptional(),
    mode: choice(["SIMPLE", "MUTUAL", "OPTIONAL_MUTUAL", "ISTIO_MUTUAL"], {
      PASSTHROUGH: never(REASON.framing),
      AUTO_PASSTHROUGH: never(REASON.framing),
    }).exactOptional(),
    credentialName: z.string().exactOptional(),
    credentialNames: z.array(z.string().min(1)).max(2).exactOptional(),
    serverCertificate: emptyText(never(REASON.files)),
    privateKey: emptyText(never(REASON.files)),
    caCertificates: emptyText(never(REASON.files)),
    caCrl: emptyText(never(REASON.files)),
    tlsCertificates: emptyList(never(REASON.files)),
  },
  {
    caCertCredentialName: later("client certificates are checked against the mesh's authority"),
    subjectAltNames: later("use an AuthorizationPolicy with `principals`"),
    verifyCertificateSpki: later(),
    verifyCertificateHash: later(),
    minProtocolVersion: later("the zone settles it"),
    maxProtocolVersion: later("the zone settles it"),
    cipherSuites: later("the zone settles it"),
    insecureSkipVerify: later(),
  },
);

const Server = strict(
  { port: Port, hosts: list(serverHost), tls: ServerTls.exactOptional(), name: z.string().exactOptional() },
  { bind: never(REASON.socket), defaultEndpoint: never("Istio does not implement it for gateways") },
);

export const Gateway = strict({ selector: labels.exactOptional(), servers: list(Server) });

/** `tls.mode` is always set where the protocol is HTTPS. */
export type GatewaySpec = z.infer<typeof Gateway>;
type ServerSpec = z.infer<typeof Server>;

export function checkGateway(spec: GatewaySpec, report: Report): void {
  if (Object.keys(spec.selector ?? {}).length === 0)
    report.at("selector").warn("no labels: it selects every gateway", "TULLE0005");
  const portNames = new Set<string>();
  const names = new Set<string>();
  const protocols = new Map<number, string>();
  for (const [index, server] of spec.servers.entries()) {
    const place = report.at("servers", index);
    if (server.port.number === 0) place.at("port", "number").error("must be at least 1");
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
    checkTls(server, place.at("tls"));
  }
}

function checkTls(server: ServerSpec, report: Report): void {
  const { tls } = server;
  if (server.port.protocol !== "HTTPS") {
    if (tls?.mode !== undefined || (tls !== undefined && credentialOf(tls) !== null))
      report.error(`a port that speaks ${server.port.protocol} has no TLS; only \`httpsRedirect\` can stand here`);
    return;
  }
  if (tls === undefined) return report.error("a port that speaks HTTPS needs it", "FieldValueRequired");
  if (tls.httpsRedirect === true)
    report.at("httpsRedirect").warn("has no effect on a port that speaks HTTPS", "TULLE0003");
  if (tls.mode === undefined)
    return report
      .at("mode")
      .error(`is needed: Istio's default, PASSTHROUGH, ${never(REASON.framing)}`, "FieldValueRequired");
  const credential = credentialOf(tls);
  if (tls.credentialName !== undefined && tls.credentialName !== "" && credential === "credentialNames")
    report.at("credentialNames").error("stands for `credentialName` with more than one; leave one of the two out");
  if (tls.mode === "ISTIO_MUTUAL") {
    if (credential !== null) report.at(credential).error("ISTIO_MUTUAL uses the mesh's own certificates; leave it out");
  } else if (credential === null) report.at("credentialName").error(`${tls.mode} needs it`, "FieldValueRequired");
  else report.at(credential).warn("the zone or the edge owns the certificate; the name is not looked up", "TULLE0107");
}

/** The field that names the server's certificate. */
function credentialOf({ credentialName, credentialNames }: NonNullable<ServerSpec["tls"]>) {
  if ((credentialNames ?? []).length > 0) return "credentialNames";
  return credentialName === undefined || credentialName === "" ? null : "credentialName";
}
