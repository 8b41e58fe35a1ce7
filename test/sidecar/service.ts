import { get } from "node:http";
import { CALLS, seen, WAYS } from "./calls.ts";
import { DurableObject, WorkerEntrypoint, WorkflowEntrypoint } from "cloudflare:workers";

interface Binding {
  fetch(input: RequestInfo, init?: RequestInit): Promise<Response>;
}

interface Env {
  readonly MESH_A: Binding;
  readonly OUTSIDE: Binding;
  readonly OBJECTS: { getByName(name: string): { called(): Promise<unknown> } };
  readonly FLOW: { create(): Promise<{ status(): Promise<unknown> }> };
  readonly NAMED: { called(): Promise<unknown> };
  readonly QUEUE: { send(message: unknown): Promise<void> };
}

/** What handlers were called with. */
const events: unknown[] = [];

async function tell(handler: string, what: unknown): Promise<void> {
  events.push({ handler, what, seen: await seen(fetch("http://orders/")) });
}

/** A Worker that knows nothing of the mesh, with everything that one may export. */
export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const name = decodeURIComponent(new URL(request.url).pathname.slice(1));
    const call = CALLS[name] ?? WAYS[name] ?? CARRYING[name] ?? CLASSES[name];
    const answer = await call?.(env).catch(({ name, message }: Error) => ({ error: name, message }));
    return Response.json(answer ?? null);
  },
  async scheduled({ cron }: ScheduledController): Promise<void> {
    await tell("scheduled", cron);
  },
  async queue({ messages }: MessageBatch): Promise<void> {
    const [first] = messages;
    await tell("queue", first?.body);
  },
  async email({ from }: ForwardableEmailMessage): Promise<void> {
    await tell("email", from);
  },
  async tail(items: readonly { readonly logs: readonly { readonly message: unknown }[] }[]): Promise<void> {
    await tell("tail", items[0]?.logs[0]?.message);
  },
};

export class Named extends WorkerEntrypoint {
  async called(): Promise<unknown> {
    return seen(fetch("http://orders/named"));
  }
}

export class Thing extends DurableObject {
  async called(): Promise<unknown> {
    return seen(fetch("http://orders/object"));
  }
}

export class Flow extends WorkflowEntrypoint {
  override async run(): Promise<unknown> {
    return seen(fetch("http://orders/flow"));
  }
}

/** Calls of which one sees what context they take along. */
const CARRYING: Readonly<Record<string, (env: Env) => Promise<unknown>>> = {
  "by host": async () => {
    await scheduler.wait(20);
    return seen(fetch("http://orders/"));
  },
  "by binding": async ({ MESH_A }) => {
    await scheduler.wait(20);
    return seen(MESH_A.fetch("http://orders/", { headers: { "x-a": "1" } }));
  },
  "by a Request": async ({ MESH_A }) =>
    seen(MESH_A.fetch(new Request("http://orders/", { method: "POST", body: "text", headers: { "x-a": "1" } }))),
  "with a tracer of its own": async ({ MESH_A }) =>
    seen(MESH_A.fetch("http://orders/", { headers: { traceparent: "its own" } })),
  "outside of the mesh": async () => seen(fetch("http://outside.example/")),
  "by a binding outside of the mesh": async ({ OUTSIDE }) => seen(OUTSIDE.fetch("http://outside.example/")),
};

const CLASSES: Readonly<Record<string, (env: Env) => Promise<unknown>>> = {
  events: async () => events,
  entrypoint: async ({ NAMED }) => NAMED.called(),
  object: async ({ OBJECTS }) => OBJECTS.getByName("one").called(),
  async workflow({ FLOW }) {
    const run = await FLOW.create();
    for (;;) {
      const { status, output } = (await run.status()) as { readonly status: string; readonly output: unknown };
      if (status !== "queued" && status !== "running" && status !== "waiting") return output;
      await scheduler.wait(10);
    }
  },
  async "node:http"() {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    get("http://orders/", ({ statusCode, headers }) => {
      resolve({ status: statusCode, gateway: headers["x-gateway"] });
    }).on("error", reject);
    return promise;
  },
  async message({ QUEUE }) {
    await QUEUE.send("a message");
  },
};
