import type { KubeObject } from "../../resources/object.ts";
import type { TelemetrySpec } from "../../resources/telemetry.ts";
import { canonicalJson } from "../../snapshot/canonical.ts";
import type { MeshTelemetry, TelemetrySettings, TelemetrySides } from "../../snapshot/telemetry-model.ts";
import { registrationsOf } from "../addresses.ts";
import { isFor, type Labels, selectorOf, targetsOf } from "../entries.ts";
import { byAge } from "../inventory.ts";
import { programsOf } from "../programs.ts";
import { targetLabels } from "../targets.ts";
import { GATEWAY_NAMESPACE, meshConfig, namespaceOf, rootNamespace } from "../view.ts";
import { accountsWith, viewerLabels } from "../viewer.ts";
import type { World } from "../world.ts";
import { gatewayLabels, gateways } from "./gateway-hosts.ts";
import { settingsOf, type Side } from "./telemetry-settings.ts";

const TABLE = "telemetry";

/** What is told of all calls, save those to workloads that have settings of their own; null: nothing is said. */
export function meshTelemetry(world: World): MeshTelemetry | null {
  return world.memo.get("mesh-telemetry", () => {
    if (!world.inventory.hasAny(TABLE) && isSilent(world)) return null;
    const settings: TelemetrySettings[] = [];
    const numbers = new Map<string, number>();
    const numberOf = (one: TelemetrySettings): number => {
      const text = canonicalJson(one);
      const number = numbers.get(text) ?? settings.push(one) - 1;
      numbers.set(text, number);
      return number;
    };
    const sidesOf = (namespace: string | null): TelemetrySides => ({
      client: numberOf(ofNamespace(world, namespace, "CLIENT")),
      server: numberOf(ofNamespace(world, namespace, "SERVER")),
    });
    const own = namespaces(world).filter((namespace) => general(world, namespace) !== undefined);
    const callers = Object.entries(callerSettings(world)).map(([name, one]) => [name, numberOf(one)] as const);
    const mesh = sidesOf(null);
    const namespaced = Object.fromEntries(own.map((namespace) => [namespace, sidesOf(namespace)]));
    const programs = programsOf(settings);
    return {
      settings,
      mesh,
      ...(own.length > 0 && { namespaces: namespaced }),
      ...(callers.length > 0 && { callers: Object.fromEntries(callers) }),
      ...(programs && { programs }),
    };
  });
}

/** Whether the mesh's settings leave the log and the metrics as they are. */
function isSilent(world: World): boolean {
  const { defaultProviders, accessLogFile, accessLogFormat, accessLogEncoding } = meshConfig(world);
  return [
    defaultProviders?.metrics,
    defaultProviders?.accessLogging,
    accessLogFile,
    accessLogFormat,
    accessLogEncoding,
  ].every((field) => field === undefined);
}

/** The server's side of an endpoint that has settings of its own; null: it has those of its namespace. */
export function endpointTelemetry(world: World, key: string, port: number): TelemetrySettings | null {
  if (!world.inventory.hasAny(TABLE)) return null;
  return world.memo.get(`endpoint-telemetry ${key} ${port}`, () => {
    // The oldest registration is whose the endpoint is.
    const [registration] = registrationsOf(world, key, port);
    if (registration === undefined) return null;
    const { namespace, labels } = registration;
    const own = specific(world, namespace, { ...labels, ...targetLabels(world, namespace, key, port) });
    return own === undefined ? null : settingsOf(world, specsOf(world, namespace, own), "SERVER");
  });
}

function ofNamespace(world: World, namespace: string | null, side: Side): TelemetrySettings {
  return settingsOf(world, specsOf(world, namespace, undefined), side);
}

/** Those that hold, the widest first. @param namespace null: any that has none of its own */
function specsOf(world: World, namespace: string | null, own: KubeObject | undefined): readonly TelemetrySpec[] {
  const root = rootNamespace(world);
  const wider = namespace === null || namespace === root ? undefined : general(world, namespace);
  return [general(world, root), wider, own].flatMap((object) => (object ? [object.spec as TelemetrySpec] : []));
}

/** The oldest for a whole namespace. */
function general(world: World, namespace: string): KubeObject | undefined {
  return world.inventory.of(TABLE, `${namespace}/`)[0];
}

/** The oldest that selects a workload by its labels, or by a service that it serves. Those of the root namespace select in it alone, as in Istio. */
function specific(world: World, namespace: string, labels: Labels): KubeObject | undefined {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  const [oldest] = pairs
    .flatMap((pair) => world.inventory.of(TABLE, `${namespace}/${pair}`))
    .filter((object) => isFor(object, labels))
    .sort(byAge);
  return oldest;
}

function namespaces(world: World): readonly string[] {
  const root = rootNamespace(world);
  const all = world.inventory.keys(TABLE).map((key) => key.slice(0, key.indexOf("/")));
  return [...new Set(all)].filter((namespace) => namespace !== root);
}

/** The client's side of Gateways, and of service accounts whose workloads all are selected. */
function callerSettings(world: World): Readonly<Record<string, TelemetrySettings>> {
  const found: Record<string, TelemetrySettings> = {};
  const add = (name: string, namespace: string, labels: Labels): void => {
    const own = specific(world, namespace, labels);
    if (own !== undefined) found[name] = settingsOf(world, specsOf(world, namespace, own), "CLIENT");
  };
  for (const gateway of gateways(world))
    add(`gw/${namespaceOf(gateway)}/${gateway.metadata.name}`, GATEWAY_NAMESPACE, gatewayLabels(gateway));
  for (const key of world.inventory.keys(TABLE)) {
    const [object] = world.inventory.of(TABLE, key);
    if (object === undefined || key.endsWith("/") || targetsOf(object).length > 0) continue;
    const namespace = namespaceOf(object);
    for (const selecting of world.inventory.of(TABLE, key))
      for (const account of accountsWith(world, selectorOf(selecting)))
        if (account.startsWith(`${namespace}/`)) add(account, namespace, viewerLabels(world, account));
  }
  return found;
}
