/** `tulle/sidecar`: what a generated entry imports. */
export { carryContext, carryOver } from "./context.ts";
export { interceptFetch } from "./intercept.ts";
