import { z } from "zod";
import { portNumber, text } from "./fields.ts";
import { isDnsLabel, labels, objectName } from "./names.ts";
import type { Context } from "./kind.ts";
import type { Report } from "./report.ts";
import { sliceAddressProblem } from "./address.ts";

// Kubernetes' own kinds keep the fields that we do not read; these schemas say what is read.

export const Namespace = z.looseObject({});

const portName = text((name) => name === "" || isDnsLabel(name), "the name of a port: lower case, digits and `-`");

const ServicePort = z.looseObject({
  port: portNumber,
  name: portName.exactOptional(),
  protocol: z.enum(["TCP", "UDP", "SCTP"], { error: "must be one of `TCP`, `UDP`, `SCTP`" }).exactOptional(),
  /** The number, or the name of a port of the workload; absent means `port`. */
  targetPort: z.union([portNumber, z.string().min(1)], { error: "must be a port or the name of one" }).exactOptional(),
  appProtocol: z.string().exactOptional(),
});

export const Service = z.looseObject({
  ports: z.array(ServicePort).exactOptional(),
  selector: labels.exactOptional(),
  type: z
    .enum(["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"], {
      error: "must be one of `ClusterIP`, `NodePort`, `LoadBalancer`, `ExternalName`",
    })
    .exactOptional(),
});

/** An absent or empty `selector` selects nothing: the endpoints are those of its EndpointSlices. */
export type ServiceSpec = z.infer<typeof Service>;

export function checkService(spec: ServiceSpec, report: Report): void {
  if (spec.type === "ExternalName") {
    report.at("type").warn("`ExternalName` is stored and not served; write a ServiceEntry for a host outside");
    return;
  }
  const ports = spec.ports ?? [];
  if (ports.length === 0) report.at("ports").error("a service needs a port", "FieldValueRequired");
  const names = new Set<string>();
  const numbers = new Set<string>();
  for (const [index, port] of ports.entries()) {
    const place = report.at("ports", index);
    const name = port.name ?? "";
    if (name === "" && ports.length > 1)
      place.at("name").error("needed where a service has several ports", "FieldValueRequired");
    if (name !== "" && names.has(name)) place.at("name").error(`\`${name}\` is there twice`, "FieldValueDuplicate");
    names.add(name);
    const protocol = port.protocol ?? "TCP";
    if (numbers.has(`${protocol} ${port.port}`))
      place.at("port").error(`port ${port.port} is there twice`, "FieldValueDuplicate");
    numbers.add(`${protocol} ${port.port}`);
    if (protocol !== "TCP") place.at("protocol").warn(`${protocol} is stored and not served: a Worker sees HTTP only`);
  }
}

export const Pod = z.looseObject({ serviceAccountName: objectName.exactOptional() });

/** An absent `serviceAccountName` is `default`. */
export type PodSpec = z.infer<typeof Pod>;

const SliceEndpoint = z.looseObject({
  addresses: z.array(z.string()).min(1).max(100),
  conditions: z
    .looseObject({
      ready: z.boolean().exactOptional(),
      serving: z.boolean().exactOptional(),
      terminating: z.boolean().exactOptional(),
    })
    .exactOptional(),
  targetRef: z
    .looseObject({
      kind: z.string().exactOptional(),
      name: z.string().exactOptional(),
      namespace: z.string().exactOptional(),
    })
    .exactOptional(),
});

/** The fields stand at the top of the object, beside `metadata`. */
export const EndpointSlice = z.looseObject({
  addressType: z.enum(["IPv4", "IPv6", "FQDN"], { error: "must be one of `IPv4`, `IPv6`, `FQDN`" }),
  endpoints: z.array(SliceEndpoint).max(1_000).default([]),
  ports: z
    .array(
      z.looseObject({
        name: portName.exactOptional(),
        port: portNumber.exactOptional(),
        protocol: z.enum(["TCP", "UDP", "SCTP"], { error: "must be one of `TCP`, `UDP`, `SCTP`" }).exactOptional(),
      }),
    )
    .max(100)
    .exactOptional(),
});

/** An absent `conditions.ready` is true. The service is the label `kubernetes.io/service-name`. */
export type EndpointSliceFields = z.infer<typeof EndpointSlice>;

export function checkEndpointSlice(slice: EndpointSliceFields, report: Report, context: Context): void {
  if (context.metadata.labels?.["kubernetes.io/service-name"] === undefined)
    report.at("metadata", "labels").warn("without the label `kubernetes.io/service-name` it belongs to no service");
  for (const [index, endpoint] of slice.endpoints.entries())
    for (const [at, address] of endpoint.addresses.entries()) {
      const problem = sliceAddressProblem(address, slice.addressType, context.local);
      if (problem !== null) report.at("endpoints", index, "addresses", at).error(problem);
    }
}
