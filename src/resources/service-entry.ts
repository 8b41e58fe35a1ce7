import { z } from "zod";
import { choice, later, list, never, portNumber, strict } from "./fields.ts";
import { checkExportTo, exportToOrNobody } from "./export-to.ts";
import { hostPattern, overlap } from "./host.ts";
import { labels } from "./names.ts";
import type { Context } from "./kind.ts";
import { protocol } from "./protocol.ts";
import type { Report } from "./report.ts";
import { checkWorkloadEntry, WorkloadEntry } from "./workload-entry.ts";

const Port = strict({
  number: portNumber,
  protocol: protocol.exactOptional(),
  name: z.string().min(1),
  targetPort: portNumber.exactOptional(),
});

export const ServiceEntry = strict(
  {
    hosts: list(hostPattern).max(256),
    ports: z.array(Port).max(100).exactOptional(),
    location: choice(["MESH_EXTERNAL", "MESH_INTERNAL"]).exactOptional(),
    resolution: choice(["STATIC", "DNS"], {
      NONE: later("say `DNS`, which is the same for a host that is no wildcard"),
      DNS_ROUND_ROBIN: later("`DNS` works"),
      DYNAMIC_DNS: later(),
    }).exactOptional(),
    endpoints: z.array(WorkloadEntry).exactOptional(),
    workloadSelector: strict({ labels: labels.exactOptional() }).exactOptional(),
    exportTo: exportToOrNobody.exactOptional(),
  },
  {
    addresses: never("traffic is not captured by address; call the service by its host"),
    subjectAltNames: never(
      "the destination's certificate is not shown to a Worker; the platform checks it against the host",
    ),
  },
);

/** `resolution` is always set. Empty `endpoints` are none. With DNS and no endpoints the hosts are where it is: `https://` and the host. An absent protocol is HTTP. */
export type ServiceEntrySpec = z.infer<typeof ServiceEntry>;

export function checkServiceEntry(spec: ServiceEntrySpec, report: Report, context: Context): void {
  const { endpoints = [], ports = [] } = spec;
  checkExportTo(spec.exportTo, context.metadata.namespace ?? "default", report.at("exportTo"));
  for (const [index, host] of spec.hosts.entries()) {
    const place = report.at("hosts", index);
    if (host === "*") place.error("`*` alone would be every host");
    const other = spec.hosts.slice(0, index).find((earlier) => overlap(earlier, host));
    if (other !== undefined) place.error(`\`${host}\` overlaps \`${other}\``, "FieldValueDuplicate");
    if (
      host.startsWith("*.") &&
      spec.resolution === "DNS" &&
      endpoints.length === 0 &&
      spec.workloadSelector === undefined
    )
      place.error("a wildcard cannot be looked up: name `endpoints`", "FieldValueRequired");
  }
  if (spec.resolution === undefined)
    report
      .at("resolution")
      .error("say `DNS` or `STATIC`: Istio's default, `NONE`, is not supported yet", "FieldValueRequired");
  if (ports.length === 0) report.at("ports").warn("no ports: nothing can be called");
  checkPorts(ports, report.at("ports"));
  if (endpoints.length > 0 && spec.workloadSelector !== undefined)
    report.at("endpoints").error("cannot go with `workloadSelector`: leave one out");
  if (spec.resolution === "STATIC" && endpoints.length === 0 && spec.workloadSelector === undefined)
    report.at("endpoints").error("STATIC needs `endpoints` or a `workloadSelector`", "FieldValueRequired");
  for (const [index, endpoint] of endpoints.entries()) {
    const place = report.at("endpoints", index);
    checkWorkloadEntry(endpoint, place, context);
    for (const name of Object.keys(endpoint.ports ?? {}))
      if (!ports.some((port) => port.name === name))
        place.at("ports", name).error(`the service has no port \`${name}\``);
  }
}

function checkPorts(ports: readonly z.infer<typeof Port>[], report: Report): void {
  const numbers = new Set<number>();
  const names = new Set<string>();
  for (const [index, port] of ports.entries()) {
    if (numbers.has(port.number))
      report.at(index, "number").error(`port ${port.number} is there twice`, "FieldValueDuplicate");
    if (names.has(port.name)) report.at(index, "name").error(`\`${port.name}\` is there twice`, "FieldValueDuplicate");
    numbers.add(port.number);
    names.add(port.name);
  }
}
