/** How the objects of the state Worker are made to lose their memory, whoever holds a stub of them: what they stored stays. */
const CODE = `
export * from "./state.js";
export { default } from "./state.js";
import * as state from "./state.js";
const aborting = (Class) => class extends Class {
  fetch() { this.ctx.abort("a fault of the trial"); }
};
export const Cell = aborting(state.Cell);
export const Limiter = aborting(state.Limiter);
`;

type Modules = readonly { readonly contents: string }[];

/** The modules of the state Worker, with objects that take a request for their end. */
export function aborting([state]: Modules) {
  const module = (path: string, contents: string) => ({ type: "ESModule" as const, path, contents });
  return [module("index.js", CODE), module("state.js", state?.contents ?? "")];
}
