import type { KindInfo } from "../resources/kinds.ts";
import type { KubeObject } from "../resources/object.ts";
import { type ListMeta, type MetaVersion, type PartialMetadata, partialMetadata } from "./accept.ts";
import { conditionsOf, isCompiled } from "./conditions.ts";

/** `metav1.TableColumnDefinition`. */
export interface ColumnDefinition {
  readonly name: string;
  /** As OpenAPI has it. A `date` is shown as an age, in text. */
  readonly type: "string" | "date";
  /** `name` marks the column that the object is known by. */
  readonly format: "" | "name";
  readonly description: string;
  /** 1: shown only where there is room, as with `kubectl get -o wide`. */
  readonly priority: 0 | 1;
}

/** `metav1.Table`, what `kubectl get` prints. */
export interface Table {
  readonly kind: "Table";
  readonly apiVersion: `meta.k8s.io/${MetaVersion}`;
  readonly metadata: ListMeta;
  readonly columnDefinitions: readonly ColumnDefinition[] | null;
  readonly rows: readonly TableRow[];
}

interface TableRow {
  /** One for each column; null prints as nothing. */
  readonly cells: readonly Cell[];
  readonly object?: PartialMetadata | KubeObject;
}

type Cell = string | null;

export interface TableOptions extends ListMeta {
  /** Epoch ms, to which ages are counted. */
  readonly now: number;
  /** In which the objects were asked for. */
  readonly apiVersion: string;
  /** What each row has beside its cells. */
  readonly includeObject: "None" | "Metadata" | "Object";
  /** Of the Table itself, and of the metadata in it. */
  readonly version: MetaVersion;
  /** False from the second event of a watch on: the columns are those of the first. */
  readonly withColumns: boolean;
}

interface Column {
  readonly definition: ColumnDefinition;
  readonly cell: (object: KubeObject, now: number) => Cell;
}

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const YEAR = 365 * DAY;

/** What core kinds say of a list that is empty, of a time that is not there, and of a list that is not set. */
const NONE = "<none>";
const UNKNOWN = "<unknown>";
const UNSET = "<unset>";
/** Members of a long list that a cell shows. */
const SHOWN = 3;

const NAME: Column = {
  definition: {
    name: "Name",
    type: "string",
    format: "name",
    description: "The name of the object, unique among its kind in its namespace.",
    priority: 0,
  },
  cell: ({ metadata }) => metadata.name,
};

const CREATED = "How long ago the object was created.";

/** In custom kinds an absent time prints as nothing. */
const AGE: Column = {
  definition: { name: "Age", type: "date", format: "", description: CREATED, priority: 0 },
  cell: ({ metadata }, now) => age(metadata.creationTimestamp, now),
};

const CORE_AGE = text("Age", CREATED, ({ metadata }, now) => age(metadata.creationTimestamp, now) ?? UNKNOWN);

const CONDITION = text(
  "Status",
  "Accepted, or the reason of the first condition that does not hold.",
  (object): Cell => {
    const conditions = conditionsOf(object);
    if (conditions.length === 0) return null;
    const failed = conditions.find(({ status }) => status !== "True");
    if (failed === undefined) return "Accepted";
    return failed.reason === "" ? `Not${failed.type}` : failed.reason;
  },
);

/** By `group/Kind`: the columns behind the name, in upstream's order. Other kinds have an age only. */
const COLUMNS: ReadonlyMap<string, readonly Column[]> = new Map([
  ["/Namespace", [text("Status", "Whether it is in use or being deleted.", namespacePhase), CORE_AGE]],
  [
    "/Service",
    [
      text("Type", "How the service is exposed.", serviceType),
      text("Cluster-IP", "The address of the service inside of the cluster.", clusterIp),
      text("External-IP", "Addresses of the service outside of the cluster.", externalIp),
      text("Port(s)", "The ports of the service, with their protocols.", servicePorts),
      CORE_AGE,
      wide(text("Selector", "Labels of the pods that traffic goes to.", serviceSelector)),
    ],
  ],
  [
    "/Pod",
    [
      text("Ready", "How many of the containers take traffic.", podReady),
      text("Status", "The phase of the pod, or why it is not running.", podStatus),
      text("Restarts", "How often containers were started again.", podRestarts),
      CORE_AGE,
    ],
  ],
  [
    "discovery.k8s.io/EndpointSlice",
    [
      text("AddressType", "What the addresses are: IPv4, IPv6 or FQDN.", ({ addressType }) => textOf(addressType)),
      text("Ports", "The ports of each endpoint.", slicePorts),
      text("Endpoints", "The addresses of the endpoints.", sliceAddresses),
      CORE_AGE,
    ],
  ],
  ["/ConfigMap", [text("Data", "How many values it holds.", configMapCount), CORE_AGE]],
  [
    "/Secret",
    [
      text("Type", "What it is for; tells which values must be there.", ({ type }) => textOf(type)),
      text("Data", "How many values it holds.", ({ data }) => String(countOf(data))),
      CORE_AGE,
    ],
  ],
  [
    "networking.istio.io/ServiceEntry",
    [
      field("Hosts", "The hosts that the entry adds to the mesh.", "spec", "hosts"),
      field("Location", "Whether the service is part of the mesh: MESH_EXTERNAL or MESH_INTERNAL.", "spec", "location"),
      field("Resolution", "How addresses are found for the hosts: NONE, STATIC or DNS.", "spec", "resolution"),
      AGE,
    ],
  ],
  ["networking.istio.io/WorkloadEntry", [AGE, field("Address", "The address of the workload.", "spec", "address")]],
  [
    "networking.istio.io/VirtualService",
    [
      field("Gateways", "The gateways and sidecars that the routes apply to.", "spec", "gateways"),
      field("Hosts", "The hosts that the routes apply to.", "spec", "hosts"),
      AGE,
    ],
  ],
  [
    "networking.istio.io/DestinationRule",
    [field("Host", "The service that the rule applies to.", "spec", "host"), AGE],
  ],
  [
    "security.istio.io/AuthorizationPolicy",
    [field("Action", "What happens to the requests that the policy matches.", "spec", "action"), AGE],
  ],
  [
    "security.istio.io/PeerAuthentication",
    [field("Mode", "Whether callers must show a certificate.", "spec", "mtls", "mode"), AGE],
  ],
]);

/** An Event is known by what happened; its name says nothing. */
const EVENT: readonly Column[] = [
  text("Last Seen", "How long ago it happened last.", ({ lastTimestamp }, now) => age(lastTimestamp, now) ?? UNKNOWN),
  text("Type", "Normal, or Warning where somebody should look.", ({ type }) => textOf(type)),
  text("Reason", "Why it was reported, in one word.", ({ reason }) => textOf(reason)),
  text("Object", "The object that it happened to.", eventObject),
  text("Message", "What happened.", ({ message }) => textOf(message).trim()),
  wide(NAME),
];

/** As upstream's printer columns; what the mesh compiles has a `Status` before its age besides. */
export function columnsOf(info: KindInfo): readonly ColumnDefinition[] {
  return columns(info).map(({ definition }) => definition);
}

/**
 * A list, one object, or the object of a watch event (the only one of `objects`) in the form that `kubectl get` asks for.
 *
 * @see https://kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-tables
 */
export function tableOf(info: KindInfo, objects: readonly KubeObject[], options: TableOptions): Table {
  const { now, version, withColumns, resourceVersion, continue: next } = options;
  const shown = columns(info);
  return {
    kind: "Table",
    apiVersion: `meta.k8s.io/${version}`,
    metadata: {
      ...(resourceVersion !== undefined && { resourceVersion }),
      ...(next !== undefined && { continue: next }),
    },
    columnDefinitions: withColumns ? shown.map(({ definition }) => definition) : null,
    rows: objects.map((object) => ({
      cells: shown.map(({ cell }) => cell(object, now)),
      ...rowObject(object, options),
    })),
  };
}

function rowObject(object: KubeObject, options: TableOptions): Pick<TableRow, "object"> {
  switch (options.includeObject) {
    case "None":
      return {};
    case "Metadata":
      return { object: partialMetadata(object, options.version) };
    case "Object":
      return { object: { ...object, apiVersion: options.apiVersion } };
  }
}

function columns(info: KindInfo): readonly Column[] {
  if (info.group === "" && info.kind === "Event") return EVENT;
  const own = COLUMNS.get(`${info.group}/${info.kind}`) ?? [info.core ? CORE_AGE : AGE];
  if (!isCompiled(info)) return [NAME, ...own];
  const at = own.indexOf(AGE);
  return [NAME, ...own.slice(0, at), CONDITION, ...own.slice(at)];
}

/** A column whose cells are text, of a core kind or made up by us. */
function text(name: string, description: string, cell: Column["cell"]): Column {
  return { definition: { name, type: "string", format: "", description, priority: 0 }, cell };
}

function wide({ definition, cell }: Column): Column {
  return { definition: { ...definition, priority: 1 }, cell };
}

/** A printer column of a custom resource: text as it stands, a list as JSON, nothing where it is absent. */
function field(name: string, description: string, ...path: readonly string[]): Column {
  return text(name, description, (object) => {
    const value = at(object, ...path);
    if (value === undefined || value === null) return null;
    return typeof value === "string" ? value : JSON.stringify(value);
  });
}

/** The value behind `path`; undefined where it leads nowhere. Core kinds keep fields that nobody has checked. */
function at(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (outer, name) =>
      typeof outer === "object" && outer !== null && Object.hasOwn(outer, name)
        ? (outer as Readonly<Record<string, unknown>>)[name]
        : undefined,
    value,
  );
}

function textOf(value: unknown): string {
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function namespacePhase({ status }: KubeObject): Cell {
  return textOf(at(status, "phase"));
}

function serviceType({ spec }: KubeObject): string {
  return textOf(at(spec, "type")) || "ClusterIP";
}

function clusterIp({ spec }: KubeObject): Cell {
  const [first] = listOf(at(spec, "clusterIPs"));
  return textOf(first) || textOf(at(spec, "clusterIP")) || NONE;
}

function externalIp(service: KubeObject): Cell {
  const { spec, status } = service;
  const addresses = listOf(at(spec, "externalIPs")).map(textOf);
  switch (serviceType(service)) {
    case "ExternalName":
      return textOf(at(spec, "externalName")) || NONE;
    case "LoadBalancer": {
      const balancers = listOf(at(status, "loadBalancer", "ingress"));
      const balanced = balancers.map((ingress) => textOf(at(ingress, "ip")) || textOf(at(ingress, "hostname")));
      return [...balanced, ...addresses].join(",") || "<pending>";
    }
    default:
      return addresses.join(",") || NONE;
  }
}

function servicePorts({ spec }: KubeObject): Cell {
  const ports = listOf(at(spec, "ports")).map((port) => {
    const onNode = textOf(at(port, "nodePort"));
    const number = `${textOf(at(port, "port"))}${onNode === "" ? "" : `:${onNode}`}`;
    return `${number}/${textOf(at(port, "protocol")) || "TCP"}`;
  });
  return ports.join(",") || NONE;
}

function serviceSelector({ spec }: KubeObject): Cell {
  const labels = Object.entries(at(spec, "selector") ?? {}).map(([key, value]) => `${key}=${textOf(value)}`);
  return labels.toSorted().join(",") || NONE;
}

function podReady({ spec, status }: KubeObject): Cell {
  const ready = listOf(at(status, "containerStatuses")).filter((container) => at(container, "ready") === true);
  return `${ready.length}/${listOf(at(spec, "containers")).length}`;
}

function podStatus({ metadata, status }: KubeObject): Cell {
  if (textOf(metadata["deletionTimestamp"]) !== "") return "Terminating";
  return textOf(at(status, "reason")) || textOf(at(status, "phase"));
}

function podRestarts({ status }: KubeObject): Cell {
  const counts = listOf(at(status, "containerStatuses")).map((container) => Number(at(container, "restartCount") ?? 0));
  return String(counts.reduce((sum, count) => sum + count, 0));
}

function slicePorts({ ports }: KubeObject): Cell {
  return firstOf(listOf(ports).map((port) => textOf(at(port, "port")) || textOf(at(port, "name")) || "*"));
}

function sliceAddresses({ endpoints }: KubeObject): Cell {
  return firstOf(listOf(endpoints).flatMap((endpoint) => listOf(at(endpoint, "addresses")).map(textOf)));
}

function configMapCount({ data, binaryData }: KubeObject): Cell {
  return String(countOf(data) + countOf(binaryData));
}

function countOf(map: unknown): number {
  return Object.keys(Object(map)).length;
}

function firstOf(values: readonly string[]): string {
  if (values.length === 0) return UNSET;
  const more = values.length > SHOWN ? ` + ${values.length - SHOWN} more...` : "";
  return values.slice(0, SHOWN).join(",") + more;
}

function eventObject({ involvedObject }: KubeObject): Cell {
  const kind = textOf(at(involvedObject, "kind")).toLowerCase();
  const name = textOf(at(involvedObject, "name"));
  return name === "" ? kind : `${kind}/${name}`;
}

/** Null where there is no time. */
function age(time: unknown, now: number): Cell {
  if (textOf(time) === "") return null;
  const then = Date.parse(textOf(time));
  return Number.isNaN(then) ? "<invalid>" : humanDuration(now - then);
}

/**
 * A duration in the two or three figures that matter to people: `119s`, `2m5s`, `179m`, `3h`, `7h59m`, `47h`, `7d23h`, `729d`,
 * `2y1d`, `8y`. Up to two seconds in the future are clocks that differ; more is `<invalid>`.
 *
 * @see duration.HumanDuration in k8s.io/apimachinery: clients of other servers show the same
 */
export function humanDuration(milliseconds: number): string {
  if (milliseconds <= -2 * SECOND) return "<invalid>";
  if (milliseconds < 2 * MINUTE) return inUnits(Math.max(milliseconds, 0), SECOND, "s");
  if (milliseconds < 10 * MINUTE) return inUnits(milliseconds, MINUTE, "m", SECOND, "s");
  if (milliseconds < 3 * HOUR) return inUnits(milliseconds, MINUTE, "m");
  if (milliseconds < 8 * HOUR) return inUnits(milliseconds, HOUR, "h", MINUTE, "m");
  if (milliseconds < 2 * DAY) return inUnits(milliseconds, HOUR, "h");
  if (milliseconds < 8 * DAY) return inUnits(milliseconds, DAY, "d", HOUR, "h");
  if (milliseconds < 2 * YEAR) return inUnits(milliseconds, DAY, "d");
  if (milliseconds < 8 * YEAR) return inUnits(milliseconds, YEAR, "y", DAY, "d");
  return inUnits(milliseconds, YEAR, "y");
}

/** Whole `unit`s, and of what is left whole `smaller`, where there are any. */
function inUnits(milliseconds: number, unit: number, sign: string, smaller = unit, smallerSign = ""): string {
  const rest = Math.floor((milliseconds % unit) / smaller);
  return `${Math.floor(milliseconds / unit)}${sign}${rest === 0 ? "" : `${rest}${smallerSign}`}`;
}
