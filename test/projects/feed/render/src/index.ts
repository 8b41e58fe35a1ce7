import { DurableObject, WorkerEntrypoint } from "cloudflare:workers";

interface Env {
  COUNTER: DurableObjectNamespace<Counter>;
}

/** How many posts were seen, and how often it was asked to tidy up. */
export class Counter extends DurableObject<Env> {
  async add(name: "posts" | "tidied"): Promise<void> {
    await this.ctx.storage.put(name, (await this.count(name)) + 1);
  }

  async count(name: "posts" | "tidied"): Promise<number> {
    return (await this.ctx.storage.get<number>(name)) ?? 0;
  }
}

export class Render extends WorkerEntrypoint<Env> {
  async page(title: string): Promise<string> {
    const counter = this.env.COUNTER.getByName("all");
    return `<link rel="stylesheet" href="/style.css"><h1>${title}</h1><p>${await counter.count("posts")} posts</p>`;
  }
}

export default {
  async queue(batch, env) {
    for (const _ of batch.messages) await env.COUNTER.getByName("all").add("posts");
  },
  async scheduled(_, env) {
    await env.COUNTER.getByName("all").add("tidied");
  },
} satisfies ExportedHandler<Env>;
