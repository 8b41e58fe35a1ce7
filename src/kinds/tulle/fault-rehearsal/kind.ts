import { ROUTE_NAMES } from "../../../compile/entries.ts";
import { rehearsalEntries } from "../../../compile/rehearsals.ts";
import { servicesOf } from "../../../compile/services.ts";
import { namespaceOf, qualified } from "../../../compile/view.ts";
import type { World } from "../../../compile/world.ts";
import { checkFaultRehearsal, FaultRehearsal, type FaultRehearsalSpec } from "../../../resources/fault-rehearsal.ts";
import { type Finding, warningAt } from "../../../resources/finding.ts";
import { type KubeObject, refKey } from "../../../resources/object.ts";
import type { VirtualServiceSpec } from "../../../resources/virtual-service.ts";
import { AGE, field, text, textOf, valueAt } from "../../columns.ts";
import { meshKind } from "../../kind.ts";
import { reader } from "../../reader.ts";
import { DESCRIPTIONS } from "./descriptions.ts";

/** Its service is of its own namespace: nobody rehearses faults of what is another's. */
export const FAULT_REHEARSAL = meshKind({
  group: "tulle.dev",
  version: "v1alpha1",
  versions: ["v1alpha1"],
  kind: "FaultRehearsal",
  plural: "faultrehearsals",
  shortNames: ["fr"],
  categories: ["all"],
  reader: reader(FaultRehearsal, checkFaultRehearsal),
  entries: rehearsalEntries,
  check: checkService,
  columns: [
    field("Service", "The service whose callers meet it.", "spec", "targetRef", "name"),
    field("Delay", "How long requests are held.", "spec", "delay", "fixedDelay"),
    text("Abort", "Status that answers requests, of gRPC or HTTP.", (object) => {
      const abort = valueAt(object, "spec", "abort");
      return textOf(valueAt(abort, "grpcStatus")) || textOf(valueAt(abort, "httpStatus")) || null;
    }),
    text(
      "Percent",
      "How many of the requests meet it.",
      (object) => textOf(valueAt(object, "spec", "percentage", "value")) || "100",
    ),
    field("Ends", "When it ends.", "spec", "endsAt"),
    AGE,
  ],
  descriptions: DESCRIPTIONS,
});

/** Service and route may come yet. */
function checkService(world: World, object: KubeObject): readonly Finding[] {
  const { targetRef, route } = object.spec as FaultRehearsalSpec;
  const { kind, name } = targetRef;
  const namespace = namespaceOf(object);
  const group = kind === "Service" ? "" : "networking.istio.io";
  const service = world.inventory.object(refKey({ group, kind, namespace, name }));
  if (service === null) {
    const hint =
      kind === "Service" && name.includes(".") ? ": a Service goes by its own name, without namespace and domain" : "";
    const message = `there is no \`${namespace}/${kind}/${name}\` yet: nothing is rehearsed${hint}`;
    return [warningAt("spec.targetRef", message, "TULLE0126")];
  }
  if (route === undefined || world.inventory.some(ROUTE_NAMES, route, (other) => leadsTo(other, route, service)))
    return [];
  const message = `no VirtualService has a rule \`${route}\` that leads to \`${name}\`: nothing is rehearsed`;
  return [warningAt("spec.route", message, "TULLE0126")];
}

/** Whether a rule of that name sends to the service. */
function leadsTo(route: KubeObject, rule: string, service: KubeObject): boolean {
  const hosts = new Set(servicesOf(service).map(({ host }) => host));
  return (route.spec as VirtualServiceSpec).http.some(
    ({ name, route: destinations = [] }) =>
      name === rule &&
      destinations.some(({ destination }) => hosts.has(qualified(destination.host, namespaceOf(route)))),
  );
}
