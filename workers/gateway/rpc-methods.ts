import { answerOf } from "../../src/decide/answers.ts";
import { isRpcName } from "../../src/request/rpc-names.ts";
import type { CallerProps } from "../../src/snapshot/rpc.ts";
import type { Env } from "./env.ts";
import { handleRpc, refuseRpc } from "./handle-rpc.ts";
import type { Context } from "./lease.ts";
import { meshOf } from "./mesh.ts";

/** An entrypoint as the runtime makes it, for one call. */
interface Entrypoint {
  readonly env: Env;
  readonly ctx: Context & { readonly props: CallerProps };
}

/**
 * Gives an entrypoint every method that a service may have, by whatever name it is called: what `fetch` does not answer is carried
 * through the mesh. Only names that mean nothing to the runtime are passed on; the others are not there at all.
 */
export function passOn(entrypoint: { readonly prototype: object }): void {
  const own = Object.getPrototypeOf(entrypoint.prototype) as object;
  const methods: ProxyHandler<object> = {
    get: (target, name, receiver) => {
      if (name === "fetch") return Reflect.get(target, name, receiver);
      if (typeof name !== "string" || !isRpcName(name)) return undefined;
      return new Proxy(nothing, new Method(receiver as Entrypoint, name));
    },
    has: (_, name) => typeof name === "string" && (name === "fetch" || isRpcName(name)),
  };
  Object.setPrototypeOf(entrypoint.prototype, new Proxy(own, methods));
}

/** What the runtime finds to be a function. */
function nothing(): void {}

/**
 * A method of the service: called, it is a call. Where the runtime awaits it instead, somebody reads a property, and gets the
 * service's. Nothing is decided before either. What lies below a property is not to be had: it would be the gateway's.
 */
class Method implements ProxyHandler<typeof nothing> {
  readonly #entrypoint: Entrypoint;
  readonly #name: string;

  constructor(entrypoint: Entrypoint, name: string) {
    this.#entrypoint = entrypoint;
    this.#name = name;
  }

  apply(_: unknown, __: unknown, args: readonly unknown[]): Promise<unknown> {
    return this.#carry(args);
  }

  get(_: unknown, key: string | symbol): unknown {
    if (typeof key === "symbol") return undefined;
    if (key !== "then") throw this.#refusal();
    return (resolve: (value: unknown) => unknown, reject: (error: unknown) => unknown) =>
      void this.#carry(null).then(resolve, reject);
  }

  has(_: unknown, key: string | symbol): boolean {
    if (typeof key === "symbol" || key === "then") return key === "then";
    throw this.#refusal();
  }

  getOwnPropertyDescriptor(_: unknown, key: string | symbol): undefined {
    if (typeof key === "symbol" || key === "then") return undefined;
    throw this.#refusal();
  }

  #carry(args: readonly unknown[] | null): Promise<unknown> {
    const { ctx, env } = this.#entrypoint;
    return handleRpc(ctx.props, this.#name, args, ctx, meshOf(env));
  }

  #refusal(): Error {
    const { ctx, env } = this.#entrypoint;
    return refuseRpc(ctx.props, this.#name, answerOf("rpc_path"), ctx, meshOf(env));
  }
}
