import type { FaultRehearsalSpec } from "../../resources/fault-rehearsal.ts";
import { type KubeObject, refKey } from "../../resources/object.ts";
import type { RouteDraft, World } from "../world.ts";
import { type DescribedPart, part } from "./described.ts";

export function rehearsalPart(rehearsal: KubeObject): DescribedPart {
  return part("rehearsal", rehearsalText(rehearsal), rehearsal, "spec");
}

/** Those that calls by these routes meet, each once. */
export function rehearsalsBy({ inventory }: World, routes: readonly RouteDraft[]): DescribedPart[] {
  const met = routes.flatMap(({ destinations }) => destinations.flatMap(({ rehearsals = [] }) => rehearsals));
  return [...new Set(met.map(({ name }) => name))].flatMap((full) => {
    const [namespace = "", name = ""] = full.split("/");
    const object = inventory.object(refKey({ group: "tulle.dev", kind: "FaultRehearsal", namespace, name }));
    return object === null ? [] : [rehearsalPart(object)];
  });
}

function rehearsalText({ spec }: KubeObject): string {
  const { delay, abort, percentage = { value: 100 }, route, headers = {}, endsAt } = spec as FaultRehearsalSpec;
  return [
    delay === undefined ? `abort ${abort?.grpcStatus ?? abort?.httpStatus ?? ""}` : `delay ${delay.fixedDelay}`,
    `${percentage.value ?? 0} %`,
    ...(route === undefined ? [] : [`of its route ${route}`]),
    ...Object.keys(headers).map((name) => `with header ${name}`),
    `until ${endsAt}`,
  ].join(", ");
}
