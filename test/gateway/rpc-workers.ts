/** A service whose methods do what the tests want, and count that they were called. */
export const SERVICE = `
import { DurableObject, RpcTarget, WorkerEntrypoint } from "cloudflare:workers";

const hits = {};
const hit = (name) => { hits[name] = (hits[name] ?? 0) + 1; };

class Counter extends RpcTarget {
  #count = 0;
  add(by = 1) { return (this.#count += by); }
}

export class Memory extends DurableObject {
  fails() { throw new Error("of the object"); }
  breaks() { this.ctx.abort("broken"); }
}

class Service extends WorkerEntrypoint {
  async fetch(request) { hit("fetch"); return new Response("fetched " + new URL(request.url).pathname); }
  add(a, b) { hit("add"); return a + b; }
  version() { hit("version"); return this.env.VERSION; }
  props() { return this.ctx.props; }
  counter() { hit("counter"); return new Counter(); }
  async call(back) { return back(21); }
  fails() { hit("fails"); throw Object.assign(new TypeError("no such order"), { code: "E404", orders: [1, 2] }); }
  throws(value) { throw value; }
  resets() { return this.env.OBJECT.getByName("one").breaks(); }
  unsendable() { return new WeakMap(); }
  large(bytes) { return "x".repeat(bytes); }
  length(text) { return text.length; }
  get motto() { hit("motto"); return "in stock"; }
  get shelf() { return { book: "one", open() { return "open"; } }; }
}
export default Service;

export class Admin extends WorkerEntrypoint {
  async fetch() { return new Response("admin of " + this.ctx.props.tenant); }
  whoami() { return ["Admin", this.ctx.props]; }
}

/** Past the mesh: what the tests look at. */
export class Probe extends WorkerEntrypoint {
  hits(name) { return hits[name] ?? 0; }
}
`;

/** Runs the code that it is sent, as a caller of the mesh would have it written. */
export const CALLING = `
export default { async fetch(request, env) {
  const { binding, code } = await request.json();
  try {
    const run = env.EVAL.newAsyncFunction(code, "caller", "env", "B");
    return Response.json({ value: (await run(env, env[binding])) ?? null });
  } catch (error) {
    if (!(error instanceof Error)) return Response.json({ threw: { thrown: error } });
    const fields = Object.fromEntries(Object.getOwnPropertyNames(error).map((name) => [name, error[name]]));
    return Response.json({ threw: { ...fields, name: error.name, message: error.message } });
  }
} }`;
