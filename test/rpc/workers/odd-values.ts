import { RpcTarget } from "cloudflare:workers";

class OwnError extends Error {
  override name = "OwnError";
  readonly code = "E42";
  readonly details = { at: new Date(0), tags: new Set(["a"]) };
}

class Point {
  x = 1;
}

async function* numbers(): AsyncGenerator<number> {
  yield 1;
}

const FAILURES: Readonly<Record<string, () => unknown>> = {
  Error: () => new Error("plain"),
  TypeError: () => new TypeError("of its type"),
  "a subclass with fields": () => new OwnError("mine"),
  "a name and a code set by hand": () => Object.assign(new Error("by hand"), { name: "Custom", code: 7, list: [1n] }),
  "a cause": () => new Error("outer", { cause: new RangeError("inner", { cause: "innermost" }) }),
  "a cause that is an object": () => new Error("outer", { cause: { code: 5 } }),
  AggregateError: () => new AggregateError([new Error("one"), new TypeError("two")], "both"),
  DOMException: () => new DOMException("gone", "NotFoundError"),
  "a field that cannot be sent": () => Object.assign(new Error("with a function"), { helper: () => 1 }),
  "an empty message": () => new Error(""),
  "a field named remote": () =>
    Object.assign(new Error("says so itself"), { remote: false, retryable: true, overloaded: true }),
  "a field named status": () => Object.assign(new Error("RBAC: access denied"), { name: "MeshDenied", status: 403 }),
  "a string": () => "only a text",
  "a number": () => 42,
  undefined: () => undefined,
  null: () => null,
  "an object": () => ({ code: "E1", list: [1, 2] }),
  "a Response": () => new Response("no", { status: 418 }),
};

/** What is thrown under each of the names of `FAILURE_NAMES`. */
export function failure(name: string): unknown {
  const made = FAILURES[name];
  if (made === undefined) throw new Error(`no failure ${name}`);
  return made();
}

export const FAILURE_NAMES: readonly string[] = Object.keys(FAILURES);

const UNSENDABLE: Readonly<Record<string, () => unknown>> = {
  "a symbol": () => Symbol("s"),
  "a WeakMap": () => new WeakMap(),
  "an object of a class": () => new Point(),
  "such an object deep inside": () => ({ list: [{ point: new Point() }] }),
  "an async generator": () => numbers(),
  "a WeakRef": () => new WeakRef({}),
  "a URL": () => new URL("http://one.test/a?b#c"),
  URLSearchParams: () => new URLSearchParams("a=1"),
  "a FormData": () => new FormData(),
  "a Blob": () => new Blob(["text"], { type: "text/plain" }),
  "an object without a prototype": () => Object.assign(Object.create(null) as object, { a: 1 }),
  "a promise": () => Promise.resolve(5),
  "a promise inside": () => ({ later: Promise.resolve(5) }),
  "a class": () => Point,
  "an array with a field": () => Object.assign([1, 2], { extra: true }),
  "an object with a getter": () => ({
    get half() {
      return 21;
    },
  }),
  "a frozen object": () => Object.freeze({ a: 1 }),
  "an object with a toJSON": () => ({ a: 1, toJSON: () => "json" }),
  // oxlint-disable-next-line unicorn/no-thenable -- what comes of it is asked
  "a thenable": () => ({ then: (resolve: (value: number) => void) => resolve(9) }),
  "an EventTarget": () => new EventTarget(),
  "a locked stream": () => {
    const stream = new ReadableStream();
    stream.getReader();
    return stream;
  },
  "an RpcTarget of no method": () => new (class Bare extends RpcTarget {})(),
};

/** Values of which some can be sent and some cannot, each under one of `UNSENDABLE_NAMES`. */
export function unsendable(name: string): unknown {
  const made = UNSENDABLE[name];
  if (made === undefined) throw new Error(`no value ${name}`);
  return made();
}

export const UNSENDABLE_NAMES: readonly string[] = Object.keys(UNSENDABLE);
