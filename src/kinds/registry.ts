import { apiVersionOf } from "../resources/kinds.ts";
import type { KubeObject } from "../resources/object.ts";
import { CONFIG_MAP } from "./core/config-map/kind.ts";
import { ENDPOINT_SLICE } from "./core/endpoint-slice/kind.ts";
import { EVENT } from "./core/event/kind.ts";
import { NAMESPACE } from "./core/namespace/kind.ts";
import { POD } from "./core/pod/kind.ts";
import { SECRET } from "./core/secret/kind.ts";
import { SERVICE } from "./core/service/kind.ts";
import { AUTHORIZATION_POLICY } from "./istio/authorization-policy/kind.ts";
import { DESTINATION_RULE } from "./istio/destination-rule/kind.ts";
import { GATEWAY } from "./istio/gateway/kind.ts";
import { PEER_AUTHENTICATION } from "./istio/peer-authentication/kind.ts";
import { PROXY_CONFIG } from "./istio/proxy-config/kind.ts";
import { REQUEST_AUTHENTICATION } from "./istio/request-authentication/kind.ts";
import { SERVICE_ENTRY } from "./istio/service-entry/kind.ts";
import { SIDECAR } from "./istio/sidecar/kind.ts";
import { TELEMETRY } from "./istio/telemetry/kind.ts";
import { VIRTUAL_SERVICE } from "./istio/virtual-service/kind.ts";
import { WORKLOAD_ENTRY } from "./istio/workload-entry/kind.ts";
import { WORKLOAD_GROUP } from "./istio/workload-group/kind.ts";
import type { Kind } from "./kind.ts";
import { type KeyedLists, lists } from "./list-keys.ts";
import { API_KEY_POLICY } from "./tulle/api-key-policy/kind.ts";
import { ENROLMENT_RULE } from "./tulle/enrolment-rule/kind.ts";
import { FAULT_REHEARSAL } from "./tulle/fault-rehearsal/kind.ts";
import { MESH_CONFIG } from "./tulle/mesh-config/kind.ts";
import { RATE_LIMIT_POLICY } from "./tulle/rate-limit-policy/kind.ts";

/** Every kind that is served, by group and kind: in this order clients are told of them. */
export const KINDS: readonly Kind[] = [
  NAMESPACE,
  POD,
  SERVICE,
  ENDPOINT_SLICE,
  CONFIG_MAP,
  SECRET,
  EVENT,
  SERVICE_ENTRY,
  WORKLOAD_ENTRY,
  WORKLOAD_GROUP,
  GATEWAY,
  VIRTUAL_SERVICE,
  DESTINATION_RULE,
  SIDECAR,
  PROXY_CONFIG,
  AUTHORIZATION_POLICY,
  PEER_AUTHENTICATION,
  REQUEST_AUTHENTICATION,
  TELEMETRY,
  MESH_CONFIG,
  ENROLMENT_RULE,
  RATE_LIMIT_POLICY,
  API_KEY_POLICY,
  FAULT_REHEARSAL,
];

function served(name: (kind: Kind) => string): ReadonlyMap<string, Kind> {
  return new Map(
    KINDS.flatMap((kind) =>
      [...kind.versions.map((version) => apiVersionOf(kind.group, version)), ...kind.aliases].map(
        (apiVersion) => [`${apiVersion} ${name(kind)}`, kind] as const,
      ),
    ),
  );
}

const BY_KIND = served(({ kind }) => kind);
const BY_PLURAL = served(({ plural }) => plural);
const BY_REF = new Map(KINDS.map((kind) => [`${kind.group}/${kind.kind}`, kind]));
const GENERAL_LISTS = lists();

/** The kind of an object that is written `apiVersion`, `kind`, in any served version or alias group. */
export function findKind(apiVersion: string, kind: string): Kind | undefined {
  return BY_KIND.get(`${apiVersion} ${kind}`);
}

/** The kind of an object as it is stored. */
export function kindOf({ group, kind }: { readonly group: string; readonly kind: string }): Kind | undefined {
  return BY_REF.get(`${group}/${kind}`);
}

export function kindOfObject({ apiVersion, kind }: KubeObject): Kind | undefined {
  return findKind(apiVersion, kind);
}

/** The kind behind a path `/apis/group/version/plural`, in any served version or alias group. */
export function findResource(group: string, version: string, plural: string): Kind | undefined {
  return BY_PLURAL.get(`${apiVersionOf(group, version)} ${plural}`);
}

export function keyedLists(ref: { readonly group: string; readonly kind: string }): KeyedLists {
  return kindOf(ref)?.lists ?? GENERAL_LISTS;
}
