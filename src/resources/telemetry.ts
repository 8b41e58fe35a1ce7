import { z } from "zod";
import { isSecretHeader, LINK_HEADERS } from "../match/secret-test.ts";
import { askedBy, compileExpression, describeExpressionError } from "./cel.ts";
import { duration } from "./duration.ts";
import { choice, never, strict, text, tuning } from "./fields.ts";
import { isHeaderName } from "./header-operations.ts";
import { checkFormat } from "./log-provider.ts";
import type { Report } from "./report.ts";
import { checkScope, scopeFields } from "./target-refs.ts";

const mode = choice(["CLIENT_AND_SERVER", "CLIENT", "SERVER"]);
const providers = z.array(
  strict({ name: text((name) => name !== "" && name.length <= 253, "a name of at most 253 characters") }),
);
const expression = z.string().min(1);
const tagValue = text((value) => value.length <= 1_024, "a text of at most 1024 characters");

const NO_ENVIRONMENT = never("a Worker has no environment of the proxy's; write the value as `literal`");

const CustomTag = strict(
  {
    literal: strict({
      value: text((value) => value !== "" && value.length <= 1_024, "a text of 1 to 1024 characters"),
    }).exactOptional(),
    header: strict({
      name: text(isHeaderName, "a header name"),
      defaultValue: tagValue.exactOptional(),
    }).exactOptional(),
    formatter: strict({
      value: text((value) => value !== "" && value.length <= 1_024, "a text of 1 to 1024 characters"),
    }).exactOptional(),
  },
  { environment: NO_ENVIRONMENT },
);

/** More would make each span larger than what it tells. */
const MAX_TAGS = 32;

const Tracing = strict({
  match: strict({ mode: mode.exactOptional() }).exactOptional(),
  providers: providers.exactOptional(),
  randomSamplingPercentage: z.number().min(0).max(100).exactOptional(),
  disableSpanReporting: z.boolean().exactOptional(),
  disableContextPropagation: z.boolean().exactOptional(),
  customTags: z
    .record(
      text((name) => name !== "" && name.length <= 128, "a name of at most 128 characters"),
      CustomTag,
    )
    .refine((tags) => Object.keys(tags).length <= MAX_TAGS, { error: `must not have more than ${MAX_TAGS} members` })
    .exactOptional(),
  useRequestIdForTraceSampling: tuning(
    z.boolean(),
    "the decision travels in `traceparent` and never in `x-request-id`",
    false,
  ),
  enableIstioTags: z.boolean().exactOptional(),
});

/** Istio's metrics as an object names them: those of HTTP, and those of connections, which this mesh has none of. */
const HTTP_METRICS = [
  "REQUEST_COUNT",
  "REQUEST_DURATION",
  "REQUEST_SIZE",
  "RESPONSE_SIZE",
  "GRPC_REQUEST_MESSAGES",
  "GRPC_RESPONSE_MESSAGES",
] as const;
const TCP_METRICS = [
  "TCP_OPENED_CONNECTIONS",
  "TCP_CLOSED_CONNECTIONS",
  "TCP_SENT_BYTES",
  "TCP_RECEIVED_BYTES",
] as const;

const MetricMatch = strict({
  metric: choice(["ALL_METRICS", ...HTTP_METRICS, ...TCP_METRICS]).exactOptional(),
  customMetric: z.string().min(1).exactOptional(),
  mode: mode.exactOptional(),
});

/** Each is a label more of each series. */
const MAX_TAG_OVERRIDES = 32;

const MetricOverrides = strict({
  match: MetricMatch.exactOptional(),
  disabled: z.boolean().exactOptional(),
  tagOverrides: z
    .record(
      z.string(),
      strict({ operation: choice(["UPSERT", "REMOVE"]).exactOptional(), value: z.string().exactOptional() }),
    )
    .refine((tags) => Object.keys(tags).length <= MAX_TAG_OVERRIDES, {
      error: `must not have more than ${MAX_TAG_OVERRIDES} members`,
    })
    .exactOptional(),
});

const Metrics = strict({
  providers: providers.exactOptional(),
  overrides: z.array(MetricOverrides).exactOptional(),
  reportingInterval: tuning(duration, "it is about TCP, and no TCP comes through this mesh"),
});

const AccessLogging = strict({
  match: strict({ mode: mode.exactOptional() }).exactOptional(),
  providers: providers.exactOptional(),
  disabled: z.boolean().exactOptional(),
  filter: strict({ expression }).exactOptional(),
});

export const Telemetry = strict({
  ...scopeFields,
  tracing: z.array(Tracing).exactOptional(),
  metrics: z.array(Metrics).exactOptional(),
  accessLogging: z.array(AccessLogging).exactOptional(),
});

export type TelemetrySpec = z.infer<typeof Telemetry>;
export type TracingSpec = z.infer<typeof Tracing>;
export type MetricsSpec = z.infer<typeof Metrics>;
export type AccessLoggingSpec = z.infer<typeof AccessLogging>;
type MetricOverridesSpec = z.infer<typeof MetricOverrides>;

export function checkTelemetry(spec: TelemetrySpec, report: Report): void {
  checkScope(spec, report);
  checkTracing(spec.tracing ?? [], report.at("tracing"));
  for (const [index, metrics] of (spec.metrics ?? []).entries()) {
    const place = report.at("metrics", index, "overrides");
    for (const [at, override] of (metrics.overrides ?? []).entries()) checkOverride(override, place.at(at));
  }
  for (const [index, { filter }] of (spec.accessLogging ?? []).entries())
    if (filter !== undefined) checkFilter(filter.expression, report.at("accessLogging", index, "filter", "expression"));
}

function checkTracing(tracing: readonly TracingSpec[], report: Report): void {
  const modes = tracing.map(({ match }) => match?.mode ?? "CLIENT_AND_SERVER");
  if (new Set(modes).size < modes.length)
    report.warn("multiple tracing entries for one mode: each later one stands over those before it");
  for (const [index, { providers: named = [], customTags = {} }] of tracing.entries()) {
    const place = report.at(index);
    if (named.length > 1) place.at("providers").warn("multiple providers: spans go to the first alone, as in Istio");
    for (const [name, tag] of Object.entries(customTags)) checkCustomTag(tag, place.at("customTags", name));
  }
}

function checkCustomTag(tag: z.infer<typeof CustomTag>, report: Report): void {
  const { header, formatter } = tag;
  if (Object.keys(tag).length !== 1)
    report.error("set one of `literal`, `header` and `formatter`", "FieldValueRequired");
  if (formatter !== undefined) checkFormat(formatter.value, report.at("formatter", "value"));
  if (header !== undefined && isSecretHeader(header.name.toLowerCase(), NO_PLACES))
    report.at("header", "name").error(`\`${header.name}\` may hold a secret, which no span tells`);
  if (header !== undefined && LINK_HEADERS.has(header.name.toLowerCase()))
    report.at("header", "name").error(`\`${header.name}\` may hold values of a query, which no span tells`);
}

const NO_PLACES: ReadonlySet<string> = new Set();

function checkOverride({ match, tagOverrides = {} }: MetricOverridesSpec, report: Report): void {
  if (match?.metric !== undefined && match.customMetric !== undefined)
    report.at("match").error("set one of `metric` and `customMetric`");
  if (match?.metric?.startsWith("TCP_") === true)
    report.at("match", "metric").warn("no TCP comes through this mesh: nothing is counted under it", "TULLE0003");
  if (match?.customMetric !== undefined && !CUSTOM_NAMES.has(match.customMetric.replace(/^istio_/, "")))
    report
      .at("match", "customMetric")
      .error(
        `no metric of this name can be changed; there are ${[...CUSTOM_NAMES.keys()].map((name) => `\`${name}\``).join(", ")}`,
        "FieldValueNotSupported",
      );
  const labels = new Set<string>();
  for (const [name, { operation = "UPSERT", value = "" }] of Object.entries(tagOverrides)) {
    const place = report.at("tagOverrides", name);
    const label = labelName(name);
    if (labels.has(label)) {
      place.error(`another override is of the label \`${label}\`, too: write one of them`, "FieldValueDuplicate");
      continue;
    }
    labels.add(label);
    if (!/^[a-zA-Z_]\w{0,127}$/.test(label) || label.startsWith("__") || FIXED_LABELS.has(label))
      place.error("this label cannot be changed");
    else if (operation === "UPSERT" && SEEN_BY.has(label))
      place.error("this label says whose calls they are, and so who may see them; give another one a name of its own");
    else if (label !== name) place.warn(`the label's name is \`${label}\`: Prometheus takes letters, digits and \`_\``);
    if (operation === "REMOVE" && value !== "")
      place.at("value").error("value must not be set when operation is REMOVE");
    if (operation === "UPSERT" && value === "")
      place.at("value").error("value must be set when operation is UPSERT", "FieldValueRequired");
    if (operation === "UPSERT" && value !== "") checkLabelValue(label, value, place.at("value"));
  }
}

/** `reporter` tells the two sides of a call apart, `le` the buckets of a histogram. */
const FIXED_LABELS = new Set(["reporter", "le"]);

/** A namespace's token sees series by these. */
const SEEN_BY = new Set([
  "source_principal",
  "source_workload_namespace",
  "destination_principal",
  "destination_workload",
  "destination_workload_namespace",
  "destination_service",
  "destination_service_namespace",
]);

/** Those of Istio's labels that may be changed: a series is known as a Telemetry's by its others. */
const STANDARD_LABELS: ReadonlySet<string> = new Set([
  "source_workload",
  "source_app",
  "source_version",
  "source_canonical_service",
  "source_canonical_revision",
  "source_cluster",
  "destination_app",
  "destination_version",
  "destination_service_name",
  "destination_canonical_service",
  "destination_canonical_revision",
  "destination_cluster",
  "request_protocol",
  "response_code",
  "response_flags",
  "connection_security_policy",
  "grpc_response_status",
]);

/** Attributes of which clients or services make as many values as they like; of the others there are few. */
const FREE_ATTRIBUTES: ReadonlySet<string> = new Set([
  "request.path",
  "request.url_path",
  "request.query",
  "request.host",
  "request.headers",
  "request.referer",
  "request.useragent",
  "request.id",
  "request.size",
  "request.duration",
  "response.grpc_status",
  "response.headers",
  "response.size",
  "response.backend_latency",
  "source.address",
]);

/** A label's name as Prometheus takes it. */
export function labelName(name: string): string {
  return name.replaceAll(/[^a-zA-Z0-9_]/g, "_");
}

/** Metrics by the names that Istio's filter knows them by. */
const CUSTOM_NAMES: ReadonlyMap<string, (typeof HTTP_METRICS)[number]> = new Map([
  ["requests_total", "REQUEST_COUNT"],
  ["request_duration_milliseconds", "REQUEST_DURATION"],
  ["request_bytes", "REQUEST_SIZE"],
  ["response_bytes", "RESPONSE_SIZE"],
  ["request_messages_total", "GRPC_REQUEST_MESSAGES"],
  ["response_messages_total", "GRPC_RESPONSE_MESSAGES"],
]);

/** Whose labels an override changes. */
export function metricsOf(match: MetricOverridesSpec["match"]): readonly (typeof HTTP_METRICS)[number][] {
  if (match?.customMetric !== undefined)
    return [CUSTOM_NAMES.get(match.customMetric.replace(/^istio_/, "")) ?? []].flat();
  const { metric = "ALL_METRICS" } = match ?? {};
  return metric === "ALL_METRICS" ? HTTP_METRICS : HTTP_METRICS.filter((one) => one === metric);
}

function checkFilter(source: string, report: Report): void {
  const compiled = compileExpression(source, "filter");
  if (!compiled.ok) report.error(describeExpressionError(compiled.error));
}

function checkLabelValue(label: string, source: string, report: Report): void {
  const compiled = compileExpression(source, "label");
  if (!compiled.ok) return report.error(describeExpressionError(compiled.error));
  const { tree, unknown } = compiled.value;
  const free = STANDARD_LABELS.has(label) ? askedBy(tree).find((name) => FREE_ATTRIBUTES.has(name)) : undefined;
  if (free !== undefined)
    report.error(
      `\`${free}\` is whatever a call says, and \`${label}\` is one of Istio's own labels; give it a label with a name of its own`,
    );
  for (const name of unknown)
    report.warn(`\`${name}\` is no attribute that there is: the label reads \`unknown\` where it is asked for`);
}
