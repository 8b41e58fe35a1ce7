import { env } from "cloudflare:workers";
import { UNSENDABLE_NAMES, unsendable } from "../odd-values.ts";
import { shown } from "../shown.ts";
import type { Rows } from "./row.ts";

function cyclic(): unknown {
  const ring: Record<string, unknown> = { name: "ring", list: [] };
  ring["self"] = ring;
  (ring["list"] as unknown[]).push(ring);
  return ring;
}

function twice(): unknown {
  const one = { a: 1 };
  return { first: one, second: one };
}

const VALUES: Readonly<Record<string, () => unknown>> = {
  undefined: () => undefined,
  null: () => null,
  booleans: () => [true, false],
  numbers: () => [0, -0, 1.5, -7, Number.MAX_SAFE_INTEGER, Number.MIN_VALUE, Number.NaN, Infinity, -Infinity],
  bigints: () => [0n, -5n, 2n ** 80n],
  texts: () => ["", "text", "zero \u0000 in it", "é 日本 🚀", "\ud800 alone", "x".repeat(70_000)],
  "boxed values": () => [Object(1), Object("t"), Object(true)],
  Date: () => [new Date(0), new Date(Date.UTC(2026, 9, 20)), new Date(Number.NaN)],
  RegExp: () => [/a+b/giu, /[/]/],
  Map: () =>
    new Map<unknown, unknown>([
      ["a", 1],
      [{ b: 2 }, new Map([[1n, new Date(5)]])],
    ]),
  Set: () => new Set<unknown>([1, "1", new Set([2])]),
  ArrayBuffer: () => new Uint8Array([1, 2, 250]).buffer,
  "typed arrays": () => [
    new Uint8Array([1]),
    new Int8Array([-1]),
    new Uint8ClampedArray([300]),
    new Uint16Array([65_535]),
    new Int16Array([-2]),
    new Uint32Array([5]),
    new Int32Array([-5]),
    new Float32Array([1.5]),
    new Float64Array([2.5]),
    new BigInt64Array([-1n]),
    new BigUint64Array([2n ** 64n - 1n]),
    new DataView(new Uint8Array([7, 8]).buffer),
  ],
  "a part of a buffer": () => new Uint8Array(new Uint8Array([1, 2, 3, 4, 5]).buffer, 1, 3),
  "two views of one buffer": () => {
    const { buffer } = new Uint8Array([1, 2, 3, 4]);
    return [new Uint8Array(buffer, 0, 2), new Uint16Array(buffer)];
  },
  "a list with holes": () => Object.assign(Array.from({ length: 3 }), { 1: "middle" }),
  nested: () => ({ a: { b: [{ c: new Map([["d", [null, undefined, 1n]]]) }] }, "odd key": 1, 7: "seven" }),
  cyclic,
  "one object twice": twice,
  Error: () => Object.assign(new TypeError("sent, not thrown"), { code: 3 }),
  "Error with a cause": () => new RangeError("outer", { cause: new Error("inner") }),
  Headers: () =>
    new Headers([
      ["set-cookie", "a=1"],
      ["set-cookie", "b=2"],
      ["X-Upper", "v, w"],
    ]),
  Request: () =>
    new Request("http://one.test/p?q#f", { method: "PUT", headers: { "x-a": "1" }, body: "body", redirect: "manual" }),
  "Request without a body": () => new Request("http://one.test/", { headers: { host: "other.test" } }),
  Response: () => new Response("body", { status: 418, statusText: "Teapot", headers: { "x-b": "2" } }),
  "Response without a body": () => new Response(null, { status: 204 }),
  "names of prototypes as keys": () =>
    JSON.parse('{"__proto__": {"polluted": true}, "constructor": 1, "then": 2, "toString": 3}') as unknown,
  "ten thousand small things": () => Array.from({ length: 10_000 }, (_, index) => ({ index })),
  "a hundred levels": () => Array.from({ length: 100 }).reduce<unknown>((inner) => [inner], "ground"),
};

/** Sent, seen there, and got back. */
const SENT: Rows = Object.fromEntries(
  Object.entries(VALUES).map(([name, make]) => [
    name,
    async ({ callee }) => {
      // A body is read once: what is looked at there can't come back.
      const isBody = name.startsWith("Re") && name !== "RegExp";
      if (isBody) return { seen: await callee.seen(make()), back: await shown(await callee.echo(make())) };
      const { seen, back } = await callee.both(make());
      return { seen, back: await shown(back) };
    },
  ]),
);

const UNSENDABLE_SENT: Rows = Object.fromEntries(
  UNSENDABLE_NAMES.map((name) => [`${name} as an argument`, async ({ callee }) => callee.seen(unsendable(name))]),
);

const UNSENDABLE_GIVEN: Rows = Object.fromEntries(
  UNSENDABLE_NAMES.map((name) => [`${name} as an answer`, async ({ callee }) => callee.unsendable(name)]),
);

const MIB = 2 ** 20;

export const VALUE_ROWS: Rows = {
  ...SENT,
  ...UNSENDABLE_SENT,
  ...UNSENDABLE_GIVEN,
  "a CryptoKey": async ({ callee }) =>
    callee.seen(await crypto.subtle.generateKey({ name: "HMAC", hash: "SHA-256" }, true, ["sign"])),
  "no argument": async ({ callee }) => callee.seen(),
  "a hundred arguments": async ({ callee }) => callee.seen(...Array.from({ length: 100 }, (_, index) => index)),
  "31 MiB there": async ({ callee }) => callee.bytesIn(new Uint8Array(31 * MIB)),
  "31 MiB back": async ({ callee }) => (await callee.sized(31 * MIB)).byteLength,
  "33 MiB there": async ({ callee }) => callee.bytesIn(new Uint8Array(33 * MIB)),
  "33 MiB back": async ({ callee }) => (await callee.sized(33 * MIB)).byteLength,
  "good calls after 33 MiB": async ({ callee }) => {
    await callee.sized(33 * MIB).catch(() => undefined);
    return callee.add(1, 2);
  },
  "an aborted signal": async ({ callee }) => callee.hold(AbortSignal.abort("from the start")),
  "a signal that is aborted in mid-call": async ({ callee, happened }) => {
    const controller = new AbortController();
    const held = callee.hold(controller.signal);
    await Promise.race([held, happened("holding")]);
    controller.abort("in the midst");
    return held;
  },
  "a service binding as an argument": async ({ callee }) => callee.seen((env as Record<string, unknown>)["THIRD"]),
};
