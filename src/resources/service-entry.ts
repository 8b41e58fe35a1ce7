import { z } from "zod";
import { parseAddress } from "./address.ts";
import { choice, emptyList, list, never, portNumber, strict } from "./fields.ts";
import { checkExportTo, exportToOrNobody } from "./export-to.ts";
import { hostPattern, isAddress, isPartial, overlap } from "./host.ts";
import { labels, portName } from "./names.ts";
import type { Context } from "./kind.ts";
import { protocol } from "./protocol.ts";
import type { Report } from "./report.ts";
import { checkWorkloadEntry, WorkloadEntry } from "./workload-entry.ts";

const Port = strict({
  number: portNumber,
  protocol: protocol.exactOptional(),
  name: portName,
  targetPort: portNumber.exactOptional(),
});

const RESOLUTIONS = ["NONE", "STATIC", "DNS", "DNS_ROUND_ROBIN", "DYNAMIC_DNS"] as const;

export const ServiceEntry = strict({
  hosts: list(hostPattern).max(256),
  addresses: emptyList(never("traffic is not captured by address; call the service by its host")),
  ports: z.array(Port).max(100).exactOptional(),
  location: choice(["MESH_EXTERNAL", "MESH_INTERNAL"]).exactOptional(),
  resolution: choice(RESOLUTIONS).exactOptional(),
  endpoints: z.array(WorkloadEntry).exactOptional(),
  workloadSelector: strict({ labels: labels.exactOptional() }).exactOptional(),
  exportTo: exportToOrNobody.exactOptional(),
  subjectAltNames: emptyList(
    never("the destination's certificate is not shown to a Worker; the platform checks it against the host"),
  ),
});

/**
 * An absent `resolution` is NONE. Empty `endpoints` are none. Without any a host is where its name says: `https://` and the
 * host; under a wildcard that of the request, with NONE and DYNAMIC_DNS. An absent protocol is HTTP.
 */
export type ServiceEntrySpec = z.infer<typeof ServiceEntry>;

type Resolution = (typeof RESOLUTIONS)[number];

export function resolutionOf({ resolution = "NONE" }: ServiceEntrySpec): Resolution {
  return resolution;
}

export function checkServiceEntry(spec: ServiceEntrySpec, report: Report, context: Context): void {
  const { endpoints = [], ports = [] } = spec;
  checkExportTo(spec.exportTo, context.metadata.namespace ?? "default", report.at("exportTo"));
  checkHosts(spec, report.at("hosts"));
  checkResolution(spec, report);
  if (ports.length === 0) report.at("ports").warn("no ports: nothing can be called", "TULLE0118");
  checkPorts(spec, report.at("ports"));
  checkTargets(spec, report.at("ports"));
  if (endpoints.length > 0 && spec.workloadSelector !== undefined)
    report.at("endpoints").error("cannot go with `workloadSelector`: leave one out");
  if (spec.workloadSelector !== undefined && Object.keys(spec.workloadSelector.labels ?? {}).length === 0)
    report.at("workloadSelector").warn("no labels: it selects every workload of the namespace", "TULLE0005");
  for (const [index, endpoint] of endpoints.entries()) {
    const place = report.at("endpoints", index);
    checkWorkloadEntry(endpoint, place, context);
    if (resolutionOf(spec) === "STATIC" && isPlainName(endpoint.address, context.local))
      place.at("address").error("a name is looked up, and STATIC looks up nothing: say DNS, or write its IP address");
    for (const name of Object.keys(endpoint.ports ?? {}))
      if (!ports.some((port) => port.name === name))
        place.at("ports", name).error(`the service has no port \`${name}\``);
  }
}

function isPlainName(address: string, local: boolean): boolean {
  const parsed = parseAddress(address, local);
  return parsed.ok && parsed.value.kind === "name";
}

/** An origin is called at its default port, so another one leads nowhere. */
function checkTargets(spec: ServiceEntrySpec, report: Report): void {
  const isByName = resolutionOf(spec) === "NONE" || spec.workloadSelector === undefined;
  if (resolutionOf(spec) === "STATIC" || (spec.endpoints ?? []).length > 0 || !isByName) return;
  for (const [index, { targetPort = 443 }] of (spec.ports ?? []).entries())
    if (targetPort !== 443)
      report
        .at(index, "targetPort")
        .warn("no effect: without `endpoints` a host is called at `https://`, port 443", "TULLE0003");
}

function checkHosts({ hosts }: ServiceEntrySpec, report: Report): void {
  for (const [index, host] of hosts.entries()) {
    const place = report.at(index);
    if (host === "*") place.error("`*` alone would be every host");
    if (isPartial(host)) place.warn("a `*` for a part of a label: other meshes may take it for a whole one");
    if (isAddress(host)) place.error("an IP address is no host: give the service a name, and write it to `endpoints`");
    const other = hosts.slice(0, index).find((earlier) => overlap(earlier, host));
    if (other !== undefined) place.error(`\`${host}\` overlaps \`${other}\``, "FieldValueDuplicate");
  }
}

/** Which of the fields can stand beside one another. */
function checkResolution(spec: ServiceEntrySpec, report: Report): void {
  const { hosts, endpoints = [], workloadSelector, location } = spec;
  const resolution = resolutionOf(spec);
  const hasEndpoints = endpoints.length > 0 || workloadSelector !== undefined;
  switch (resolution) {
    case "NONE":
      if (endpoints.length > 0)
        report.at("endpoints").error("NONE sends to the host that was asked for: leave them out, or say STATIC or DNS");
      if (workloadSelector !== undefined)
        report
          .at("workloadSelector")
          .warn("has no effect with NONE, which sends to the host that was asked for; say STATIC", "TULLE0003");
      return;
    case "STATIC":
      if (!hasEndpoints)
        report
          .at("endpoints")
          .warn("neither `endpoints` nor a `workloadSelector`: every call is answered with 503", "TULLE0114");
      return;
    case "DYNAMIC_DNS":
      if (endpoints.length > 0) report.at("endpoints").error("DYNAMIC_DNS sends to the host that was asked for");
      if (workloadSelector !== undefined) refuseSelector(resolution, report);
      if (location === "MESH_INTERNAL")
        report.at("location").error("hosts that DYNAMIC_DNS looks up are outside the mesh: say MESH_EXTERNAL");
      for (const [index, host] of hosts.entries())
        if (!host.startsWith("*")) report.at("hosts", index).error("DYNAMIC_DNS is for wildcards alone: say DNS");
      return;
    case "DNS_ROUND_ROBIN":
      if (endpoints.length > 1) report.at("endpoints").error("DNS_ROUND_ROBIN takes one at most");
      if (workloadSelector !== undefined) refuseSelector(resolution, report);
      break;
    case "DNS":
  }
  const wildcard = hosts.findIndex((host) => host.startsWith("*"));
  if (wildcard >= 0 && !hasEndpoints)
    report
      .at("hosts", wildcard)
      .error("a wildcard cannot be looked up: name `endpoints`, or say DYNAMIC_DNS", "FieldValueRequired");
}

function refuseSelector(resolution: Resolution, report: Report): void {
  report.at("workloadSelector").error(`cannot go with ${resolution}: leave it out`);
}

function checkPorts(spec: ServiceEntrySpec, report: Report): void {
  const { ports = [], hosts } = spec;
  const numbers = new Set<number>();
  const names = new Set<string>();
  for (const [index, port] of ports.entries()) {
    if (numbers.has(port.number))
      report.at(index, "number").error(`port ${port.number} is there twice`, "FieldValueDuplicate");
    if (names.has(port.name)) report.at(index, "name").error(`\`${port.name}\` is there twice`, "FieldValueDuplicate");
    checkProtocol(port.protocol, hosts.length > 1 && resolutionOf(spec) !== "NONE", report.at(index, "protocol"));
    numbers.add(port.number);
    names.add(port.name);
  }
}

/** Istio finds out by the first bytes what a port without protocol speaks; here all that comes is HTTP. */
function checkProtocol(written: string | undefined, severalHosts: boolean, report: Report): void {
  if (written !== undefined) return;
  if (severalHosts)
    report.error("is needed: only by HTTP can the hosts be told apart; name it, or one host", "FieldValueRequired");
  else report.warn("none: read as HTTP, where Istio looks at the first bytes; name it");
}
