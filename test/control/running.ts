import { generateKeyPairSync, randomBytes } from "node:crypto";
import { convertV4MiniflareOptions, type Miniflare } from "miniflare";
import { COMPATIBILITY_DATE, CONTROL, controlWorker, migrate } from "../../edge/miniflare-workers.ts";
import { FORMAT, type Root, type Trust } from "../../src/snapshot/model.ts";
import type { RootAnswer } from "../../src/snapshot/rpc.ts";
import { clockedModules } from "../support/clock.ts";
import { Runtime } from "../support/runtime.ts";

/**
 * Stands where gateways and the State Worker stand: passes calls on over the bindings that only they have. It also asks the
 * database and makes many requests at once: from outside of the runtime each takes many turns, and some tests look at all tables
 * at every step, or try thousands of requests.
 */
const CALLER = `
const asked = async (db, statements) => (await db.batch(statements.map((each) => db.prepare(each)))).map(({ results }) => results);
const answered = async (control, { url, init }) => {
  const answer = await control.fetch(url, { ...init, redirect: "manual" });
  return { status: answer.status, headers: [...answer.headers], text: await answer.text() };
};
export default {
  async fetch(request, env) {
    const { surface, method, args, statements, requests, ahead } = await request.json();
    if (ahead !== undefined) return env.CLOCK.fetch("http://clock/?ahead=" + ahead);
    if (statements) return Response.json(await asked(env.DB, statements));
    if (requests) return Response.json(await Promise.all(requests.map((each) => answered(env.CONTROL, each))));
    const called = surface === "HUB" ? env.HUB.getByName("hub") : env[surface];
    try { return Response.json({ value: await called[method](...args) ?? null }); }
    catch (error) { return Response.json({ error: String(error.message) }, { status: 500 }); }
  },
};`;

/** The control Worker in the real runtime, with its database and objects. */
export class RunningControl {
  readonly #miniflare: Miniflare;
  #token = "";

  private constructor(miniflare: Miniflare) {
    this.#miniflare = miniflare;
  }

  /**
   * @param options.local as in the local mesh: plain http to loopback is allowed
   * @param options.clock whether its clock can be set
   */
  static async start(
    options: {
      readonly local?: boolean;
      readonly trustDomain?: string;
      readonly inspect?: boolean;
      readonly clock?: boolean;
    } = {},
  ): Promise<RunningControl> {
    const { local = false, trustDomain = "cluster.local", inspect = false, clock = false } = options;
    const bootstrap = randomBytes(32).toString("base64url");
    const { privateKey } = generateKeyPairSync("ed25519");
    const secrets = {
      bootstrap,
      keyEncryption: randomBytes(32).toString("base64url"),
      snapshotPrivateKey: privateKey.export({ format: "der", type: "pkcs8" }).toString("base64"),
    };
    const control = (entrypoint: string, props: Record<string, unknown>) => ({ name: CONTROL, entrypoint, props });
    const deployed = await controlWorker(secrets, trustDomain, local);
    const controlled = clock ? { ...deployed, modules: clockedModules(deployed.modules) } : deployed;
    const miniflare = new Runtime(
      convertV4MiniflareOptions({
        host: "127.0.0.1",
        port: 0,
        cf: false,
        ...(inspect && { inspectorPort: 0, inspectorHost: "127.0.0.1" }),
        handleStructuredLogs: () => undefined,
        workers: [
          controlled,
          {
            name: "caller",
            modules: [{ type: "ESModule", path: "index.js", contents: CALLER }],
            compatibilityDate: COMPATIBILITY_DATE,
            d1Databases: controlled.d1Databases,
            durableObjects: { HUB: { className: "Hub", scriptName: CONTROL } },
            serviceBindings: {
              CONTROL,
              ALL: control("ConfigApi", { gateway: "all", fronts: ["*"], gateways: ["*"] }),
              ONE: control("ConfigApi", { gateway: "one", fronts: ["default/reviews"], gateways: [] }),
              NOBODY: control("ConfigApi", {}),
              STATE: control("StateApi", { state: "s" }),
              ...(clock && { CLOCK: control("Clock", {}) }),
            },
          },
        ],
      }),
    );
    await miniflare.ready;
    await migrate(miniflare);
    const running = new RunningControl(miniflare);
    const made = await running.raw("POST", "/api/v1/bootstrap", { authorization: `Bearer ${bootstrap}` });
    running.#token = ((await made.json()) as { token: string }).token;
    return running;
  }

  async stop(): Promise<void> {
    await this.#miniflare.dispose();
  }

  async raw(method: string, path: string, headers: Record<string, string>, body?: string): Promise<Response> {
    const worker = await this.#worker(CONTROL);
    const init = { method, headers, redirect: "manual" as const, ...(body !== undefined && { body }) };
    return worker.fetch(`http://control.test${path}`, init);
  }

  /** A call to control under another name, such as `https://localhost`: the runtime takes an Origin of loopback alone. */
  async at(
    origin: string,
    method: string,
    path: string,
    headers: Record<string, string>,
    body?: string,
  ): Promise<Response> {
    const worker = await this.#worker(CONTROL);
    return worker.fetch(origin + path, { method, headers, redirect: "manual", ...(body !== undefined && { body }) });
  }

  /** The inspector of control's one isolate, in which its objects live too. */
  async inspector(): Promise<string> {
    const url = await this.#miniflare.getInspectorURL();
    const targets = (await (await fetch(`http://${url.host}/json`)).json()) as readonly Record<string, string>[];
    const target = targets.find(({ id }) => id === CONTROL || id?.endsWith(`:${CONTROL}`) === true);
    return target?.["webSocketDebuggerUrl"] ?? "";
  }

  /** Where it listens, for what no client library would send. */
  async url(): Promise<URL> {
    return this.#miniflare.ready;
  }

  /** The administrator's credentials, as headers. */
  auth(): Record<string, string> {
    return { authorization: `Bearer ${this.#token}` };
  }

  /** As the administrator unless another token is given. */
  async call(method: string, path: string, body?: unknown, options: CallOptions = {}): Promise<CallAnswer> {
    const { headers, text } = this.#requestOf(body, options);
    const response = await this.raw(method, path, headers, text);
    return { status: response.status, json: jsonOf(await response.text()), headers: response.headers };
  }

  /** Many calls, some at once, in their order. */
  async calls(calls: readonly Call[]): Promise<readonly CallAnswer[]> {
    const requests = calls.map(({ method, path, body, ...options }) => {
      const { headers, text } = this.#requestOf(body, options);
      const init = { method, headers, ...(text !== undefined && { body: text }) };
      return { url: `http://control.test${path}`, init };
    });
    const answers: CallAnswer[] = [];
    for (let at = 0; at < requests.length; at += CALLS_AT_ONCE) {
      const some = { requests: requests.slice(at, at + CALLS_AT_ONCE) };
      const told = (await this.#asCaller(some)) as readonly {
        readonly status: number;
        readonly headers: readonly [string, string][];
        readonly text: string;
      }[];
      for (const { status, headers, text } of told)
        answers.push({ status, json: jsonOf(text), headers: new Headers([...headers]) });
    }
    return answers;
  }

  #requestOf(
    body: unknown,
    { token = this.#token, type = "application/json" }: CallOptions,
  ): { readonly headers: Record<string, string>; readonly text: string | undefined } {
    const headers = { authorization: `Bearer ${token}`, ...(body !== undefined && { "content-type": type }) };
    return { headers, text: body === undefined || typeof body === "string" ? body : JSON.stringify(body) };
  }

  async apply(yaml: string, query = "") {
    return this.call("POST", `/api/v1/apply${query}`, yaml, { type: "application/yaml" });
  }

  /** One call over a binding that gateways or the State Worker have, or of the Hub as control's own objects make it. */
  async rpc(
    surface: "ALL" | "ONE" | "NOBODY" | "STATE" | "HUB",
    method: string,
    ...args: readonly unknown[]
  ): Promise<unknown> {
    const worker = await this.#worker("caller");
    const response = await worker.fetch("http://caller.test/", {
      method: "POST",
      body: JSON.stringify({ surface, method, args }),
    });
    const { value, error } = (await response.json()) as { value?: unknown; error?: string };
    if (error !== undefined) throw new Error(error);
    return value;
  }

  /** Puts control's clock ahead of the world's: alarms alone still come by the world's. */
  async setClock(aheadMs: number): Promise<void> {
    const worker = await this.#worker("caller");
    await (await worker.fetch("http://caller.test/", { method: "POST", body: `{"ahead":${aheadMs}}` })).text();
  }

  async root(gateway: string): Promise<RootAnswer> {
    return (await this.rpc("STATE", "root", gateway, null)) as RootAnswer;
  }

  /** Takes the Hub, or another object, out of memory: the next call loads it from what is stored. */
  async evict(className = "Hub", name = "hub"): Promise<void> {
    await this.#miniflare.unsafeEvictDurableObject(CONTROL, className, { name });
  }

  async #worker(name: string): Promise<{ fetch(url: string, init?: RequestInit): Promise<Response> }> {
    return (await this.#miniflare.getWorker(name)) as unknown as { fetch(url: string): Promise<Response> };
  }

  /** The database as the Worker has it. */
  async database(): Promise<D1Database> {
    return this.#miniflare.getD1Database("DB", CONTROL);
  }

  /** All that it holds: what a write could have left behind. @param except a table that is left out */
  async dump(except = ""): Promise<string> {
    const all = await this.sql(
      "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\'",
    );
    const tables = all.filter(({ name }) => name !== except);
    return JSON.stringify(await this.#asked(tables.map(({ name }) => `SELECT * FROM ${String(name)}`)));
  }

  async sql(statement: string): Promise<readonly Record<string, unknown>[]> {
    const [rows = []] = await this.#asked([statement]);
    return rows;
  }

  async #asked(statements: readonly string[]): Promise<readonly (readonly Record<string, unknown>[])[]> {
    return (await this.#asCaller({ statements })) as readonly (readonly Record<string, unknown>[])[];
  }

  async #asCaller(task: object): Promise<unknown> {
    const worker = await this.#worker("caller");
    const answer = await worker.fetch("http://caller.test/", { method: "POST", body: JSON.stringify(task) });
    if (!answer.ok) throw new Error(await answer.text());
    return answer.json();
  }
}

const CALLS_AT_ONCE = 32;

interface CallOptions {
  readonly token?: string;
  readonly type?: string;
}

export interface Call extends CallOptions {
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
}

interface CallAnswer {
  readonly status: number;
  readonly json: Json;
  readonly headers: Headers;
}

function jsonOf(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return { text } as unknown as Json;
  }
}

// What an API answers is looked at field by field in tests.
export interface Json {
  readonly [field: string]: Json & string & number;
}

/** What the root of the gateway that sees everything says about who may speak for the mesh. */
export async function trustOf(control: RunningControl): Promise<Trust> {
  await control.rpc("ALL", "register", { bindings: [], hasPrivate: true, format: FORMAT });
  const answer = await control.root("all");
  if (answer.kind !== "root") throw new Error(`the root is ${answer.kind}`);
  return (JSON.parse(answer.root.payload) as Root).trust;
}
