import { z } from "zod";
import { credentialName } from "./client-tls.ts";
import { checkTrafficPolicy, TrafficPolicy } from "./destination-rule.ts";
import { duration, parseDuration } from "./duration.ts";
import { choice, later, list, never, REASON, strict, text } from "./fields.ts";
import { locality } from "./locality.ts";
import { checkLocalityLb, LocalityLb } from "./locality-lb.ts";
import { isDnsLabel, isHostName, namespaceName } from "./names.ts";
import { egressHostProblem, privateRangeProblem, fetchedUrlProblem } from "./address.ts";
import { checkVisibility, visibilityFields } from "./mesh-visibility.ts";
import { checkDefaultProviders, DefaultProviders } from "./default-providers.ts";
import { checkProviders, ExtensionProvider } from "./extension-providers.ts";
import type { Context } from "./kind.ts";
import { accessLogFields, checkAccessLog } from "./log-provider.ts";
import { warnOfEmptyPolicy } from "./outbound-traffic.ts";
import type { Report } from "./report.ts";
import { checkRetries, Retries } from "./retries.ts";
import { checkSignIn, SignIn } from "./sign-in.ts";
import { checkTracing, ProxyTracing, Tracing } from "./tracing.ts";

const escapedSlashes = choice(["REFUSE", "KEEP", "DECODE"]);
const pathParameters = choice(["CUT", "REFUSE"]);

/** One of `modes` for all hosts, and for some of them. */
function byHost<M extends z.ZodType>(mode: M) {
  const host = text(
    (name) => isHostName(name.startsWith("*.") ? name.slice(2) : name),
    "a host name, or `*.` and a host name",
  );
  return strict({ default: mode.exactOptional(), hosts: list(strict({ host, mode })).exactOptional() });
}

/** Twice the time in which a root is signed anew. */
const MIN_REVOCATION_AGE_MS = 600_000;

const CONTINENTS = new Set(["AF", "AN", "AS", "EU", "NA", "OC", "SA"]);
const NO_PROXY = never("there is no sidecar process to configure");

/** Of Istio's settings of proxies those of the way in. */
const DefaultConfig = strict(
  {
    gatewayTopology: strict(
      { numTrustedProxies: z.int().min(0).max(100).exactOptional() },
      {
        forwardClientCertDetails: later("the header is always set by the gateway"),
        proxyProtocol: never(REASON.framing),
      },
    ).exactOptional(),
    tracing: ProxyTracing.exactOptional(),
  },
  {
    binaryPath: NO_PROXY,
    concurrency: NO_PROXY,
    discoveryAddress: NO_PROXY,
    drainDuration: NO_PROXY,
    holdApplicationUntilProxyStarts: NO_PROXY,
    image: NO_PROXY,
    proxyMetadata: NO_PROXY,
    proxyStatsMatcher: NO_PROXY,
    readinessProbe: NO_PROXY,
  },
);

const trustDomainName = text(
  (value) => value.length <= 255 && /^[a-z0-9._-]+$/.test(value),
  "a trust domain: lower case, digits, `.`, `-` and `_`",
);

/** Each is a value more for each principal that policies name. */
/** Each is fetched now and then, and stands in every root. */
const MAX_FEDERATED = 50;
const MAX_ALIASES = 16;

export const MeshConfig = strict(
  {
    trustDomain: trustDomainName.exactOptional(),
    federation: z
      .array(
        strict({
          trustDomain: trustDomainName,
          bundleEndpointURL: z.string(),
          profile: choice(["https_web"], {
            https_spiffe: never(
              "a Worker's fetch judges servers by the public authorities alone; have the other side serve its bundle with a public certificate",
            ),
          }).exactOptional(),
        }),
      )
      .max(MAX_FEDERATED)
      .exactOptional(),
    trustDomainAliases: z.array(trustDomainName).max(MAX_ALIASES).exactOptional(),
    defaultDeny: z.boolean().exactOptional(),
    rootNamespace: namespaceName.exactOptional(),
    pathNormalization: strict({
      /** Istio's `DEFAULT` is `BASE`. */
      normalization: choice(["DEFAULT", "BASE", "MERGE_SLASHES", "DECODE_AND_MERGE_SLASHES"], {
        NONE: never("the path reaches a Worker with its dot segments already resolved"),
      }).exactOptional(),
    }).exactOptional(),
    escapedSlashes: byHost(escapedSlashes).exactOptional(),
    pathParameters: byHost(pathParameters).exactOptional(),
    defaultTrafficPolicy: TrafficPolicy.exactOptional(),
    alwaysEjectOneEndpoint: z.boolean().exactOptional(),
    defaultHttpRetryPolicy: Retries.exactOptional(),
    egress: strict({ allowedHosts: z.array(z.string()).exactOptional() }).exactOptional(),
    privateRanges: z
      .array(
        strict({
          range: z.string(),
          namespaces: list(text((name) => name === "*" || isDnsLabel(name), "the name of a namespace, or `*`")),
        }),
      )
      .exactOptional(),
    credentials: z
      .array(
        strict({
          name: credentialName,
          namespaces: list(text((name) => name === "*" || isDnsLabel(name), "the name of a namespace, or `*`")),
        }),
      )
      .exactOptional(),
    enableAutoMtls: z
      .literal(true, { error: never("calls between workloads always carry their identities; leave it out") })
      .exactOptional(),
    localityLbSetting: LocalityLb.exactOptional(),
    localities: list(
      strict({
        colo: text((code) => /^[A-Z]{3}$/.test(code), "the three letters of a location, such as `AMS`").exactOptional(),
        country: text((code) => /^[A-Z]{2}$/.test(code), "the two letters of a country, such as `NL`").exactOptional(),
        continent: text((code) => CONTINENTS.has(code), `one of ${[...CONTINENTS].join(", ")}`).exactOptional(),
        locality,
      }),
    ).exactOptional(),
    defaultConfig: DefaultConfig.exactOptional(),
    mode: choice(["Enforce", "Observe"]).exactOptional(),
    extensionProviders: z.array(ExtensionProvider).exactOptional(),
    defaultProviders: DefaultProviders.exactOptional(),
    tracing: Tracing.exactOptional(),
    ...accessLogFields,
    signIn: SignIn.exactOptional(),
    snapshot: strict({ maxAge: duration.exactOptional() }).exactOptional(),
    revocation: strict({ maxAge: duration.exactOptional() }).exactOptional(),
    ...visibilityFields,
    outboundTrafficPolicy: strict(
      { mode: choice(["REGISTRY_ONLY", "ALLOW_ANY", "ALLOW_ANY_DYNAMIC_DNS"]).exactOptional() },
      { tls: never("public hosts are called by HTTPS, which the platform does and checks") },
    ).exactOptional(),
  },
  {
    zoneAwareLbSetting: never(REASON.zones),
    meshMTLS: never(REASON.framing),
    tlsDefaults: never(REASON.framing),
  },
);

/**
 * Defaults: `cluster.local`, `istio-system`, MERGE_SLASHES, REFUSE, one endpoint may always be ejected, no host and no
 * range allowed, no `maxAge`. A `range` is a CIDR, or a name that stands for itself and all names below it.
 * An allowed host is a name, or `*.` and a name.
 */
export type MeshConfigSpec = z.infer<typeof MeshConfig>;

export function checkMeshConfig(spec: MeshConfigSpec, report: Report, context: Context): void {
  if (context.metadata.name !== "default")
    context.object.at("metadata", "name").error("a mesh has one MeshConfig; name it `default`");
  checkVisibility(spec, report);
  warnOfEmptyPolicy(spec, report);
  checkAliases(spec, report.at("trustDomainAliases"));
  checkProviders(spec.extensionProviders ?? [], report.at("extensionProviders"));
  checkTracing(spec, report);
  checkDefaultProviders(spec.defaultProviders ?? {}, spec.extensionProviders ?? [], report.at("defaultProviders"));
  checkAccessLog(spec, report);
  checkFederation(spec, report.at("federation"), context.local);
  checkTrafficPolicy(spec.defaultTrafficPolicy, "", report.at("defaultTrafficPolicy"));
  checkRetries(spec.defaultHttpRetryPolicy, report.at("defaultHttpRetryPolicy"));
  for (const field of ["escapedSlashes", "pathParameters"] as const)
    checkHosts(spec[field]?.hosts ?? [], report.at(field, "hosts"));
  if (spec.localityLbSetting !== undefined)
    checkLocalityLb(spec.localityLbSetting, true, report.at("localityLbSetting"));
  const maxAge = spec.revocation?.maxAge;
  if (maxAge !== undefined && (parseDuration(maxAge) ?? 0) < MIN_REVOCATION_AGE_MS)
    report
      .at("revocation", "maxAge")
      .error(
        "at least `10m`: control signs what gateways know anew every 5 minutes, and a shorter one would close in between",
      );
  checkSignIn(spec.signIn ?? [], report.at("signIn"), context.local);
  checkLocalities(spec.localities ?? [], report.at("localities"));
  for (const [index, host] of (spec.egress?.allowedHosts ?? []).entries()) {
    const problem = egressHostProblem(host, context.local);
    if (problem !== null) report.at("egress", "allowedHosts", index).error(problem);
  }
  for (const [index, { range }] of (spec.privateRanges ?? []).entries()) {
    const problem = privateRangeProblem(range, context.local);
    if (problem !== null) report.at("privateRanges", index, "range").error(problem);
  }
}

function checkFederation(
  { trustDomainAliases = [], federation = [] }: MeshConfigSpec,
  report: Report,
  local: boolean,
): void {
  const names = federation.map(({ trustDomain }) => trustDomain);
  for (const [index, { trustDomain, bundleEndpointURL }] of federation.entries()) {
    const place = report.at(index);
    if (names.indexOf(trustDomain) < index)
      place.at("trustDomain").error(`\`${trustDomain}\` is there twice`, "FieldValueDuplicate");
    // Its authority could speak for the mesh's own workloads.
    if (trustDomainAliases.includes(trustDomain))
      place.at("trustDomain").error(`\`${trustDomain}\` is an alias of the mesh's own trust domain`);
    const problem = fetchedUrlProblem(bundleEndpointURL, local);
    if (problem !== null) place.at("bundleEndpointURL").error(problem);
  }
}

function checkAliases({ trustDomain, trustDomainAliases = [] }: MeshConfigSpec, report: Report): void {
  for (const [index, alias] of trustDomainAliases.entries())
    if (alias === trustDomain || trustDomainAliases.indexOf(alias) < index)
      report.at(index).error(`\`${alias}\` is there twice`, "FieldValueDuplicate");
}

function checkHosts(hosts: readonly { readonly host: string }[], report: Report): void {
  const seen = new Set<string>();
  for (const [index, { host }] of hosts.entries()) {
    if (seen.has(host.toLowerCase()))
      report.at(index, "host").error(`\`${host}\` is there twice`, "FieldValueDuplicate");
    seen.add(host.toLowerCase());
  }
}

/** Each says one place, and each place once: the first would hide the others. */
function checkLocalities(localities: NonNullable<MeshConfigSpec["localities"]>, report: Report): void {
  const places = new Set<string>();
  for (const [index, { colo, country, continent }] of localities.entries()) {
    const named = [colo, country, continent].filter((name) => name !== undefined);
    const [place] = named;
    if (named.length !== 1 || place === undefined)
      report.at(index).error("say one of `colo`, `country` and `continent`", "FieldValueRequired");
    else {
      // A country and a continent may have the same letters.
      const key = `${colo === undefined ? "" : "colo"} ${country === undefined ? "" : "country"} ${place}`;
      if (places.has(key)) report.at(index).error(`\`${place}\` is there twice`, "FieldValueDuplicate");
      places.add(key);
    }
  }
}
