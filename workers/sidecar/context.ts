import { env } from "cloudflare:workers";

/** A service binding, as its Worker sees it. */
interface Binding {
  fetch: (this: Binding, input: RequestInfo | URL, init?: RequestInit) => Promise<Response>;
}

type Handler = (this: unknown, request: unknown, ...rest: readonly unknown[]) => unknown;

/** What the runtime's `AsyncLocalStorage` is used for. */
interface Storage {
  getStore(): Context | undefined;
  run<T>(context: Context, does: () => T): T;
}

/** Headers by lower-case name. */
type Context = ReadonlyMap<string, string>;

/** Where a call stands in its trace, in W3C's form and in Zipkin's: what one of them begins, no other goes on with. */
const TRACE = [
  "traceparent",
  "tracestate",
  "b3",
  "x-b3-traceid",
  "x-b3-spanid",
  "x-b3-parentspanid",
  "x-b3-sampled",
  "x-b3-flags",
];
const ID = "x-request-id";

/** Set once it is known that the runtime has it. */
let storage: Storage | null = null;
const carrying = new WeakSet<object>();
const handling = new WeakSet<object>();

/** Of Node's, which Workers before August 2026 have by a flag. Without it calls go out as the service makes them. */
try {
  // Imported when it runs: a Worker without it must start all the same.
  const { AsyncLocalStorage } = await import("node:async_hooks");
  storage = new AsyncLocalStorage<Context>();
} catch {
  console.warn(
    JSON.stringify({
      event: "trace_context_not_carried",
      message:
        "calls of this Worker begin traces of their own: set the compatibility flag `nodejs_als`, or pass `traceparent`, `tracestate` and `x-request-id` on",
    }),
  );
}

/**
 * Calls by these bindings take along the context of the call for which they are made.
 *
 * @param names of bindings that lead into the mesh: nobody else is told of a trace
 */
export function carryOver(names: readonly string[]): void {
  if (storage === null) return;
  for (const name of names) {
    const binding = (env as Readonly<Record<string, Binding | undefined>>)[name];
    if (binding === undefined || carrying.has(binding)) continue;
    carrying.add(binding);
    const own = binding.fetch;
    binding.fetch = (input: RequestInfo | URL, init?: RequestInit) => {
      const context = storage?.getStore();
      const carried = context === undefined ? null : withContext(context, input, init);
      return own.call(binding, ...(carried ?? ([input, init] as const)));
    };
  }
}

/** @returns arguments of the same call with the context; null: it goes out as it is */
function withContext(
  context: Context,
  input: RequestInfo | URL,
  init?: RequestInit,
): readonly [RequestInfo | URL, RequestInit?] | null {
  const headers = new Headers(init?.headers ?? (input instanceof Request ? input.headers : undefined));
  const added = [...context].filter(([name]) => !headers.has(name));
  // A service with a tracer of its own says what its call's parent is.
  const wanted = TRACE.some((name) => headers.has(name)) ? added.filter(([name]) => name === ID) : added;
  if (wanted.length === 0) return null;
  for (const [name, value] of wanted) headers.set(name, value);
  // What no Request carries stands in `init`, and of a Request that stands there nothing can be spread.
  return init instanceof Request ? [new Request(new Request(input, init), { headers })] : [input, { ...init, headers }];
}

/**
 * What a Worker exports is run in the context of the call that it handles.
 *
 * @param exported its module: handlers of the default export, and of entrypoints and Durable Objects that are classes
 */
export function carryContext(exported: Readonly<Record<string, unknown>>): void {
  if (storage === null) return;
  for (const [name, value] of Object.entries(exported)) {
    const holder: unknown = typeof value === "function" ? value.prototype : name === "default" ? value : null;
    if (typeof holder === "object" && holder !== null) handleInContext(holder);
  }
}

function handleInContext(holder: { fetch?: unknown }): void {
  const own = holder.fetch;
  // A class that has it from another one of this Worker's runs in that one's.
  if (typeof own !== "function" || handling.has(own)) return;
  const inContext: Handler = function (request, ...rest) {
    const handle = (): unknown => (own as Handler).call(this, request, ...rest);
    const context = request instanceof Request ? contextOf(request.headers) : null;
    return context === null || storage === null ? handle() : storage.run(context, handle);
  };
  handling.add(inContext);
  try {
    holder.fetch = inContext;
  } catch {
    // It is frozen: its calls go out as it makes them.
  }
}

function contextOf(headers: Headers): Context | null {
  const context = new Map<string, string>();
  for (const name of [...TRACE, ID]) {
    const value = headers.get(name);
    if (value !== null) context.set(name, value);
  }
  return context.size === 0 ? null : context;
}
