import { later, never } from "../resources/fields.ts";
import { errorAt, type Finding, unsuppressed } from "../resources/finding.ts";
import { apiVersionOf } from "../resources/kinds.ts";
import { readMetadata } from "../resources/metadata.ts";
import { nearest } from "../resources/nearest.ts";
import type { KubeObject } from "../resources/object.ts";
import { toPlain } from "../resources/plain.ts";
import { type Report, reportTo } from "../resources/report.ts";
import { findKind, KINDS } from "./registry.ts";

/** `object` is null exactly where a finding is an error. */
export type Parsed =
  | { readonly object: KubeObject; readonly findings: readonly Finding[] }
  | { readonly object: null; readonly findings: readonly Finding[] };

/** Kinds that exist elsewhere and are refused here, by `group/Kind`. */
const REFUSED_KINDS: ReadonlyMap<string, string> = new Map([
  ["networking.istio.io/EnvoyFilter", never("there is no Envoy")],
  ["extensions.istio.io/WasmPlugin", never("there is no Envoy")],
  ["extensions.istio.io/TrafficExtension", never("there is no Envoy")],
  ["gateway.envoyproxy.io/BackendTrafficPolicy", later("write a `RateLimitPolicy` of `tulle.dev/v1alpha1`")],
]);

const CONTAINERS = "the mesh runs no containers: leave it out, and register what serves by a `WorkloadEntry`";

/** What stands here for kinds of Kubernetes that folders of Istio's hold, too. */
const INSTEAD: ReadonlyMap<string, string> = new Map([
  ["install.istio.io/IstioOperator", "nothing is installed into a cluster: the mesh's settings are a `MeshConfig`"],
  ["networking.k8s.io/Ingress", "a `Gateway` exposes hosts, a `VirtualService` routes them"],
  ["networking.k8s.io/NetworkPolicy", "who may call is said by an `AuthorizationPolicy`"],
  ...["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"].map((kind) => [`apps/${kind}`, CONTAINERS] as const),
  ...["Job", "CronJob"].map((kind) => [`batch/${kind}`, CONTAINERS] as const),
]);

/**
 * Reads one object as an operator wrote it: checks it, and rebuilds it from what was checked. `apiVersion` is rewritten
 * to the version that is stored. Never throws.
 *
 * @param input parsed YAML or JSON; untrusted
 * @param options.local whether loopback addresses may be used, as only in the local mesh
 */
export function parseObject(input: unknown, options: { readonly local: boolean }): Parsed {
  const findings: Finding[] = [];
  const object = readObject(input, options.local, reportTo(findings));
  const refused = object === null || findings.some((finding) => finding.severity === "error");
  return refused ? { object: null, findings } : { object, findings: unsuppressed(object.metadata, findings) };
}

function readObject(input: unknown, local: boolean, report: Report): KubeObject | null {
  const head = fieldsOf(input);
  if (head === null) {
    report.error("must be an object with `apiVersion`, `kind` and `metadata`");
    return null;
  }
  const { apiVersion, kind } = head;
  if (typeof apiVersion !== "string" || apiVersion === "")
    report.at("apiVersion").error("is required", "FieldValueRequired");
  if (typeof kind !== "string" || kind === "") report.at("kind").error("is required", "FieldValueRequired");
  if (typeof apiVersion !== "string" || typeof kind !== "string" || apiVersion === "" || kind === "") return null;

  const info = findKind(apiVersion, kind);
  if (info === undefined) {
    reportUnknownKind(apiVersion, kind, report);
    return null;
  }
  if (info.reader === null) {
    report.at("kind").error(`\`${kind}\`: the mesh itself writes them; they can be read`, "FieldValueForbidden");
    return null;
  }
  const stored = apiVersionOf(info.group, info.version);
  if (info.aliases.includes(apiVersion))
    report
      .at("apiVersion")
      .warn(`\`${apiVersion}\` is a placeholder of articles; read and stored as \`${stored}\``, "TULLE0004");

  const plain = fieldsOf(toPlain(input, info.core, report));
  const metadata = readMetadata(withoutNull(plain?.["metadata"]), info, report.at("metadata"));
  if (plain === null || metadata === null) return null;
  const { apiVersion: _version, kind: _kind, metadata: _metadata, ...body } = plain;
  const context = { metadata, local, object: report };
  const { read } = info.reader;
  const named = { apiVersion: stored, kind, metadata };

  if (info.flat) {
    const fields = fieldsOf(read(body, report, context));
    return fields === null ? null : { ...fields, ...named };
  }
  const { spec, status, ...others } = body;
  if (!info.core)
    for (const key of Object.keys(others)) {
      const meant = nearest(key, ["apiVersion", "kind", "metadata", "spec", "status"]);
      report.at(key).error(meant === undefined ? "unknown field" : `unknown field; did you mean \`${meant}\``);
    }
  const checked = read(spec ?? {}, report.at("spec"), context);
  return checked === null ? null : { ...others, ...named, spec: checked, ...(status === undefined ? {} : { status }) };
}

/** @returns what is said of a kind that exists elsewhere and is refused here; null for all others */
export function refusedKind(apiVersion: string, kind: string): Finding | null {
  const group = groupOf(apiVersion);
  const refused = group.startsWith("gateway.networking.")
    ? later("Gateway API")
    : REFUSED_KINDS.get(`${group}/${kind}`);
  if (refused === undefined) return null;
  const message = `\`${kind.slice(0, 64)}\`: ${refused}`;
  return { ...errorAt("kind", message), reason: "FieldValueNotSupported" };
}

function groupOf(apiVersion: string): string {
  return apiVersion.includes("/") ? apiVersion.slice(0, apiVersion.indexOf("/")) : "";
}

function reportUnknownKind(apiVersion: string, kind: string, report: Report): void {
  const refused = refusedKind(apiVersion, kind);
  if (refused !== null) return report.at("kind").error(refused.message, refused.reason);
  const elsewhere = KINDS.find((info) => info.kind === kind);
  if (elsewhere !== undefined)
    return report
      .at("apiVersion")
      .error(
        `\`${apiVersion}\` has no ${kind} here; write \`${apiVersionOf(elsewhere.group, elsewhere.version)}\``,
        "FieldValueNotSupported",
      );
  const meant = nearest(
    kind,
    KINDS.map((info) => info.kind),
  );
  const instead = INSTEAD.get(`${groupOf(apiVersion)}/${kind}`);
  const hint = instead ?? (meant === undefined ? null : `did you mean \`${meant}\``);
  report
    .at("kind")
    .error(
      `\`${kind.slice(0, 64)}\` of \`${apiVersion.slice(0, 64)}\` is no known kind${hint === null ? "" : `; ${hint}`}`,
      "FieldValueNotSupported",
    );
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> | null {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : null;
}

/** Tools write `creationTimestamp: null` and `labels: null` for what is absent. */
function withoutNull(metadata: unknown): unknown {
  const fields = fieldsOf(metadata);
  return fields === null ? metadata : Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
}
