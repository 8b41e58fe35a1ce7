import type { FrontEnd, Policies } from "../world.ts";
import { destinationOf } from "./destination-rules.ts";
import { gatewayEntry, gatewayHosts, gateways } from "./gateway-hosts.ts";
import { endpointLimits, limitsOf } from "./limits.ts";
import { meshHosts, meshRoutes, viewersOf } from "./mesh-routes.ts";
import { endpointPolicies } from "./policies.ts";
import { endpointTelemetry } from "./telemetry.ts";

/** Gateways and VirtualServices. */
export const ISTIO: FrontEnd = { meshHosts, viewers: viewersOf, meshRoutes, gateways, gatewayHosts, gatewayEntry };

/** Istio's policies, its Telemetry and DestinationRules. */
export const ISTIO_POLICIES: Policies = {
  ofEndpoint: endpointPolicies,
  telemetryOf: endpointTelemetry,
  limitsOf,
  limitsOfEndpoint: endpointLimits,
  ofDestination: destinationOf,
};
