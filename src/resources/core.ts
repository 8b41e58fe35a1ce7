import { z } from "zod";
import { bytesToBase64 } from "../snapshot/bytes.ts";
import { canonicalJson } from "../snapshot/canonical.ts";
import { checkServiceExportTo } from "./export-to.ts";
import { portNumber, text } from "./fields.ts";
import type { Finding } from "./finding.ts";
import { isDnsLabel, labels, objectName } from "./names.ts";
import type { Context } from "./kind.ts";
import type { KubeObject } from "./object.ts";
import { type Report, reportTo } from "./report.ts";
import { sliceAddressProblem } from "./address.ts";

// Kubernetes' own kinds keep the fields that we do not read; these schemas say what is read.

export const Namespace = z.looseObject({});

/** Of a Namespace: whether its policies refuse (`enforce`), or only tell what they would (`observe`). Absent: as the MeshConfig says. */
export const MODE_LABEL = "tulle.dev/mode";
const MODES = ["observe", "enforce"];

export function checkNamespace(_spec: unknown, _report: Report, { metadata, object }: Context): void {
  const mode = metadata.labels?.[MODE_LABEL];
  if (mode !== undefined && !MODES.includes(mode))
    object
      .at("metadata", "labels", MODE_LABEL)
      .error(`must be one of ${MODES.map((name) => `\`${name}\``).join(", ")}`, "FieldValueNotSupported");
}

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

/**
 * A Service without an address inside of a cluster says so, as a headless one does: programs that wait until a cluster has
 * given it one (`helm install --wait`) would wait for ever.
 */
export function withClusterIp(spec: unknown): unknown {
  if (typeof spec !== "object" || spec === null || Array.isArray(spec)) return spec;
  const { type = "ClusterIP", clusterIP = "" } = spec as { readonly type?: unknown; readonly clusterIP?: unknown };
  return type === "ClusterIP" && clusterIP === "" ? { ...spec, clusterIP: "None" } : spec;
}

export function checkService(spec: ServiceSpec, report: Report, { metadata, object }: Context): void {
  checkServiceExportTo(metadata.annotations, metadata.namespace ?? "default", object.at("metadata"));
  if (spec.type === "ExternalName") {
    report
      .at("type")
      .warn("`ExternalName` is stored and not served; write a ServiceEntry for a host outside", "TULLE0118");
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
    if (protocol !== "TCP")
      place.at("protocol").warn(`${protocol} is stored and not served: a Worker sees HTTP only`, "TULLE0118");
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
    report
      .at("metadata", "labels")
      .warn("without the label `kubernetes.io/service-name` it belongs to no service", "TULLE0118");
  for (const [index, endpoint] of slice.endpoints.entries())
    for (const [at, address] of endpoint.addresses.entries()) {
      const problem = sliceAddressProblem(address, slice.addressType, context.local);
      if (problem !== null) report.at("endpoints", index, "addresses", at).error(problem);
    }
}

/** What can be the name of a file, since that is what a container makes of it. */
const DATA_KEY = /^(?!\.$|\.\.)[-._a-zA-Z0-9]{1,253}$/;
const dataKey = text(
  (key) => DATA_KEY.test(key),
  "a key of letters, digits, `-`, `_` and `.`, at most 253, neither `.` nor beginning with `..`",
);

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** Line breaks are what `base64` makes of a long file; Kubernetes takes them too. */
function withoutLineBreaks(value: string): string {
  return value.replace(/[\r\n]/g, "");
}

function isBase64(value: string): boolean {
  const plain = withoutLineBreaks(value);
  return plain.length % 4 === 0 && BASE64.test(plain);
}

const base64 = text(isBase64, "base64; `stringData` of a Secret and `data` of a ConfigMap take text as it is");

/** The one form that is stored: without line breaks, and without bits in the last character that no byte has. */
function canonicalBase64(value: string): string {
  const plain = withoutLineBreaks(value);
  return plain.slice(0, -4) + btoa(atob(plain.slice(-4)));
}

const UTF8 = new TextEncoder();

export const ConfigMap = z.looseObject({
  data: z.record(dataKey, z.string()).exactOptional(),
  binaryData: z.record(dataKey, base64).exactOptional(),
  immutable: z.boolean().exactOptional(),
});

export const Secret = z.looseObject({
  type: z.string().default("Opaque"),
  data: z.record(dataKey, base64).exactOptional(),
  /** For writers: it stands over `data`, and is stored and answered as a part of it. */
  stringData: z.record(dataKey, z.string()).exactOptional(),
  immutable: z.boolean().exactOptional(),
});

/** The fields of a ConfigMap as they are stored; what is malformed stays as it is, for the schema to refuse. */
export function withCanonicalData(fields: unknown): unknown {
  const { binaryData } = Object(fields) as { readonly binaryData?: unknown };
  return isTexts(binaryData) ? { ...Object(fields), binaryData: canonicalValues(binaryData) } : fields;
}

/**
 * The fields of a Secret as they are stored, with what was written as text among the rest. What is malformed stays as it
 * is, for the schema to refuse.
 */
export function withEncodedText(fields: unknown): unknown {
  if (typeof fields !== "object" || fields === null || Array.isArray(fields)) return fields;
  const { stringData, ...rest } = fields as { readonly stringData?: unknown; readonly [field: string]: unknown };
  const { data, type, ...others } = rest;
  if ((data !== undefined && !isTexts(data)) || (stringData !== undefined && !isTexts(stringData))) return fields;
  const encoded = Object.entries(stringData ?? {}).map(([key, value]) => [key, bytesToBase64(UTF8.encode(value))]);
  return {
    ...others,
    ...(type !== "" && type !== undefined && { type }),
    ...((data ?? stringData) !== undefined && {
      data: { ...canonicalValues(data ?? {}), ...Object.fromEntries(encoded) },
    }),
  };
}

type Texts = Readonly<Record<string, string>>;

function isTexts(value: unknown): value is Texts {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every((member) => typeof member === "string")
  );
}

function canonicalValues(values: Texts): Texts {
  const canonical = Object.entries(values).map(([key, value]) => [
    key,
    isBase64(value) ? canonicalBase64(value) : value,
  ]);
  return Object.fromEntries(canonical) as Texts;
}

export function checkConfigMap({ data = {}, binaryData = {} }: z.infer<typeof ConfigMap>, report: Report): void {
  for (const key of Object.keys(binaryData))
    if (Object.hasOwn(data, key))
      report.at("binaryData", key).error("is in `data` too; keep one", "FieldValueDuplicate");
  const texts = sum(Object.values(data), (value) => UTF8.encode(value).length);
  checkSize(texts + sum(Object.values(binaryData), bytesIn), report);
}

/** By the type of a Secret: what it cannot be without. */
const NEEDED_KEYS: ReadonlyMap<string, readonly string[]> = new Map([
  ["kubernetes.io/tls", ["tls.crt", "tls.key"]],
  ["kubernetes.io/ssh-auth", ["ssh-privatekey"]],
  ["kubernetes.io/dockercfg", [".dockercfg"]],
  ["kubernetes.io/dockerconfigjson", [".dockerconfigjson"]],
]);

export function checkSecret({ type, data = {} }: z.infer<typeof Secret>, report: Report): void {
  for (const key of NEEDED_KEYS.get(type) ?? [])
    if (!Object.hasOwn(data, key))
      report.at("data", key).error(`needed in a Secret of type \`${type}\``, "FieldValueRequired");
  checkSize(sum(Object.values(data), bytesIn), report);
}

/** As in Kubernetes: all values together, as bytes. */
const MAX_DATA_BYTES = 1_048_576;

function checkSize(bytes: number, report: Report): void {
  if (bytes > MAX_DATA_BYTES)
    report.at("data").error(`must not hold more than ${MAX_DATA_BYTES} bytes`, "FieldValueTooLong");
}

function sum(values: readonly string[], size: (value: string) => number): number {
  return values.reduce((total, value) => total + size(value), 0);
}

/** @param base64 in its canonical form */
function bytesIn(base64: string): number {
  const padding = base64.endsWith("==") ? 2 : base64.endsWith("=") ? 1 : 0;
  return (base64.length / 4) * 3 - padding;
}

/**
 * What an update may not change: the type of a Secret, and anything of a Secret or ConfigMap that was made `immutable`.
 * Messages name fields, never a value.
 */
export function checkChange(before: KubeObject, after: KubeObject): readonly Finding[] {
  const findings: Finding[] = [];
  const report = reportTo(findings);
  if (before.kind !== "Secret" && before.kind !== "ConfigMap") return findings;
  if (before.kind === "Secret" && before["type"] !== after["type"])
    report.at("type").error("cannot be changed; delete the Secret and create it anew");
  if (before["immutable"] !== true) return findings;
  const again = `cannot be changed where \`immutable\` is set; delete the ${before.kind} and create it anew`;
  if (after["immutable"] !== true) report.at("immutable").error(again, "FieldValueForbidden");
  for (const field of ["data", "binaryData"])
    if (canonicalJson(before[field] ?? {}) !== canonicalJson(after[field] ?? {}))
      report.at(field).error(again, "FieldValueForbidden");
  return findings;
}
