import { later, never } from "./fields.ts";

/** Types of CEL as its checker writes them. */
type AttributeType = "string" | "int" | "bool" | "map<string, string>" | "google.protobuf.Duration";

/** What an expression may name, as Envoy calls it, with its type. `src/telemetry/attributes.ts` says what each is worth. */
export const ATTRIBUTE_TYPES: Readonly<Record<string, Readonly<Record<string, AttributeType>>>> = {
  request: {
    path: "string",
    url_path: "string",
    query: "string",
    host: "string",
    scheme: "string",
    method: "string",
    headers: "map<string, string>",
    referer: "string",
    useragent: "string",
    id: "string",
    size: "int",
    duration: "google.protobuf.Duration",
  },
  response: {
    code: "int",
    code_details: "string",
    flags: "int",
    grpc_status: "int",
    headers: "map<string, string>",
    size: "int",
    backend_latency: "google.protobuf.Duration",
  },
  source: { address: "string" },
  destination: { port: "int" },
  connection: { mtls: "bool", uri_san_peer_certificate: "string" },
  upstream: { address: "string", request_attempt_count: "int" },
  xds: { cluster_name: "string", route_name: "string" },
};

/** Of one root, by its fields. */
interface Schema {
  readonly [field: string]: AttributeType | Schema;
}

/** What an expression of a limit may name: what is known of a request before it is sent. `src/limits/link.ts` says what each is worth. */
export const LIMIT_TYPES: Readonly<Record<string, Schema>> = {
  request: {
    url_path: "string",
    host: "string",
    scheme: "string",
    method: "string",
    headers: "map<string, string>",
    useragent: "string",
    auth: {
      principal: "string",
      claims: "map<string, string>",
      key: { id: "string", name: "string", plan: "string", labels: "map<string, string>" },
    },
  },
  source: { address: "string", principal: "string", namespace: "string" },
  destination: { port: "int" },
  xds: { route_name: "string" },
};

/** And what one may name that says what an answer costs. */
export const ANSWER_TYPES: Readonly<Record<string, Schema>> = {
  ...LIMIT_TYPES,
  response: { code: "int", size: "int", headers: "map<string, string>" },
};

const OF_LIMITS: ReadonlySet<string> = new Set(
  Object.entries(LIMIT_TYPES).flatMap(([root, fields]) => Object.keys(fields).map((field) => `${root}.${field}`)),
);

/** @param path in its parts @param types `LIMIT_TYPES`, or `ANSWER_TYPES` */
export function isLimitAttribute(path: readonly string[], types: typeof LIMIT_TYPES): boolean {
  const [root = "", field = "", ...more] = path;
  if (root === "response" && types === ANSWER_TYPES)
    return Object.hasOwn(ANSWER_TYPES["response"] ?? {}, field) && more.length <= (field === "headers" ? 1 : 0);
  if (!OF_LIMITS.has(`${root}.${field}`)) return false;
  if (field === "auth") return isOfAuth(more);
  return field === "headers" || more.length === 0;
}

function isOfAuth([of = "", name = "", ...more]: readonly string[]): boolean {
  if (of === "principal") return name === "";
  if (of === "claims") return name !== "" && more.length === 0;
  return of === "key" && (name === "labels" ? more.length === 1 : OF_KEY.has(name) && more.length === 0);
}

const OF_KEY: ReadonlySet<string> = new Set(["id", "name", "plan"]);

/** @param name as it is written */
export function unknownToLimits(name: string): string {
  if (name === "request.path" || name === "request.query")
    return `\`${name}\`: clients make as many as they like of what stands in a query; use \`request.url_path\``;
  if (name.startsWith("response."))
    return `\`${name.slice(0, 100)}\`: an answer is not there yet; \`cost.answer\` alone may name \`response.code\`, \`response.size\` and \`response.headers\``;
  const all = [...OF_LIMITS].map((one) =>
    one === "request.auth"
      ? 'request.auth.principal, request.auth.claims["x"], request.auth.key.id, request.auth.key.name, request.auth.key.plan, request.auth.key.labels["x"]'
      : one,
  );
  return `\`${name.slice(0, 100)}\` is nothing that a limit can count by; there are ${all.join(", ")}`;
}

/** No label tells them: they hold values of the query, or what a call's other side concluded, and its callers see the label. */
export const UNTOLD_ATTRIBUTES: ReadonlyMap<string, string> = new Map([
  ["request.path", "it holds the query's values, which nothing outside of a decision tells; use `request.url_path`"],
  ["request.query", "it holds the query's values, which nothing outside of a decision tells"],
  ["request.referer", "it may hold the query's values of another page, which nothing tells"],
  ["response.code_details", "callers would see it; `tulle_route_requests_total` has it as `details`"],
  ["xds.route_name", "callers would see it; `tulle_route_requests_total` has it as `route`"],
]);

const TLS = never("the platform ends TLS before a Worker runs, and tells nothing else of it");
const SOCKET = never("no address or port of the mesh's own side is known; a Worker has no sockets");
const BYTES = never("the platform writes headers and framing, whose bytes are not seen; use `size`");
const ENVOY = never("it is state of Envoy's filters, and there is no Envoy");

/** Attributes that Envoy knows and that cannot be known here, by their beginning. */
const REFUSED: readonly (readonly [prefix: string, why: string])[] = [
  ["request.time", later("compare `request.duration`")],
  ["request.protocol", never("HTTP's version is between the client and the platform")],
  ["request.total_size", BYTES],
  ["response.total_size", BYTES],
  ["response.trailers", never("HTTP/2 trailers do not exist on this runtime")],
  ["source.port", SOCKET],
  ["destination.address", SOCKET],
  ["connection.", TLS],
  ["upstream.", never("the platform makes the connections to services")],
  ["xds.", ENVOY],
  ["filter_state", ENVOY],
  ["upstream_filter_state", ENVOY],
  ["metadata", ENVOY],
  ["upstream_peer", ENVOY],
  ["downstream_peer", ENVOY],
  ["node", ENVOY],
  ["plugin_name", ENVOY],
  ["plugin_root_id", ENVOY],
  ["plugin_vm_id", ENVOY],
  ["listener_direction", ENVOY],
  ["listener_metadata", ENVOY],
  ["route_name", later("write `xds.route_name`")],
  ["cluster_name", later("write `xds.cluster_name`")],
];

/** @param name with its parts, by `.` @returns why it cannot be known; null: nobody has heard of it */
export function whyRefused(name: string): string | null {
  const found = REFUSED.find(
    ([prefix]) => name === prefix || name.startsWith(prefix.endsWith(".") ? prefix : `${prefix}.`),
  );
  return found?.[1] ?? null;
}
