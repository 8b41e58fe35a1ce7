import { WorkerEntrypoint } from "cloudflare:workers";
import { isRpcName } from "../../src/request/rpc-names.ts";
import type { CallerProps } from "../../src/snapshot/rpc.ts";
import { type AnyService, type DebugPort, reach } from "./debug-port.ts";

interface Env {
  readonly DEBUG: DebugPort;
  /** Of the process in which the gateways run. */
  readonly GATEWAYS_AT: string;
}

/** What the edge writes into a binding: the Worker that calls sees none of it. */
interface WayProps {
  /** Of the Worker. */
  readonly gateway: string;
  readonly caller: CallerProps;
}

/** An entrypoint as the runtime makes it, for one call. */
interface Entrypoint {
  readonly env: Env;
  readonly ctx: { readonly props: WayProps };
}

function gatewayOf({ env, ctx }: Entrypoint): AnyService {
  const { gateway, caller } = ctx.props;
  const place = {
    address: env.GATEWAYS_AT,
    service: `core:user:${gateway}`,
    entrypoint: "MeshEntrypoint",
    props: caller,
  };
  return reach(env.DEBUG, place);
}

class Way extends WorkerEntrypoint<Env, WayProps> {
  override fetch(request: Request): Promise<Response> {
    return gatewayOf(this as unknown as Entrypoint).fetch(request);
  }
}

/**
 * Stands beside a user's Worker for the gateways, which run in another process. It has no method but `fetch`: a name that is a
 * method's or a property's is the gateway's, with all that is asked of it.
 */
export class MeshEntrypoint extends Way {}

Object.setPrototypeOf(
  MeshEntrypoint.prototype,
  new Proxy(Way.prototype, {
    get(target, name, receiver) {
      if (typeof name === "string" && isRpcName(name)) return passedOn(gatewayOf(receiver as Entrypoint)[name] as Stub);
      return name === "fetch" ? Reflect.get(target, name, receiver) : undefined;
    },
    has: (_, name) => typeof name === "string" && (name === "fetch" || isRpcName(name)),
  }),
);

/** A method, property, or path of a stub: nothing is asked of it before it is called or awaited. */
type Stub = ((...args: readonly unknown[]) => unknown) & Readonly<Record<string, unknown>>;

/** What the runtime finds to be a function. */
const nothing = (): void => undefined;

/** The runtime takes what is below a method only where it looks like the method's own: then the gateway is asked for it. */
function passedOn(stub: Stub): unknown {
  const below = (key: string): unknown =>
    key === "then"
      ? (...settle: readonly unknown[]) => (stub as unknown as { then: Stub }).then(...settle)
      : passedOn(stub[key] as Stub);
  return new Proxy(nothing, {
    apply: (_, __, args: readonly unknown[]) => stub(...args),
    get: (_, key) => (typeof key === "string" ? below(key) : undefined),
    has: (_, key) => typeof key === "string",
    getOwnPropertyDescriptor: (_, key) =>
      typeof key === "string" && key !== "then"
        ? { value: below(key), configurable: true, enumerable: true, writable: true }
        : undefined,
  });
}

export default {};
