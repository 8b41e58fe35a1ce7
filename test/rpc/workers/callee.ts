import { DurableObject, RpcTarget, WorkerEntrypoint } from "cloudflare:workers";
import type { Callback, CounterStub, ThirdApi } from "./api.ts";
import { failure, unsendable } from "./odd-values.ts";
import { shown } from "./shown.ts";
import { identityOf, pulled, readAll } from "./streams.ts";

interface Env {
  readonly THIRD: ThirdApi;
  readonly MEMORY: DurableObjectNamespace<Memory>;
}

let hits = 0;
let events: string[] = [];

function tell(event: string): void {
  events.push(event);
}

/** A context that is over disposes nothing: what should tell of its end holds its call open until then, or so long. */
const HELD_MS = 30_000;

class Counter extends RpcTarget {
  #value: number;
  readonly #disposed = Promise.withResolvers<void>();
  /** Of the object itself: never reached. */
  secret = "secret";

  constructor(value: number) {
    super();
    this.#value = value;
  }

  inc(by: unknown = 1): number {
    this.#value += Number(by);
    return this.#value;
  }

  get value(): number {
    return this.#value;
  }

  same(): Counter {
    return this;
  }

  other(): Counter {
    return new Counter(this.#value);
  }

  fail(): never {
    throw new RangeError(`at ${this.#value}`);
  }

  holding(ctx: ExecutionContext): Counter {
    ctx.waitUntil(Promise.race([this.#disposed.promise, scheduler.wait(HELD_MS)]));
    return this;
  }

  [Symbol.dispose](): void {
    tell(`counter at ${this.#value} disposed`);
    this.#disposed.resolve();
  }
}

/** Keeps a callback beyond the call that brought it. */
class Keeper extends RpcTarget {
  readonly #kept: Callback;

  constructor(kept: Callback) {
    super();
    this.#kept = kept;
  }

  call(value: unknown): unknown {
    return this.#kept(value);
  }

  letGo(): void {
    this.#kept[Symbol.dispose]?.();
  }
}

export class Memory extends DurableObject {
  #count = 0;

  inc(): number {
    this.#count += 1;
    return this.#count;
  }
}

const shared = new Counter(100);

/** The service that is called over the bare binding and through the mesh. */
export default class Callee extends WorkerEntrypoint<Env> {
  field = "of the object";
  arrow = (): string => "of the object";

  constructor(ctx: ExecutionContext, env: Env) {
    super(ctx, env);
    hits += 1;
  }

  override async fetch(request: Request): Promise<Response> {
    const { pathname, search } = new URL(request.url);
    if (pathname === "/unsaid") return new Response(request.body);
    return Response.json({ fetched: request.method, pathname, search, body: await request.text() });
  }

  add(a: unknown = 0, b: unknown = 0): number {
    return Number(a) + Number(b);
  }

  async both(...values: readonly unknown[]): Promise<unknown> {
    return { seen: await shown(values), back: values.length === 1 ? values[0] : values };
  }

  echo(value: unknown): unknown {
    return value;
  }

  async seen(...values: readonly unknown[]): Promise<unknown> {
    return shown(values);
  }

  sized(bytes: number): Uint8Array {
    return new Uint8Array(bytes);
  }

  props(): unknown {
    return this.ctx.props;
  }

  remember(value: unknown): unknown {
    this.ctx.waitUntil(Promise.resolve().then(() => tell(`after the answer: ${String(value)}`)));
    return value;
  }

  async late(text: string): Promise<string> {
    await scheduler.wait(20);
    return text;
  }

  bytesIn({ byteLength }: { readonly byteLength: number }): number {
    return byteLength;
  }

  unsendable(what: string): unknown {
    return unsendable(what);
  }

  get version(): string {
    return "v1";
  }

  get table(): object {
    return { rows: [1, 2, 3] };
  }

  get broken(): never {
    throw new TypeError("no such table");
  }

  get shared(): Counter {
    return shared;
  }

  get doubler(): (value: number) => number {
    return (value) => value * 2;
  }

  get nothing(): undefined {
    return undefined;
  }

  fail(what: string): never {
    throw failure(what);
  }

  async failLater(): Promise<never> {
    await scheduler.wait(10);
    throw new TypeError("later");
  }

  async callBack(callback: Callback, times = 1): Promise<unknown> {
    const answers: unknown[] = [];
    for (let call = 0; call < times; call += 1) answers.push(await callback(call));
    return answers;
  }

  async caught(callback: Callback): Promise<unknown> {
    try {
      return { answered: await callback(1) };
    } catch (error) {
      return { caught: await shown(error) };
    }
  }

  keep(callback: Callback, how: "dup" | "as it is"): Keeper {
    return new Keeper(how === "dup" && callback.dup !== undefined ? callback.dup() : callback);
  }

  async useTarget(target: CounterStub): Promise<unknown> {
    const [first, second] = await Promise.all([target.inc(1), target.inc(2)]);
    return [first, second, await target.value, await target.other().inc(10)];
  }

  /** A callback that is given a callback. */
  async backAndForth(callback: Callback): Promise<unknown> {
    return callback((value: unknown) => `the callee got ${String(value)}`);
  }

  counter(from = 0): Counter {
    return new Counter(from).holding(this.ctx);
  }

  box(): unknown {
    return {
      name: "box",
      counter: new Counter(10).holding(this.ctx),
      double: (value: number) => value * 2,
      deep: { list: [1, 2], counter: new Counter(20).holding(this.ctx) },
    };
  }

  func(factor: number): (value: number) => number {
    return (value) => value * factor;
  }

  /** What the callee sees of a stub of its own that comes back. */
  async isMine(stub: CounterStub): Promise<unknown> {
    return { own: (stub as unknown) instanceof Counter, counted: await stub.inc(1) };
  }

  async handOn(counter: CounterStub, by: number): Promise<unknown> {
    return this.env.THIRD.inc(counter, by);
  }

  /** A stub of another Worker's. */
  viaThird(): unknown {
    return this.env.THIRD.counter();
  }

  memory(): unknown {
    return this.env.MEMORY.getByName(crypto.randomUUID());
  }

  produce(bytes: number, kind: "pulled" | "identity" | "values"): ReadableStream {
    if (kind === "identity") return identityOf(bytes, tell, (work) => this.ctx.waitUntil(work));
    return pulled(bytes, tell, kind === "values" ? undefined : "bytes");
  }

  response(bytes: number): Response {
    return new Response(pulled(bytes, tell, "bytes"), { status: 203, headers: { "x-made": "by the callee" } });
  }

  breakOff(bytes: number): ReadableStream {
    return pulled(bytes, tell, "bytes", new TypeError("the producer broke"));
  }

  async consume(stream: ReadableStream<Uint8Array>): Promise<number> {
    return readAll(stream);
  }

  async readSome(stream: ReadableStream<Uint8Array>): Promise<number> {
    const reader = stream.getReader();
    const { value } = await reader.read();
    await reader.cancel(new RangeError("enough"));
    return value?.byteLength ?? 0;
  }

  async writeTo(stream: WritableStream<Uint8Array>, bytes: number): Promise<void> {
    await pulled(bytes, tell, "bytes").pipeTo(stream);
  }

  sink(): WritableStream<Uint8Array> {
    let taken = 0;
    this.ctx.waitUntil(scheduler.wait(HELD_MS));
    return new WritableStream({
      write(chunk) {
        taken += chunk.byteLength;
      },
      close: () => tell(`the sink took ${taken} bytes`),
      abort: (reason: unknown) => tell(`the sink was aborted: ${String(reason)}`),
    });
  }

  brokenSink(): WritableStream<Uint8Array> {
    return new WritableStream({
      write() {
        throw new RangeError("the sink is full");
      },
    });
  }

  async hold(signal: AbortSignal): Promise<unknown> {
    tell("holding");
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve));
    const reason: unknown = signal.reason;
    return shown(reason);
  }
}

/** Another entrypoint of the same Worker, called with props that its user wrote. */
export class Ledger extends WorkerEntrypoint<Env, { readonly tenant?: string }> {
  constructor(ctx: ExecutionContext<{ readonly tenant?: string }>, env: Env) {
    super(ctx, env);
    hits += 1;
  }

  props(): unknown {
    return this.ctx.props;
  }

  tenant(): string {
    return `the ledger of ${this.ctx.props.tenant ?? "nobody"}`;
  }

  override fetch(): Response {
    return new Response("the ledger's fetch");
  }
}

/** It cannot be made. */
export class Broken extends WorkerEntrypoint<Env> {
  constructor(ctx: ExecutionContext, env: Env) {
    super(ctx, env);
    throw new RangeError("cannot be made");
  }

  add(): number {
    return 0;
  }
}

export class Watch extends WorkerEntrypoint<Env> {
  hits(): number {
    return hits;
  }

  events(): readonly string[] {
    return events;
  }

  clear(): void {
    events = [];
  }
}
