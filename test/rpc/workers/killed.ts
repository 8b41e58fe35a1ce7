interface Answer extends Disposable {
  word(): Promise<string>;
}

interface Service {
  hold(): Promise<Answer>;
  readonly held: Promise<Answer>;
  quick(): Promise<string>;
  drink(stream: ReadableStream<Uint8Array>): Promise<string>;
  listen(callback: () => Promise<string>): Promise<string>;
  pour(stream: WritableStream<Uint8Array>): Promise<string>;
}

interface Doorkeeper {
  counts(): Promise<object>;
  set(isOpen: boolean): Promise<void>;
}

type Env = Readonly<Record<string, Service>> & { readonly DOOR: Doorkeeper };

/** A caller: `/ROUTE/METHOD` calls the service by that route, and waits for what it answers. */
export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const [, route = "", does = ""] = new URL(request.url).pathname.split("/");
    if (route === "door") {
      if (does !== "counts") await env.DOOR.set(does === "open");
      return Response.json(await env.DOOR.counts());
    }
    const service = env[route];
    if (service === undefined) return new Response("no such route", { status: 404 });
    try {
      return new Response(await asked(service, does));
    } catch (error) {
      const { name, message } = error as Error;
      return new Response(`${name}: ${message}`, { status: 500 });
    }
  },
};

async function never(): Promise<never> {
  return new Promise(() => undefined);
}

/** A beginning without an end. */
function endless(): ReadableStream<Uint8Array> {
  return new ReadableStream({
    type: "bytes",
    start: (controller) => controller.enqueue(new Uint8Array(10)),
    pull: never,
  });
}

async function asked(service: Service, does: string): Promise<string> {
  if (does === "quick") return service.quick();
  if (does === "drink") return service.drink(endless());
  if (does === "listen") return service.listen(never);
  if (does === "pour") return service.pour(new WritableStream({ write: never }));
  using answer = await (does === "held" ? service.held : service.hold());
  return answer.word();
}
