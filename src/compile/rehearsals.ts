import { httpOfGrpc } from "../request/grpc.ts";
import { parseDuration } from "../resources/duration.ts";
import { grpcCode } from "../resources/fault.ts";
import { endOfRehearsal, type FaultRehearsalSpec } from "../resources/fault-rehearsal.ts";
import type { KubeObject } from "../resources/object.ts";
import { shareOf } from "../resources/percent.ts";
import type { RehearsalModel } from "../snapshot/rehearsal-model.ts";
import type { Entries } from "./inventory.ts";
import { type ServiceInfo, serviceFor } from "./services.ts";
import { headerModel } from "./string-match.ts";
import { namespaceOf } from "./view.ts";
import type { Viewer, World } from "./world.ts";

/** Where a rehearsal is found: by the service that it is for. */
const REHEARSALS = "rehearsal";

const NONE: readonly KubeObject[] = [];

export function* rehearsalEntries(object: KubeObject): Entries {
  const { kind, name } = (object.spec as FaultRehearsalSpec).targetRef;
  yield [REHEARSALS, `${namespaceOf(object)}/${kind}/${name}`];
}

/** Those of a service, that end last first: whoever looks for those that run stops at the first that has ended. */
export function rehearsalsOf({ inventory }: World, { object }: ServiceInfo): readonly KubeObject[] {
  const key = `${namespaceOf(object)}/${object.kind}/${object.metadata.name}`;
  if (!inventory.has(REHEARSALS, key)) return NONE;
  return inventory.of(REHEARSALS, key).toSorted((a, b) => (endOfRehearsal(b) ?? 0) - (endOfRehearsal(a) ?? 0));
}

/**
 * What is rehearsed of calls that a route sends to a host.
 *
 * @param rule the name of the VirtualService's rule, of a delegate's its own; absent: it has none
 */
export function rehearsalsFor(
  world: World,
  host: string,
  viewer: Viewer,
  rule?: string,
): { readonly rehearsals?: readonly RehearsalModel[] } {
  const service = serviceFor(world, host, viewer);
  const all = service === null ? NONE : rehearsalsOf(world, service);
  if (all.length === 0) return {};
  const meant = all.filter(({ spec }) => {
    const { route } = spec as FaultRehearsalSpec;
    return route === undefined || route === rule;
  });
  return meant.length === 0 ? {} : { rehearsals: meant.map(modelOf) };
}

/** An object never changes: many routes have the same model of it. */
const known = new WeakMap<KubeObject, RehearsalModel>();

function modelOf(object: KubeObject): RehearsalModel {
  const model = known.get(object) ?? rehearsalModel(object);
  known.set(object, model);
  return model;
}

function rehearsalModel(object: KubeObject): RehearsalModel {
  const { headers = {}, percentage = { value: 100 }, delay, abort } = object.spec as FaultRehearsalSpec;
  const matches = Object.entries(headers).map(([name, spec]) => headerModel(name.toLowerCase(), spec));
  return {
    name: `${namespaceOf(object)}/${object.metadata.name}`,
    endsAt: endOfRehearsal(object) ?? 0,
    share: shareOf(percentage),
    ...(matches.length > 0 && { headers: matches }),
    ...(delay !== undefined && { delayMs: parseDuration(delay.fixedDelay) ?? 0 }),
    ...(abort !== undefined && { abort: abortOf(abort) }),
  };
}

function abortOf({
  httpStatus,
  grpcStatus,
}: NonNullable<FaultRehearsalSpec["abort"]>): NonNullable<RehearsalModel["abort"]> {
  const code = grpcStatus === undefined ? null : grpcCode(grpcStatus);
  return code === null ? { status: httpStatus ?? 503 } : { status: httpOfGrpc(code), grpcStatus: code };
}
