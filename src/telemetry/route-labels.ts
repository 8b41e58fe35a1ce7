import type { Journal } from "./journal.ts";
import { UNKNOWN } from "./labels.ts";

/** Labels of the series by route, in the order in which one is keyed. */
export const ROUTE_LABELS = [
  "route",
  "stat_prefix",
  "cluster",
  "destination_service",
  "destination_service_namespace",
  "request_protocol",
  "response_code",
  "response_flags",
  "details",
] as const;

type RouteLabels = Readonly<Record<(typeof ROUTE_LABELS)[number], string>>;

/** The key of a call's series by route: every answer has one, also that of the gateway itself. */
export function routeKey({ route, cluster, protocol, status, flag, details }: Journal): string {
  const labels: RouteLabels = {
    route: route?.name ?? UNKNOWN,
    stat_prefix: route?.statPrefix ?? "",
    cluster: cluster?.id ?? UNKNOWN,
    destination_service: cluster?.service.host ?? UNKNOWN,
    destination_service_namespace: cluster?.service.namespace ?? UNKNOWN,
    request_protocol: protocol,
    response_code: String(status),
    response_flags: flag,
    details,
  };
  return JSON.stringify(ROUTE_LABELS.map((name) => labels[name]));
}

/** The series that further ones are folded into. */
export const FOLDED_ROUTE = JSON.stringify(ROUTE_LABELS.map(() => "other"));
