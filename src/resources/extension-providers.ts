import { z } from "zod";
import { hasStatus, parseFormat, VARIABLES } from "../request/header-format.ts";
import { isSettable } from "../policy/external-authorization.ts";
import { serviceHostProblem } from "./address.ts";
import { duration } from "./duration.ts";
import { later, never, portNumber, REASON, strict, text, uint32 } from "./fields.ts";
import { isHeaderName } from "./header-operations.ts";
import { checkOpenTelemetry, OpenTelemetry } from "./opentelemetry-provider.ts";
import { isProviderService, serviceParts } from "./provider-service.ts";
import { checkFileLog, EnvoyFileAccessLog } from "./log-provider.ts";
import { checkOtelLog, EnvoyOtelAls } from "./otel-log-provider.ts";
import type { Report } from "./report.ts";

/** A body is kept in the isolate until the provider has answered: as much as is kept of one that may be sent twice. */
const MAX_BODY_BYTES = 65_536;
const LOWEST_ERROR = 400;
const HIGHEST_ERROR = 599;

/** Istio's documents write numbers of these fields as text, too. */
function orText(schema: z.ZodInt, rule: string): z.ZodUnion<[z.ZodInt, z.ZodString]> {
  const isMeant = (value: string): boolean => /^\d{1,9}$/.test(value) && schema.safeParse(Number(value)).success;
  return z.union([schema, z.string().refine(isMeant)], { error: `must be ${rule}` });
}

const names = z.array(
  text(
    (name) => name !== "*" && isHeaderName(name.replace(/^\*|\*$/, "")),
    "a header name, or its beginning with `*` behind it, or its end with `*` before it; `*` alone is none",
  ),
);

const EnvoyExtAuthzHttp = strict({
  service: text(
    isProviderService,
    "a host name of a service, `authz.shop.svc.cluster.local`, or `namespace/` and a host name",
  ),
  port: orText(portNumber, "a port, from 1 to 65535"),
  timeout: duration.exactOptional(),
  pathPrefix: text(
    (path) => /^\/[\w\-.~!$&'()*+,;=:@/]*$/.test(path) && !/(^|\/)\.{1,2}(\/|$)/.test(path) && path.length <= 1_024,
    "a path that begins with `/`, without escapes, dot segments and query",
  ).exactOptional(),
  failOpen: z.boolean().exactOptional(),
  statusOnError: orText(
    z.int().min(LOWEST_ERROR).max(HIGHEST_ERROR),
    "a status of an error, from 400 to 599",
  ).exactOptional(),
  includeRequestHeadersInCheck: names.exactOptional(),
  includeHeadersInCheck: names.exactOptional(),
  includeAdditionalHeadersInCheck: z.record(text(isHeaderName, "a header name"), z.string()).exactOptional(),
  includeRequestBodyInCheck: strict({
    maxRequestBytes: uint32,
    allowPartialMessage: z
      .literal(false, { error: later("a body that is longer than `maxRequestBytes` is 413; leave it out") })
      .exactOptional(),
    packAsBytes: z.boolean().exactOptional(),
  }).exactOptional(),
  headersToUpstreamOnAllow: names.exactOptional(),
  headersToDownstreamOnDeny: names.exactOptional(),
  headersToDownstreamOnAllow: names.exactOptional(),
  clearRouteCache: z
    .literal(true, {
      error: never("the route is chosen after a Gateway's check, by the headers that it sets; leave it out"),
    })
    .exactOptional(),
});

const TRACES = later("spans go by OTLP over HTTP: use `opentelemetry`, which collectors of all kinds take");
const LOGS = later("use `envoyOtelAls`, which is sent by OTLP over HTTP, or `envoyFileAccessLog`, the platform's log");

export const ExtensionProvider = strict(
  {
    name: text((name) => name !== "" && name.length <= 253, "a name of at most 253 characters"),
    envoyExtAuthzHttp: EnvoyExtAuthzHttp.exactOptional(),
    opentelemetry: OpenTelemetry.exactOptional(),
    envoyFileAccessLog: EnvoyFileAccessLog.exactOptional(),
    envoyOtelAls: EnvoyOtelAls.exactOptional(),
    prometheus: strict({}).exactOptional(),
  },
  {
    envoyExtAuthzGrpc: `${never(REASON.grpc)}; use \`envoyExtAuthzHttp\``,
    zipkin: later(
      "spans go by OTLP over HTTP: use `opentelemetry` with a collector that passes them on to Zipkin; for its headers there is `tracing.b3`",
    ),
    lightstep: TRACES,
    datadog: TRACES,
    stackdriver: TRACES,
    opencensus: TRACES,
    skywalking: TRACES,
    envoyHttpAls: LOGS,
    envoyTcpAls: LOGS,
    sds: never(REASON.files),
  },
);

export type ExtensionProviderSpec = z.infer<typeof ExtensionProvider>;
type HttpSpec = NonNullable<ExtensionProviderSpec["envoyExtAuthzHttp"]>;

export function checkProviders(providers: readonly ExtensionProviderSpec[], report: Report): void {
  const seen = new Set<string>();
  for (const [index, { name, ...kinds }] of providers.entries()) {
    const place = report.at(index);
    if (seen.has(name)) place.at("name").error(`\`${name}\` is there twice`, "FieldValueDuplicate");
    seen.add(name);
    if (Object.keys(kinds).length !== 1)
      place.error(
        "say one thing that it is: `envoyExtAuthzHttp`, `opentelemetry`, `envoyFileAccessLog`, `envoyOtelAls` or `prometheus`",
        "FieldValueRequired",
      );
    const { envoyExtAuthzHttp, opentelemetry, envoyFileAccessLog, envoyOtelAls } = kinds;
    if (envoyExtAuthzHttp !== undefined) checkHttp(envoyExtAuthzHttp, place.at("envoyExtAuthzHttp"));
    if (opentelemetry !== undefined) checkOpenTelemetry(opentelemetry, place.at("opentelemetry"));
    if (envoyFileAccessLog !== undefined) checkFileLog(envoyFileAccessLog, place.at("envoyFileAccessLog"));
    if (envoyOtelAls !== undefined) checkOtelLog(envoyOtelAls, place.at("envoyOtelAls"));
  }
}

function checkHttp(spec: HttpSpec, report: Report): void {
  // R20: an address or a metadata service is no service of the mesh, whatever a ServiceEntry says.
  const problem = serviceHostProblem(serviceParts(spec.service).host);
  if (problem !== null) report.at("service").error(problem);
  if (spec.timeout === undefined)
    report.warn("without `timeout` a provider that hangs holds each request for 600 s, as in Istio");
  if (spec.failOpen === true)
    report.at("failOpen").warn("whatever its policies match passes unasked while it is away", "TULLE0603");
  const body = spec.includeRequestBodyInCheck;
  const bytes = report.at("includeRequestBodyInCheck", "maxRequestBytes");
  if (body !== undefined && (body.maxRequestBytes === 0 || body.maxRequestBytes > MAX_BODY_BYTES))
    bytes.error(`must be from 1 to ${MAX_BODY_BYTES}: an isolate keeps no more of a body`);
  if (spec.includeHeadersInCheck !== undefined)
    report
      .at("includeHeadersInCheck")
      .warn(
        spec.includeRequestHeadersInCheck === undefined
          ? "the old name of `includeRequestHeadersInCheck`"
          : "`includeRequestHeadersInCheck` stands in its place",
        "TULLE0004",
      );
  for (const [index, name] of (spec.headersToUpstreamOnAllow ?? []).entries())
    if (!name.includes("*") && !isSettable(name.toLowerCase()))
      report
        .at("headersToUpstreamOnAllow", index)
        .error(`\`${name}\`: ${never("the mesh or the platform alone sets it")}`);
  for (const [name, value] of Object.entries(spec.includeAdditionalHeadersInCheck ?? {}))
    checkAdded(name, value, report.at("includeAdditionalHeadersInCheck", name));
}

/** What frames the question is the platform's. */
const FRAMING = new Set(["host", "content-length", "transfer-encoding", "connection", "upgrade", "keep-alive", "te"]);

function checkAdded(name: string, value: string, report: Report): void {
  if (FRAMING.has(name.toLowerCase())) report.error(never("the platform writes the headers that frame a message"));
  if (/[^\t\x20-\x7e\x80-\uffff]/.test(value)) return report.error("must not hold control characters");
  const format = parseFormat(value);
  if (!format.ok)
    report.error(
      format.error.code === "lone_percent"
        ? "a lone `%` is invalid; write `%%` for a percent sign"
        : `\`${format.error.variable}\`: ${later(`${VARIABLES.join(", ")} work`)}`,
    );
  else if (hasStatus(format.value)) report.error("`%RESPONSE_CODE%`: a request has no status yet");
}
