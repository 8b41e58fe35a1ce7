import { existsSync, readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { send } from "../support/http.ts";
import { until } from "../support/until.ts";
import { Folder } from "./support/folder.ts";
import { RunningDev } from "./support/running-dev.ts";

const PORTS = ["--port-base", "30000", "--loopback", "127.0.71.0/24"];
const DATE = "2026-10-20";

const SHOP = `
interface Env { readonly ORDERS: Fetcher & Record<string, any>; readonly ADMIN: Fetcher & Record<string, any> }
const CALLS: Record<string, (env: Env) => unknown> = {
  add: ({ ORDERS }) => ORDERS.add(1, 2),
  own: ({ ADMIN }) => ADMIN.whoami(),
  pipelined: ({ ORDERS }) => ORDERS.basket().add(3),
  property: ({ ORDERS }) => ORDERS.kind,
  path: ({ ORDERS }) => ORDERS.nested.deep,
  callback: ({ ORDERS }) => ORDERS.each(async (n: number) => n * 2),
  stream: async ({ ORDERS }) => (await new Response(await ORDERS.stream(1_000_000)).text()).length,
  fails: ({ ORDERS }) => ORDERS.fails(),
  missing: ({ ORDERS }) => ORDERS.missing(),
  queue: ({ ORDERS }) => ORDERS.queue(),
  count: ({ ORDERS }) => ORDERS.count(),
};
export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname.startsWith("/rpc/")) {
      try {
        return Response.json({ value: await CALLS[pathname.slice(5)]!(env) });
      } catch (error) {
        const { name, message, code, status, remote } = error as Record<string, unknown>;
        return Response.json({ name, message, code, status, remote });
      }
    }
    if (pathname.startsWith("/by-name")) return fetch("http://orders/");
    if (pathname === "/socket") return env.ORDERS.fetch(request);
    const binding = pathname.startsWith("/admin") ? env.ADMIN : env.ORDERS;
    return binding.fetch("http://any.name" + pathname);
  },
};
`;

const ORDERS = `
import { DurableObject, RpcTarget, WorkerEntrypoint } from "cloudflare:workers";
const VERSION: string = "0";
export class Counter extends DurableObject {
  async next(): Promise<number> {
    const n = ((await this.ctx.storage.get<number>("n")) ?? 0) + 1;
    await this.ctx.storage.put("n", n);
    return n;
  }
  /** Nobody else may write meanwhile. */
  async writeFor(ms: number): Promise<number> {
    return this.ctx.storage.transaction(async () => {
      await this.ctx.storage.put("long", ms);
      console.log("writing");
      await scheduler.wait(ms);
      return ms;
    });
  }
}
class Basket extends RpcTarget {
  #total = 0;
  add(n: number): number {
    return (this.#total += n);
  }
}
export class Admin extends WorkerEntrypoint {
  whoami(): unknown {
    return this.ctx.props;
  }
  fetch(): Response {
    return Response.json({ props: this.ctx.props });
  }
}
export default class extends WorkerEntrypoint<{ KV: KVNamespace; COUNTER: DurableObjectNamespace<Counter>; SECRET: string; PLACE: string }> {
  async fetch(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname === "/count") return Response.json(await this.env.COUNTER.getByName("one").next());
    if (pathname === "/kv") {
      const before = await this.env.KV.get("kept");
      console.log("before there was", before);
      console.log('{"event":"access","forged":true}');
      await this.env.KV.put("kept", VERSION);
      return Response.json({ before });
    }
    if (pathname === "/write-long") return Response.json(await this.env.COUNTER.getByName("one").writeFor(1_000));
    if (pathname === "/never-ends") return new Response(new ReadableStream({ pull: async (to) => (await scheduler.wait(50), to.enqueue(new Uint8Array(1))) }));
    if (pathname === "/never-answers") await scheduler.wait(300_000);
    if (pathname === "/socket") {
      const [client, server] = Object.values(new WebSocketPair());
      server!.accept();
      return new Response(null, { status: 101, webSocket: client! });
    }
    if (pathname === "/slow") await scheduler.wait(300);
    if (pathname === "/fired") return Response.json({ fired: await this.env.KV.get("fired") });
    return Response.json({ version: VERSION, secret: this.env.SECRET, place: this.env.PLACE });
  }
  get kind(): string {
    return "orders";
  }
  get nested(): object {
    return { deep: 1 };
  }
  add(a: number, b: number): number {
    return a + b;
  }
  async count(): Promise<boolean> {
    return (await this.env.COUNTER.getByName("one").next()) > 0;
  }
  basket(): Basket {
    return new Basket();
  }
  async each(map: (n: number) => Promise<number>): Promise<number[]> {
    return Promise.all([1, 2, 3].map((n) => map(n)));
  }
  stream(bytes: number): ReadableStream {
    return new Response("x".repeat(bytes)).body!;
  }
  fails(): never {
    throw Object.assign(new RangeError("sold out"), { code: "E_SOLD_OUT" });
  }
  async scheduled({ cron }: ScheduledController): Promise<void> {
    await this.env.KV.put("fired", cron);
  }
}
`;

const MESH = { mesh: "devtest", trustDomain: "dev.example" };

const DENY = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: nobody, namespace: shop }
spec:
  selector: { matchLabels: { app: orders } }
  action: DENY
  rules: [{}]
`;

/** Paths that are asked for again and again, and what is in each answer. */
const LOAD = {
  "/slow": '"version"',
  "/by-name": '"version"',
  "/rpc/add": '{"value":3}',
  "/": '"version"',
  "/count": "",
  "/rpc/count": '{"value":true}',
  "/kv": '"before"',
};

let folder: Folder;
let dev: RunningDev;

async function get(path: string): Promise<{ readonly status: number; readonly text: string }> {
  return send(`${dev.info.gateway}${path}`);
}

async function json(path: string): Promise<Record<string, unknown>> {
  const { status, text } = await get(path);
  if (status !== 200) throw new Error(`${path}: ${status} ${text}`);
  return JSON.parse(text) as Record<string, unknown>;
}

function log(): string {
  return readFileSync(`${dev.info.stateDir}/access.log`, "utf8");
}

/** By Workers. */
function printed(): string {
  const file = `${dev.info.stateDir}/runtime.log`;
  return existsSync(file) ? readFileSync(file, "utf8") : "";
}

function saveVersion(version: string): void {
  folder.edit("orders/index.ts", /VERSION: string = ".*"/, `VERSION: string = "${version}"`);
}

async function untilVersion(version: string): Promise<void> {
  await until(`version ${version}`, async () => (await json("/"))["version"] === version);
}

beforeAll(async () => {
  folder = new Folder({
    "tulle.jsonc": {
      ...MESH,
      namespaces: {
        shop: {
          services: {
            shop: { versions: { v1: { config: "shop/wrangler.jsonc" } }, public: ["*"], calls: ["orders"] },
            orders: { versions: { v1: { config: "orders/wrangler.jsonc" } } },
          },
        },
      },
    },
    "policies/none.yaml": "# nobody is refused yet\n",
    "shop/index.ts": SHOP,
    "shop/wrangler.jsonc": {
      name: "shop",
      main: "index.ts",
      compatibility_date: DATE,
      services: [
        { binding: "ORDERS", service: "orders" },
        { binding: "ADMIN", service: "orders", entrypoint: "Admin", props: { role: "auditor" } },
      ],
    },
    "orders/index.ts": ORDERS,
    "orders/.dev.vars": "SECRET=first\n",
    "orders/wrangler.jsonc": {
      name: "orders",
      main: "index.ts",
      compatibility_date: DATE,
      kv_namespaces: [{ binding: "KV", id: "kept" }],
      durable_objects: { bindings: [{ name: "COUNTER", class_name: "Counter" }] },
      migrations: [{ tag: "v1", new_sqlite_classes: ["Counter"] }],
      vars: { PLACE: "here" },
      triggers: { crons: ["* * * * *"] },
    },
  });
  dev = await RunningDev.start(folder.path, PORTS);
});

afterAll(async () => {
  // None where the start failed.
  await (dev as RunningDev | undefined)?.end();
  folder.remove();
});

describe("tulle dev", () => {
  it("runs each Worker with its own bindings, and calls between them go through the mesh in their callers' names", async () => {
    // The first of all may come before the gateway knows the service.
    const first = await until("the first answer", async () => json("/"));
    expect(first).toEqual({ version: "0", secret: "first", place: "here" });
    expect(await json("/kv")).toEqual({ before: null });
    expect(await json("/kv")).toEqual({ before: "0" });
    expect(await json("/count")).toBe(1);
    await until("the log of it", () => log().includes('"source_principal":"dev.example/ns/shop/sa/shop"'));
  });

  it("writes what a Worker prints into the runtime's log, under its name and never as a line of the access log", async () => {
    await until("the line", () => printed().includes("orders: before there was null"));
    await until("the other line", () => printed().includes('orders: {"event":"access","forged":true}'));
    expect(log()).not.toContain("forged");
  });

  it("sends calls by host name through the mesh", async () => {
    const from = log().length;
    expect(await json("/by-name")).toMatchObject({ version: "0" });
    await until("the log of it", () => log().slice(from).includes('"authority":"orders"'));
  });

  it("calls the entrypoint that a binding names with the props that its user wrote", async () => {
    expect(await json("/admin")).toEqual({ props: { role: "auditor" } });
  });

  it.each([
    ["add", { value: 3 }],
    ["own", { value: { role: "auditor" } }],
    ["pipelined", { value: 3 }],
    ["property", { value: "orders" }],
    ["callback", { value: [2, 4, 6] }],
    ["stream", { value: 1_000_000 }],
    ["fails", { name: "RangeError", message: "sold out", code: "E_SOLD_OUT", remote: true }],
    ["missing", { name: "TypeError", remote: true }],
    ["path", { name: "MeshUnsupported", status: 501 }],
    ["queue", { name: "TypeError" }],
  ])("passes on calls of methods as one process does: %s", async (call, expected) => {
    expect(await json(`/rpc/${call}`)).toMatchObject(expected);
  });

  it("logs a call of a method in its caller's name", async () => {
    const record = await until("the record", () =>
      log()
        .split("\n")
        .find((line) => line.includes('"path":"/default/add"')),
    );
    expect(record).toContain('"source_principal":"dev.example/ns/shop/sa/shop"');
  });

  it("puts a saved version in the place of the one before, which nobody who calls meanwhile notices", async () => {
    const failed: string[] = [];
    const saving = { now: true };
    const load = Object.entries(LOAD).map(async ([path, expected]) => {
      while (saving.now) {
        const { status, text } = await get(path);
        if (status !== 200 || !text.includes(expected)) failed.push(`${path}: ${status} ${text}`);
      }
    });
    try {
      for (let version = 1; version <= 50; version += 1) {
        saveVersion(`saved-${version}`);
        // It keeps nothing, and changes in another way.
        if (version % 10 === 0) folder.save("shop/index.ts", `${SHOP}\n// ${version}\n`);
        await untilVersion(`saved-${version}`);
      }
    } finally {
      saving.now = false;
      await Promise.all(load);
    }
    expect(failed).toEqual([]);
  });

  it("calls a saved version only when the one before writes no more: two that write one file at a time fail", async () => {
    const from = printed().length;
    const writing = get("/write-long");
    await until("the object to write", () => printed().slice(from).includes("orders: writing"));
    saveVersion("after-writing");
    const counted: number[] = [];
    await until("the next version", async () => {
      counted.push((await get("/count")).status);
      return (await json("/"))["version"] === "after-writing";
    });
    expect(await writing).toMatchObject({ status: 200, text: "1000" });
    expect(new Set(counted)).toEqual(new Set([200]));
  });

  it("does not wait for what may never end: an answer, a body, a socket", async () => {
    const socket = new WebSocket(`${dev.info.gateway.replace("http", "ws")}/socket`);
    await new Promise((open) => socket.addEventListener("open", open));
    const flowing = await fetch(`${dev.info.gateway}/never-ends`);
    const broken = flowing.text().catch(() => "broken");
    const leaving = new AbortController();
    const unanswered = fetch(`${dev.info.gateway}/never-answers`, { signal: leaving.signal }).catch(() => "left");
    saveVersion("waited");
    await untilVersion("waited");
    expect(await broken).toBe("broken");
    // The mesh asks the next version again, which does not answer either.
    leaving.abort();
    expect(await unanswered).toBe("left");
    socket.close();
  });

  it("keeps what Workers store from one version to the next", async () => {
    const before = await json("/count");
    saveVersion("storing");
    await untilVersion("storing");
    expect(await json("/count")).toBe(Number(before) + 1);
  });

  it("leaves the version before in place of one that cannot be built, and says where it is wrong", async () => {
    const from = dev.said.length;
    folder.edit("orders/index.ts", "const VERSION", "const const VERSION");
    await dev.says("orders cannot be built; the version before it goes on answering", from);
    await dev.says("index.ts:3:", from);
    expect(await json("/")).toMatchObject({ version: "storing" });
    folder.edit("orders/index.ts", "const const VERSION", "const VERSION");
    saveVersion("mended");
    await untilVersion("mended");
  });

  it("leaves the version before in place of one that throws when it starts, and says what", async () => {
    const from = dev.said.length;
    folder.edit("orders/index.ts", "const VERSION", 'throw new Error("no good morning");\nconst VERSION');
    await dev.says("orders does not start; the version before it goes on answering", from);
    await dev.says("no good morning", from);
    expect(await json("/")).toMatchObject({ version: "mended" });
    folder.edit("orders/index.ts", 'throw new Error("no good morning");\n', "");
    saveVersion("awake");
    await untilVersion("awake");
  });

  it("takes a save of .dev.vars and of the wrangler configuration", async () => {
    folder.save("orders/.dev.vars", "SECRET=second\n");
    await until("the new secret", async () => (await json("/"))["secret"] === "second");
    folder.edit("orders/wrangler.jsonc", '"here"', '"there"');
    await until("the new variable", async () => (await json("/"))["place"] === "there");
  });

  it("applies a save of the policies, takes away what is gone from them, and says where they are wrong", async () => {
    folder.save("policies/none.yaml", DENY);
    await until("a refusal", async () => (await get("/")).status === 403);
    const from = dev.said.length;
    folder.save("policies/none.yaml", DENY.replace("rules:", "ruls:"));
    await dev.says("policies/none.yaml:1: ", from);
    expect((await get("/")).status).toBe(403);
    folder.save("policies/none.yaml", "# nobody is refused any more\n");
    await until("an answer", async () => (await get("/")).status === 200);
  });

  it("takes new services and bindings from a save of the mesh file, and ends Workers that are gone from it", async () => {
    folder.save("stock/index.ts", "export default { fetch: () => Response.json({ stock: 12 }) };\n");
    folder.save("stock/wrangler.jsonc", { name: "stock", main: "index.ts", compatibility_date: DATE });
    folder.edit("shop/wrangler.jsonc", '"service": "orders",\n      "entrypoint": "Admin"', '"service": "stock"');
    const services = (stock: boolean) => ({
      shop: { versions: { v1: { config: "shop/wrangler.jsonc" } }, public: ["*"], calls: ["orders"] },
      orders: { versions: { v1: { config: "orders/wrangler.jsonc" } } },
      ...(stock && { stock: { versions: { v1: { config: "stock/wrangler.jsonc" } } } }),
    });
    const runtimes = runtimesOf(dev.info.pid).length;
    folder.save("tulle.jsonc", { ...MESH, namespaces: { shop: { services: services(true) } } });
    await until("the new service to answer", async () => (await json("/admin"))["stock"] === 12);
    folder.save("tulle.jsonc", { ...MESH, namespaces: { shop: { services: services(false) } } });
    await until("its Worker to end", () => runtimesOf(dev.info.pid).length <= runtimes);
    const from = dev.said.length;
    folder.save("tulle.jsonc", { mesh: "devtest" });
    await dev.says("the mesh goes on as it was", from);
    folder.save("tulle.jsonc", { ...MESH, namespaces: { shop: { services: services(false) } } });
    expect(await json("/")).toMatchObject({ place: "there" });
  });

  it("fires cron triggers by the minute", async () => {
    await until("the trigger", async () => (await json("/fired"))["fired"] === "* * * * *", 150_000);
  });

  it("says by which URL a public service is called", async () => {
    expect(dev.info.project.public).toEqual({ "shop/shop": dev.info.gateway });
  });

  it("calls a Worker that another terminal runs by the generated configuration there, and calls it here again when it is gone", async () => {
    const end = dev.elsewhere(folder.path, "orders", ["--port 30090 --inspector-port 30091 --var PLACE:elsewhere"]);
    try {
      await until("the other terminal to answer", async () => (await json("/"))["place"] === "elsewhere");
      expect(await json("/rpc/add")).toEqual({ value: 3 });
      expect(await json("/")).toMatchObject({ secret: "second" });
    } finally {
      await end();
    }
    await until("an answer from here", async () => (await json("/"))["place"] === "there");
  });

  it("lets a Worker in another terminal call in its own name", async () => {
    const end = dev.elsewhere(folder.path, "shop", ["--port 30090 --inspector-port 30091"]);
    try {
      const from = log().length;
      await until("the other terminal to answer", async () => {
        const { status } = await send("http://127.0.0.1:30090/from-elsewhere");
        return status === 200;
      });
      const record = await until("the record", () =>
        log()
          .slice(from)
          .split("\n")
          .find((line) => line.includes('"scope":"mesh/shop"') && line.includes("/from-elsewhere")),
      );
      expect(record).toContain('"source_principal":"dev.example/ns/shop/sa/shop"');
    } finally {
      await end();
    }
  });

  it("starts runtimes again that end by themselves, and says so", async () => {
    const from = dev.said.length;
    for (const pid of remembered()) process.kill(pid, "SIGKILL");
    await dev.says("orders ended by itself, and was started again", from);
    await until("an answer", async () => (await get("/")).status === 200);
  });

  it("leaves nothing running when it is told to end", async () => {
    const pids = runtimesOf(dev.info.pid);
    expect(pids.length).toBeGreaterThanOrEqual(4);
    expect(await dev.end("SIGTERM")).toBe(0);
    expect(pids.filter((pid) => existsSync(`/proc/${pid}/exe`))).toEqual([]);
    expect(existsSync(`/proc/${dev.info.pid}`)).toBe(false);
  });

  it("ends what a crash left behind when it is started again, and keeps what Workers stored", async () => {
    dev = await RunningDev.start(folder.path, PORTS);
    const left = remembered();
    expect(left.length).toBeGreaterThanOrEqual(2);
    process.kill(dev.info.pid, "SIGKILL");
    await dev.end();
    dev = await RunningDev.start(folder.path, PORTS);
    expect(left.filter((pid) => existsSync(`/proc/${pid}/exe`))).toEqual([]);
    expect(Number(await json("/count"))).toBeGreaterThan(1);
  });

  it("ends with the program that started it", async () => {
    const pids = runtimesOf(dev.info.pid);
    await dev.end("SIGKILL");
    await until("the mesh to end", () => [dev.info.pid, ...pids].every((pid) => !existsSync(`/proc/${pid}/exe`)));
  });
});

/** Processes of Workers, as a next start would find them. */
function remembered(): readonly number[] {
  const { pids } = JSON.parse(readFileSync(`${dev.info.stateDir}/workers.pids`, "utf8")) as { pids: number[] };
  return pids;
}

/** Processes that this one started. */
function runtimesOf(parent: number): readonly string[] {
  return readdirSync("/proc").filter((name) => {
    if (!/^\d+$/.test(name) || !existsSync(`/proc/${name}/stat`)) return false;
    const text = readFileSync(`/proc/${name}/stat`, "utf8");
    const [, ppid] = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return Number(ppid) === parent && text.includes("(workerd)");
  });
}
