/** The Worker that the tests run in: gateway and state as deployed, and a control that does what a test says. */
export { Cell, Limiter, State } from "../../../workers/state/index.ts";
export { default, MeshEntrypoint } from "../../../workers/gateway/index.ts";
export { Control } from "./control.ts";
export { Requests } from "./requests.ts";
export { Service } from "./services.ts";
export { Wire } from "./wire.ts";
