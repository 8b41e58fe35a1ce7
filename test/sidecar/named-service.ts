/** A Worker with named entrypoints alone. */
export { Named } from "./service.ts";
