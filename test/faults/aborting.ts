/** How the objects of the state Worker are made to lose their memory, whoever holds a stub of them: what they stored stays. */
const CODE = `
export * from "./state.js";
import * as state from "./state.js";
const aborting = (Class) => class extends Class {
  fetch() { this.ctx.abort("a fault of the trial"); }
};
export const Cell = aborting(state.Cell);
export const Limiter = aborting(state.Limiter);
export default {
  async fetch(request, env) {
    const { searchParams } = new URL(request.url);
    const object = env[searchParams.get("binding")].getByName(searchParams.get("name"));
    return Response.json(await object.fetch("http://object/").then(() => false, () => true));
  },
};
`;

type Modules = readonly { readonly contents: string }[];

/** The modules of the state Worker, with objects that take a request for their end. */
export function aborting([state]: Modules) {
  const module = (path: string, contents: string) => ({ type: "ESModule" as const, path, contents });
  return [module("index.js", CODE), module("state.js", state?.contents ?? "")];
}
