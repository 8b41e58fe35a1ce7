import { WorkerEntrypoint } from "cloudflare:workers";

type Handler = (request: Request) => Response | Promise<Response>;

const handlers = new Map<string, Handler>();

/** What the service behind the binding `EP_<NAME>` does from now on. */
export function serve(name: "a" | "a's export" | "b", handler: Handler): void {
  handlers.set(name, handler);
}

type Method = (...args: readonly unknown[]) => unknown;

const methods = new Map<string, Method>();

/** What the service's method `does` does from now on. */
export function serveRpc(name: Parameters<typeof serve>[0], method: Method): void {
  methods.set(name, method);
}

/** A service of the mesh, reached by its binding as in production; it throws until a test says what it does. */
export class Service extends WorkerEntrypoint<unknown, { readonly name: string }> {
  override async fetch(request: Request): Promise<Response> {
    const { name } = this.ctx.props;
    const handler = handlers.get(name);
    if (handler === undefined) throw new Error(`no test says what the service ${name} does`);
    return handler(request);
  }

  async does(...args: readonly unknown[]): Promise<unknown> {
    const method = methods.get(this.ctx.props.name);
    if (method === undefined) throw new Error(`no test says what the method of ${this.ctx.props.name} does`);
    return method(...args);
  }
}
