/*
 * What the callee offers, as its caller sees it. Written out, since the platform's own types know less than the platform
 * does: to them a method that takes or gives a value of unknown type gives nothing.
 */

/** A promise whose members can be called before it is fulfilled. */
type Pipelined<T> = Promise<T> & Omit<T, "then"> & Disposable;

export interface CounterStub extends Disposable {
  inc(by?: unknown): Promise<number>;
  readonly value: Promise<number>;
  /** Itself, one call further. */
  same(): Pipelined<CounterStub>;
  /** Another. */
  other(): Pipelined<CounterStub>;
  fail(): Promise<never>;
  dup(): CounterStub;
}

export type Callback = ((value: unknown) => unknown) & Partial<Disposable> & { dup?(): Callback };

interface Box extends Disposable {
  readonly name: string;
  readonly counter: CounterStub;
  readonly double: (value: number) => Promise<number>;
  readonly deep: { readonly list: readonly number[]; readonly counter: CounterStub };
}

interface KeeperStub extends Disposable {
  call(value: unknown): Promise<unknown>;
  letGo(): Promise<void>;
}

export interface CalleeApi {
  fetch(input: string | Request, init?: RequestInit): Promise<Response>;
  // values
  add(a?: unknown, b?: unknown): Pipelined<number>;
  /** What came, as the callee sees it, and itself. */
  both(...values: readonly unknown[]): Promise<Disposable & { readonly seen: unknown; readonly back: unknown }>;
  echo(value?: unknown): Pipelined<unknown>;
  seen(...values: readonly unknown[]): Promise<unknown>;
  sized(bytes: number): Promise<Uint8Array>;
  props(): Promise<unknown>;
  remember(value: unknown): Promise<unknown>;
  late(text: string): Promise<string>;
  bytesIn(value: { readonly byteLength: number }): Promise<number>;
  unsendable(what: string): Promise<unknown>;
  // what is there under a name
  readonly version: Promise<string>;
  readonly table: Promise<{ readonly rows: readonly number[] }>;
  readonly broken: Promise<never>;
  readonly shared: Pipelined<CounterStub>;
  readonly doubler: ((value: number) => Promise<number>) & PromiseLike<(value: number) => Promise<number>>;
  readonly field: Promise<unknown>;
  arrow(): Promise<unknown>;
  missing(): Promise<unknown>;
  readonly nothing: Promise<unknown>;
  // errors
  fail(what: string): Promise<never>;
  failLater(): Promise<never>;
  // callbacks
  callBack(callback: unknown, times?: number): Promise<unknown>;
  caught(callback: unknown): Promise<unknown>;
  keep(callback: unknown, how: "dup" | "as it is"): Promise<KeeperStub>;
  useTarget(target: unknown): Promise<unknown>;
  backAndForth(target: unknown): Promise<unknown>;
  // stubs
  counter(from?: number): Pipelined<CounterStub>;
  box(): Pipelined<Box>;
  func(factor: number): Pipelined<(value: number) => Promise<number>>;
  isMine(stub: unknown): Promise<unknown>;
  handOn(counter: unknown, by: number): Promise<unknown>;
  viaThird(): Promise<unknown>;
  memory(): Pipelined<{ inc(): Promise<number> }>;
  // streams
  produce(bytes: number, kind: "pulled" | "identity" | "values"): Promise<ReadableStream<Uint8Array>>;
  response(bytes: number): Promise<Response>;
  breakOff(bytes: number): Promise<ReadableStream<Uint8Array>>;
  consume(stream: unknown): Promise<number>;
  readSome(stream: unknown): Promise<number>;
  writeTo(stream: unknown, bytes: number): Promise<void>;
  sink(): Promise<WritableStream<Uint8Array>>;
  brokenSink(): Promise<WritableStream<Uint8Array>>;
  hold(signal: AbortSignal): Promise<unknown>;
}

/** What is told of the callee past the mesh. */
export interface WatchApi {
  /** Objects made of the callee's classes: no call reaches a method without one. */
  hits(): Promise<number>;
  /** What happened in it since `clear`. */
  events(): Promise<readonly string[]>;
  clear(): Promise<void>;
}

export interface ThirdApi {
  inc(counter: unknown, by: number): Promise<number>;
  call(callback: unknown, value: unknown): Promise<unknown>;
  counter(): Pipelined<CounterStub>;
}
