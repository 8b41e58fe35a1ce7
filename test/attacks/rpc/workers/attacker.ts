import { RpcTarget } from "cloudflare:workers";
import type { Attempt } from "../corpus.ts";

/** Every name is a method's, until it is called. */
interface Members {
  readonly [name: string | symbol]: Members;
  (...args: readonly unknown[]): unknown;
}

type Env = Readonly<Record<string, Members>>;

class Impostor extends RpcTarget {
  fetch(): Response {
    return new Response("an impostor");
  }
}

const ARGUMENTS: Readonly<Record<string, (env: Env) => unknown>> = {
  "a function": () => () => "called back",
  "an object with fetch": () => new Impostor(),
  "the binding": (env) => env["MALLORY"],
  "props of another": () => ({
    props: { namespace: "shop", serviceAccount: "victim", service: "vault.shop.svc.cluster.local" },
  }),
  "a context of another": () => ({
    ctx: {
      props: {
        namespace: "shop",
        serviceAccount: "victim",
        service: "vault.shop.svc.cluster.local",
        entrypoint: "Vault",
      },
    },
    env: {},
  }),
  "a polluted object": () => JSON.parse('{"__proto__": {"service": "vault.shop.svc.cluster.local"}}') as unknown,
};

/** Tries one thing that a Worker of the mesh can do with its binding, and tells what came of it. */
export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const attempt = await request.json<Attempt>();
    try {
      return Response.json({ answered: textOf(await performed(attempt, env)) });
    } catch (error) {
      const { name, message, status, remote } = error as Error & {
        readonly status?: unknown;
        readonly remote?: unknown;
      };
      return Response.json({ thrown: { name, message, status, remote: remote === true } });
    }
  },
};

async function performed(attempt: Attempt, env: Env): Promise<unknown> {
  const binding = env[attempt.as ?? "MALLORY"];
  if (binding === undefined) throw new Error(`no binding ${attempt.as}`);
  const args = (attempt.args ?? []).map((arg) => argumentOf(arg, env));
  switch (attempt.do) {
    case "call": {
      const path = attempt.path ?? [];
      const within = member(binding, path.slice(0, -1));
      return within[path.at(-1) ?? ""]?.(...args);
    }
    case "call by the wire":
      return byTheWire(member(binding, (attempt.path ?? []).slice(0, -1)), attempt.path?.at(-1) ?? "", args);
    case "read":
      return member(binding, attempt.path ?? []);
    case "construct":
      return Reflect.construct(member(binding, attempt.path ?? []), args);
    case "assign":
      return Object.assign(member(binding, attempt.path ?? []), Object.fromEntries([[attempt.name ?? "x", "theirs"]]));
    case "symbol":
      return binding[Reflect.get(Symbol, attempt.name ?? "") as symbol]?.(...args);
    case "own names":
      return [
        Object.getOwnPropertyNames(binding),
        Object.keys(binding),
        Object.getOwnPropertyNames(Object.getPrototypeOf(binding)),
      ];
    case "fetch": {
      const { url = "http://orders/", init = {} } = attempt;
      const answer = await (binding as unknown as Fetcher).fetch(url, init);
      return `${answer.status} ${await answer.text()}`;
    }
    case "connect": {
      const socket = (binding as unknown as Fetcher).connect(attempt.url ?? "");
      const writer = socket.writable.getWriter();
      await writer.write(new TextEncoder().encode("GET / HTTP/1.1\r\nHost: vault\r\n\r\n"));
      await socket.opened;
      return new Response(socket.readable).text();
    }
  }
}

/** The runtime sends only names that the stub itself has not: so the stub loses what it has by that name meanwhile. */
async function byTheWire(stub: Members, name: string, args: readonly unknown[]): Promise<unknown> {
  const own = Object.getPrototypeOf(stub) as object;
  const above = Object.getPrototypeOf(own) as object;
  const had = Object.getOwnPropertyDescriptor(own, name);
  Object.setPrototypeOf(own, null);
  Reflect.deleteProperty(own, name);
  try {
    return await stub[name]?.(...args);
  } finally {
    Object.setPrototypeOf(own, above);
    if (had !== undefined) Object.defineProperty(own, name, had);
  }
}

function member(binding: Members, path: readonly string[]): Members {
  return path.reduce<Members>((within, name) => within[name] as Members, binding);
}

function argumentOf(arg: unknown, env: Env): unknown {
  if (typeof arg !== "string" || !arg.startsWith("$")) return arg;
  const make = ARGUMENTS[arg.slice(1)];
  if (make === undefined) throw new Error(`no argument ${arg}`);
  return make(env);
}

function textOf(value: unknown): string {
  if (typeof value === "function") return "a function";
  if (value === undefined) return "undefined";
  return typeof value === "string" ? value : JSON.stringify(value);
}
