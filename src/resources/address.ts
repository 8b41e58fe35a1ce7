import { later, never } from "./fields.ts";
import { err, ok, type Result } from "../result.ts";
import { type Cidr, formatIp, inRange, type Ip, parseCidr, parseIp, rangesOverlap } from "../match/ip.ts";
import { isHostName } from "./names.ts";

/** Where an endpoint is, as its `address` says. */
export type Address =
  /** A service binding of the gateway Worker; its name begins with `EP_`. */
  | { readonly kind: "binding"; readonly name: string }
  /** `https://host`, lower case; the host must be on `MeshConfig.egress.allowedHosts`. */
  | { readonly kind: "origin"; readonly origin: string; readonly host: string }
  /** Canonical; must lie in one of `MeshConfig.privateRanges`. */
  | { readonly kind: "ip"; readonly ip: string }
  /** Lower case; must lie in one of `MeshConfig.privateRanges`. */
  | { readonly kind: "name"; readonly name: string };

function ranges(...texts: readonly string[]): readonly Cidr[] {
  return texts.map(parseCidr).filter((range) => range !== null);
}

const LOOPBACK = ranges("127.0.0.0/8", "::1/128");
/** Unspecified, link-local, multicast, reserved, and IPv6 forms that embed an IPv4 address and would hide one of these. */
const FORBIDDEN = ranges(
  "0.0.0.0/8",
  "169.254.0.0/16",
  "224.0.0.0/4",
  "240.0.0.0/4",
  "::/96",
  "64:ff9b::/96",
  "64:ff9b:1::/48",
  "2002::/16",
  "fe80::/10",
  "ff00::/8",
);
/** Where clouds serve credentials, outside link-local: AWS, Alibaba, Azure, Oracle. */
const METADATA = ranges("fd00:ec2::254/128", "100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32");
const METADATA_NAMES = new Set(["metadata", "metadata.google.internal", "metadata.goog", "instance-data"]);

function ipProblem(ip: Ip, local: boolean): string | null {
  const text = formatIp(ip);
  if (LOOPBACK.some((range) => inRange(ip, range)))
    return local ? null : `\`${text}\` is loopback, which only the local mesh reaches`;
  if ([...FORBIDDEN, ...METADATA].some((range) => inRange(ip, range)))
    return `\`${text}\` is a link-local, metadata, multicast or reserved address, which no endpoint may have`;
  return null;
}

function nameProblem(name: string, local: boolean): string | null {
  if (/^\[[\da-f:.]+\]$/.test(name)) return `\`${name}\` is an address in brackets; write it without them`;
  if (!isHostName(name)) return `\`${name}\` is no host name`;
  const last = name.slice(name.lastIndexOf(".") + 1);
  // URL parsers read these as IPv4: `2130706433`, `0x7f.1`.
  if (/^(\d+|0x[0-9a-f]*)$/.test(last))
    return `\`${name}\` would be read as an IP address; write it with four decimal numbers`;
  if (!local && (last === "localhost" || name === "localhost.localdomain"))
    return `\`${name}\` is loopback, which only the local mesh reaches`;
  if (METADATA_NAMES.has(name)) return `\`${name}\` is a cloud's metadata service, which no endpoint may be`;
  return null;
}

/** A public name: with a dot, and neither an IP address nor loopback. */
function publicNameProblem(host: string): string | null {
  if (parseIp(host.replace(/^\[|\]$/g, "")) !== null) return `\`${host}\` is an IP address; write a host name`;
  return nameProblem(host, false) ?? (host.includes(".") ? null : `\`${host}\` is no public host name`);
}

/**
 * Reads the `address` of a WorkloadEntry or of a ServiceEntry's endpoint.
 *
 * @param local whether loopback may be an endpoint
 * @returns the message why it is refused, otherwise
 */
export function parseAddress(address: string, local: boolean): Result<Address, string> {
  if (address.startsWith("binding:")) {
    const name = address.slice("binding:".length);
    // The prefix keeps a policy author away from the gateway's other bindings.
    if (!/^EP_[A-Z0-9_]{1,60}$/.test(name))
      return err("a binding is named `binding:EP_NAME`, in capitals, digits and `_`");
    return ok({ kind: "binding", name });
  }
  if (address.startsWith("worker:")) return err(later("Workers of a dispatch namespace; use `binding:EP_NAME`"));
  if (address.startsWith("unix:")) return err(never("there is no file system that could hold a socket"));
  if (address.startsWith("https://")) return parseOrigin(address);
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(address) || address.startsWith("data:"))
    return err("a URL here begins with `https://`; a private address is written without scheme");

  const ip = parseIp(address);
  const problem = ip === null ? nameProblem(address.toLowerCase(), local) : ipProblem(ip, local);
  if (problem !== null) return err(problem);
  return ok(ip === null ? { kind: "name", name: address.toLowerCase() } : { kind: "ip", ip: formatIp(ip) });
}

function parseOrigin(address: string): Result<Address, string> {
  const host = /^https:\/\/([^/?#@:[\]]+)(?::443)?$/.exec(address)?.[1]?.toLowerCase();
  if (host === undefined) return err("an origin is `https://` and a host name, without user, port, path and query");
  const problem = publicNameProblem(host);
  return problem === null ? ok({ kind: "origin", origin: `https://${host}`, host }) : err(problem);
}

/** @returns why the mesh must not fetch this URL (R20), or null; that its host is on the egress list is for the compiler to see */
export function fetchedUrlProblem(text: string, local: boolean): string | null {
  const url = URL.parse(text);
  if (url === null) return "is no URL";
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const ip = parseIp(host);
  const loopback = host === "localhost" || (ip !== null && LOOPBACK.some((range) => inRange(ip, range)));
  if (url.username !== "" || url.password !== "") return "must not hold a user or a password";
  if (local && loopback && url.protocol === "http:") return null;
  if (url.protocol !== "https:") return "must begin with `https://`";
  if (url.port !== "") return "must use the default port";
  if (url.hash !== "") return "must not hold a fragment";
  return publicNameProblem(host);
}

/** Whether a host, lower case, is on the egress list. */
export function isAllowedHost(allowedHosts: readonly string[], host: string): boolean {
  return allowedHosts.some((entry) => {
    const name = entry.toLowerCase();
    return name.startsWith("*.") ? host.endsWith(name.slice(1)) : host === name;
  });
}

/** @returns why no service can have this host: an address in some form, loopback, or a cloud's metadata */
export function serviceHostProblem(host: string): string | null {
  if (parseIp(host) !== null) return `\`${host}\` is an IP address; write the host of a service`;
  return nameProblem(host.toLowerCase(), false);
}

/** @returns why this cannot stand on the egress list: a host name, or `*.` and a host name */
export function egressHostProblem(host: string, local: boolean): string | null {
  const ip = parseIp(host);
  if (local && (host === "localhost" || (ip !== null && LOOPBACK.some((range) => inRange(ip, range))))) return null;
  return publicNameProblem((host.startsWith("*.") ? host.slice(2) : host).toLowerCase());
}

/** @returns why this is no private range: a CIDR, or a name that stands for itself and all names below it */
export function privateRangeProblem(text: string, local: boolean): string | null {
  if (!text.includes("/") && parseIp(text) === null) return nameProblem(text.toLowerCase(), local);
  const range = parseCidr(text);
  if (range === null)
    return `\`${text}\` is no CIDR such as \`10.0.0.0/8\` (bits beyond the prefix must be 0) and no name`;
  if (LOOPBACK.some((other) => rangesOverlap(range, other) && range.bits >= other.bits))
    return local ? null : `\`${text}\` is loopback, which only the local mesh reaches`;
  if (FORBIDDEN.some((other) => rangesOverlap(range, other)) || LOOPBACK.some((other) => rangesOverlap(range, other)))
    return `\`${text}\` holds link-local, loopback, multicast or reserved addresses; write a narrower range`;
  if (METADATA.some((other) => rangesOverlap(range, other) && range.bits >= other.bits))
    return `\`${text}\` is a cloud's metadata service`;
  return null;
}

/** @returns why this cannot be an address of an EndpointSlice */
export function sliceAddressProblem(address: string, type: "IPv4" | "IPv6" | "FQDN", local: boolean): string | null {
  if (type === "FQDN") return nameProblem(address.toLowerCase(), local);
  const ip = parseIp(address);
  // An IPv4-mapped address is IPv4 here, as everywhere after this line.
  if (ip === null || (type === "IPv6") !== address.includes(":")) return `\`${address}\` is no ${type} address`;
  return ipProblem(ip, local);
}

/** An address without its port, in its one form: what registrations are looked up by. */
export function addressKey(address: string): string {
  const parsed = parseAddress(address, true);
  return parsed.ok ? textOf(parsed.value) : address;
}

function textOf(address: Address): string {
  switch (address.kind) {
    case "binding":
      return `binding:${address.name}`;
    case "origin":
      return address.origin;
    case "ip":
      return address.ip;
    case "name":
      return address.name;
  }
}
