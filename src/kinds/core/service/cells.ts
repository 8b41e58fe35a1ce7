import type { KubeObject } from "../../../resources/object.ts";
import { type Cell, listOf, NONE, textOf, valueAt } from "../../columns.ts";

export function serviceType({ spec }: KubeObject): string {
  return textOf(valueAt(spec, "type")) || "ClusterIP";
}

export function clusterIp({ spec }: KubeObject): Cell {
  const [first] = listOf(valueAt(spec, "clusterIPs"));
  return textOf(first) || textOf(valueAt(spec, "clusterIP")) || NONE;
}

export function externalIp(service: KubeObject): Cell {
  const { spec, status } = service;
  const addresses = listOf(valueAt(spec, "externalIPs")).map(textOf);
  switch (serviceType(service)) {
    case "ExternalName":
      return textOf(valueAt(spec, "externalName")) || NONE;
    case "LoadBalancer": {
      const balancers = listOf(valueAt(status, "loadBalancer", "ingress"));
      const balanced = balancers.map(
        (ingress) => textOf(valueAt(ingress, "ip")) || textOf(valueAt(ingress, "hostname")),
      );
      return [...balanced, ...addresses].join(",") || "<pending>";
    }
    default:
      return addresses.join(",") || NONE;
  }
}

export function servicePorts({ spec }: KubeObject): Cell {
  const ports = listOf(valueAt(spec, "ports")).map((port) => {
    const onNode = textOf(valueAt(port, "nodePort"));
    const number = `${textOf(valueAt(port, "port"))}${onNode === "" ? "" : `:${onNode}`}`;
    return `${number}/${textOf(valueAt(port, "protocol")) || "TCP"}`;
  });
  return ports.join(",") || NONE;
}

export function serviceSelector({ spec }: KubeObject): Cell {
  const labels = Object.entries(valueAt(spec, "selector") ?? {}).map(([key, value]) => `${key}=${textOf(value)}`);
  return labels.toSorted().join(",") || NONE;
}
