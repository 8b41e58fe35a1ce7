import type { VirtualServiceSpec } from "../../resources/virtual-service.ts";
import type { Route } from "../../snapshot/model.ts";
import { corsModel } from "./cors.ts";
import { faultModel } from "./fault.ts";

type HttpRoute = VirtualServiceSpec["http"][number];

/** What a rule puts between a destination's policies and its endpoints. */
export function filterModels({ fault: spec, corsPolicy }: HttpRoute): Pick<Route, "fault" | "cors"> {
  const fault = spec === undefined ? undefined : faultModel(spec);
  return { ...(fault !== undefined && { fault }), ...(corsPolicy && { cors: corsModel(corsPolicy) }) };
}
