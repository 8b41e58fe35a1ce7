import { DurableObject } from "cloudflare:workers";

type Context = Pick<ExecutionContext, "waitUntil">;

/** Work to be done in another request than the test's, by the name of the object that does it. */
const work = new Map<string, (ctx: Context) => unknown>();

/** A request of its own, which can be ended as the platform ends one: its timers and calls never come back. */
export class Requests extends DurableObject {
  async run(name: string): Promise<void> {
    await work.get(name)?.(this.ctx);
  }

  end(): void {
    this.ctx.abort("ended by the platform");
  }
}

/** Does the work in a request of its own and then ends that request, with all that it left in `waitUntil`. */
export async function inEndedRequest(
  requests: DurableObjectNamespace<Requests>,
  does: (ctx: Context) => unknown,
): Promise<void> {
  const name = crypto.randomUUID();
  work.set(name, does);
  const request = requests.getByName(name);
  await request.run(name);
  await request.end().catch(() => undefined);
  work.delete(name);
}
