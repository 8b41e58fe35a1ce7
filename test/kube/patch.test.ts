import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { keyedLists } from "../../src/kinds/registry.ts";
import type { KeyedLists } from "../../src/kinds/list-keys.ts";
import { applyPatch, type Patch } from "../../src/kube/patch.ts";
import { parseOne } from "../../src/resources/documents.ts";
import { times } from "../support/scale.ts";
import { HANG_MS } from "../support/until.ts";

const SERVICE = keyedLists({ group: "", kind: "Service" });
const POD = keyedLists({ group: "", kind: "Pod" });
const NONE: KeyedLists = new Map();

const merge = (before: unknown, body: unknown) => applyPatch(before, { type: "merge", body }, NONE);
const json = (before: unknown, body: unknown) => applyPatch(before, { type: "json", body }, NONE);
const strategic = (before: unknown, body: unknown, lists: KeyedLists = POD) =>
  applyPatch(before, { type: "strategic", body }, lists);

const done = (value: unknown) => ({ ok: true, value });
const BAD = { ok: false, error: { kind: "Status", reason: "BadRequest", code: 400 } };
const INVALID = { ok: false, error: { kind: "Status", reason: "Invalid", code: 422 } };

const nested = (levels: number): unknown => JSON.parse("[".repeat(levels) + "]".repeat(levels));

type Json = null | string | number | boolean | readonly Json[] | { readonly [key: string]: Json };

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Few keys, so that two values often have some in common; among them those that a prototype or a pointer has. */
const key = fc.constantFrom("a", "b", "c", "", "a/b", "~", "~1", "0", "-", "toString", "constructor", "$ref");
const plainKey = key.filter((name) => !name.startsWith("$"));

function jsonWith(keys: fc.Arbitrary<string>, leaf: fc.Arbitrary<Json>, withLists: boolean): fc.Arbitrary<Json> {
  return fc.letrec<{ value: Json }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      leaf,
      fc.dictionary(keys, tie("value"), { maxKeys: 4, noNullPrototype: true }),
      ...(withLists ? [fc.array(tie("value"), { maxLength: 4 })] : []),
    ),
  })).value;
}

const scalar = fc.oneof(fc.integer(), fc.boolean(), fc.string({ maxLength: 3 }), fc.constant(null));
const value = jsonWith(key, scalar, true);
const map = fc.dictionary(key, value, { maxKeys: 4, noNullPrototype: true });

function deepFreeze<T>(input: T): T {
  if (typeof input === "object" && input !== null) {
    Object.values(input).forEach(deepFreeze);
    Object.freeze(input);
  }
  return input;
}

function hasFrozen(input: unknown): boolean {
  return (
    typeof input === "object" && input !== null && (Object.isFrozen(input) || Object.values(input).some(hasFrozen))
  );
}

describe("a merge patch", () => {
  // RFC 7396, appendix A.
  it.each([
    [{ a: "b" }, { a: "c" }, { a: "c" }],
    [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
    [{ a: "b" }, { a: null }, {}],
    [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
    [{ a: ["b"] }, { a: "c" }, { a: "c" }],
    [{ a: "c" }, { a: ["b"] }, { a: ["b"] }],
    [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
    [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
    [
      ["a", "b"],
      ["c", "d"],
      ["c", "d"],
    ],
    [{ a: "b" }, ["c"], ["c"]],
    [{ a: "foo" }, null, null],
    [{ a: "foo" }, "bar", "bar"],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: "b", c: null }, { a: "b" }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])("makes of %j by %j: %j", (before, body, after) => {
    expect(merge(before, body)).toEqual(done(after));
  });

  it("keeps keys with `$` and members that a prototype has too", () => {
    expect(merge({}, { $patch: "delete", toString: { a: 1 }, constructor: { prototype: { b: 1 } } })).toEqual(
      done({ $patch: "delete", toString: { a: 1 }, constructor: { prototype: { b: 1 } } }),
    );
  });

  it("changes nothing where it is empty", () => {
    fc.assert(
      fc.property(map, (before) => {
        expect(merge(before, {})).toEqual(done(before));
      }),
    );
  });

  it("does what the pseudocode of RFC 7396 says", () => {
    const reference = (target: Json | undefined, patch: Json): Json => {
      if (!isMap(patch)) return patch;
      const result: Record<string, Json> = Object.assign(Object.create(null), isMap(target) ? target : {});
      for (const [name, member] of Object.entries(patch)) {
        if (member === null) delete result[name];
        else result[name] = reference(result[name], member);
      }
      return result;
    };
    fc.assert(
      fc.property(value, value, (before, body) => {
        expect(merge(before, body)).toEqual(done(reference(before, body)));
      }),
    );
  });
});

describe("a JSON patch", () => {
  // RFC 6902, appendix A.
  it.each([
    ["A.1", { foo: "bar" }, [{ op: "add", path: "/baz", value: "qux" }], { baz: "qux", foo: "bar" }],
    ["A.2", { foo: ["bar", "baz"] }, [{ op: "add", path: "/foo/1", value: "qux" }], { foo: ["bar", "qux", "baz"] }],
    ["A.3", { baz: "qux", foo: "bar" }, [{ op: "remove", path: "/baz" }], { foo: "bar" }],
    ["A.4", { foo: ["bar", "qux", "baz"] }, [{ op: "remove", path: "/foo/1" }], { foo: ["bar", "baz"] }],
    ["A.5", { baz: "qux", foo: "bar" }, [{ op: "replace", path: "/baz", value: "boo" }], { baz: "boo", foo: "bar" }],
    [
      "A.6",
      { foo: { bar: "baz", waldo: "fred" }, qux: { corge: "grault" } },
      [{ op: "move", from: "/foo/waldo", path: "/qux/thud" }],
      { foo: { bar: "baz" }, qux: { corge: "grault", thud: "fred" } },
    ],
    [
      "A.7",
      { foo: ["all", "grass", "cows", "eat"] },
      [{ op: "move", from: "/foo/1", path: "/foo/3" }],
      { foo: ["all", "cows", "eat", "grass"] },
    ],
    [
      "A.8",
      { baz: "qux", foo: ["a", 2, "c"] },
      [
        { op: "test", path: "/baz", value: "qux" },
        { op: "test", path: "/foo/1", value: 2 },
      ],
      { baz: "qux", foo: ["a", 2, "c"] },
    ],
    [
      "A.10",
      { foo: "bar" },
      [{ op: "add", path: "/child", value: { grandchild: {} } }],
      { foo: "bar", child: { grandchild: {} } },
    ],
    ["A.11", { foo: "bar" }, [{ op: "add", path: "/baz", value: "qux", xyz: 123 }], { foo: "bar", baz: "qux" }],
    ["A.14", { "/": 9, "~1": 10 }, [{ op: "test", path: "/~01", value: 10 }], { "/": 9, "~1": 10 }],
    [
      "A.16",
      { foo: ["bar"] },
      [{ op: "add", path: "/foo/-", value: ["abc", "def"] }],
      { foo: ["bar", ["abc", "def"]] },
    ],
  ])("does example %s", (_, before, body, after) => {
    expect(json(before, body)).toEqual(done(after));
  });

  it.each([
    ["A.9", { baz: "qux" }, [{ op: "test", path: "/baz", value: "bar" }]],
    ["A.12", { foo: "bar" }, [{ op: "add", path: "/baz/bat", value: "qux" }]],
    ["A.15", { "/": 9, "~1": 10 }, [{ op: "test", path: "/~01", value: "10" }]],
  ])("cannot do example %s", (_, before, body) => {
    expect(json(before, body)).toMatchObject(INVALID);
  });

  it("is refused as text where an operation is two, as in example A.13", () => {
    const text = '[{ "op": "add", "path": "/baz", "value": "qux", "op": "remove" }]';
    expect(parseOne(text, "json").ok).toBe(false);
  });

  it.each([
    ["nothing", { a: 1 }, [], { a: 1 }],
    ["add of the whole", { a: 1 }, [{ op: "add", path: "", value: [1] }], [1]],
    ["replace of the whole", { a: 1 }, [{ op: "replace", path: "", value: null }], null],
    ["test of the whole", { a: [1], b: 2 }, [{ op: "test", path: "", value: { b: 2, a: [1] } }], { a: [1], b: 2 }],
    ["copy of the whole into itself", { a: 1 }, [{ op: "copy", from: "", path: "/b" }], { a: 1, b: { a: 1 } }],
    ["move of a member to the whole", { a: { b: 1 } }, [{ op: "move", from: "/a", path: "" }], { b: 1 }],
    ["move to where it is", { a: 1 }, [{ op: "move", from: "/a", path: "/a" }], { a: 1 }],
    ["move of the whole to where it is", { a: 1 }, [{ op: "move", from: "", path: "" }], { a: 1 }],
    ["move to a name that only begins alike", { a: 1 }, [{ op: "move", from: "/a", path: "/ab" }], { ab: 1 }],
    ["move up, out of a value", { a: { b: 1 } }, [{ op: "move", from: "/a/b", path: "/a" }], { a: 1 }],
    ["move of null", { a: null }, [{ op: "move", from: "/a", path: "/b" }], { b: null }],
    ["remove of null", { a: null }, [{ op: "remove", path: "/a" }], {}],
    ["replace of null", { a: null }, [{ op: "replace", path: "/a", value: 1 }], { a: 1 }],
    ["add over what is there", { a: 1 }, [{ op: "add", path: "/a", value: null }], { a: null }],
    ["add at the end by index", [1], [{ op: "add", path: "/1", value: 2 }], [1, 2]],
    ["copy to the end", [1], [{ op: "copy", from: "/0", path: "/-" }], [1, 1]],
    ["an empty name", { "": 1 }, [{ op: "replace", path: "/", value: 2 }], { "": 2 }],
    ["names that look like indices", { "00": 1, "-": 2 }, [{ op: "remove", path: "/00" }], { "-": 2 }],
    ["`/` and `~` in a name", {}, [{ op: "add", path: "/a~1b~0c", value: 1 }], { "a/b~c": 1 }],
    ["names that a prototype has", {}, [{ op: "add", path: "/constructor", value: 1 }], { constructor: 1 }],
  ])("does %s", (_, before, body, after) => {
    expect(json(before, body)).toEqual(done(after));
  });

  it("looks up where to move a value when it is gone from where it was", () => {
    const body = [{ op: "move", from: "/0", path: "/1/a" }];
    expect(json([1, {}, { b: 2 }], body)).toEqual(done([{}, { b: 2, a: 1 }]));
  });

  it("copies values, so that a change of one is none of the other", () => {
    const body = [
      { op: "copy", from: "/a", path: "/b" },
      { op: "add", path: "/b/c", value: 1 },
    ];
    expect(json({ a: {} }, body)).toEqual(done({ a: {}, b: { c: 1 } }));
  });

  it.each([
    ["remove where nothing is", { a: 1 }, { op: "remove", path: "/b" }],
    ["remove of the whole", { a: 1 }, { op: "remove", path: "" }],
    ["remove of what only a prototype has", {}, { op: "remove", path: "/toString" }],
    ["remove past the end", [1], { op: "remove", path: "/1" }],
    ["remove of `-`", [1], { op: "remove", path: "/-" }],
    ["remove of a list's `length`", [1], { op: "remove", path: "/length" }],
    ["replace where nothing is", { a: 1 }, { op: "replace", path: "/b", value: 1 }],
    ["replace past the end", [1], { op: "replace", path: "/1", value: 1 }],
    ["add past the end", [1], { op: "add", path: "/2", value: 1 }],
    ["add at a negative index", [1], { op: "add", path: "/-1", value: 1 }],
    ["add at an index with a leading zero", [1, 2], { op: "add", path: "/01", value: 1 }],
    ["add at an index with an exponent", [1, 2], { op: "add", path: "/1e0", value: 1 }],
    ["add at a name in a list", [1], { op: "add", path: "/a", value: 1 }],
    ["add at no name in a list", [1], { op: "add", path: "/", value: 1 }],
    ["add in a text", { a: "b" }, { op: "add", path: "/a/0", value: 1 }],
    ["add in null", { a: null }, { op: "add", path: "/a/b", value: 1 }],
    ["add in what only a prototype has", {}, { op: "add", path: "/constructor/a", value: 1 }],
    ["test of what is not there", {}, { op: "test", path: "/a", value: null }],
    ["test by index with leading zeros", ["a"], { op: "test", path: "/00", value: "a" }],
    ["test of a list as a map", [], { op: "test", path: "", value: {} }],
    ["test of fewer members", { a: 1, b: 2 }, { op: "test", path: "", value: { a: 1 } }],
    ["test of more members", { a: 1 }, { op: "test", path: "", value: { a: 1, b: 2 } }],
    ["test of other members", { a: 1 }, { op: "test", path: "", value: { b: 1 } }],
    ["test of what only a prototype has", { a: 1 }, { op: "test", path: "", value: { toString: 1 } }],
    ["test of a longer list", [1], { op: "test", path: "", value: [1, 2] }],
    ["move of nothing", {}, { op: "move", from: "/a", path: "/b" }],
    ["move to where nothing can be", { a: 1, b: 2 }, { op: "move", from: "/a", path: "/b/c" }],
    ["copy of nothing", {}, { op: "copy", from: "/a", path: "/b" }],
    ["copy to where nothing can be", { a: 1 }, { op: "copy", from: "/a", path: "/b/c" }],
    ["add that makes it too large", { a: "x".repeat(600_000) }, { op: "add", path: "/b", value: "x".repeat(600_000) }],
    ["add that nests too deep", { a: nested(40) }, { op: "add", path: `/a${"/0".repeat(39)}/-`, value: nested(40) }],
  ])("cannot do %s", (_, before, operation) => {
    expect(json(before, [operation])).toMatchObject(INVALID);
  });

  it.each([
    ["no list", { op: "add", path: "/a", value: 1 }],
    ["an operation that is no object", ["add"]],
    ["an operation that is null", [null]],
    ["no `op`", [{ path: "/a", value: 1 }]],
    ["an unknown `op`", [{ op: "spam", path: "/a", value: 1 }]],
    ["an `op` in capitals", [{ op: "ADD", path: "/a", value: 1 }]],
    ["no `path`", [{ op: "add", value: 1 }]],
    ["a `path` that is no text", [{ op: "add", path: 1, value: 1 }]],
    ["a `path` without a slash", [{ op: "add", path: "a", value: 1 }]],
    ["a bare tilde", [{ op: "add", path: "/a~", value: 1 }]],
    ["an unknown escape", [{ op: "add", path: "/a~2", value: 1 }]],
    ["add without a value", [{ op: "add", path: "/a" }]],
    ["replace without a value", [{ op: "replace", path: "/a" }]],
    ["test without a value", [{ op: "test", path: "/a" }]],
    ["move without `from`", [{ op: "move", path: "/a" }]],
    ["copy without `from`", [{ op: "copy", path: "/a" }]],
    ["a `from` without a slash", [{ op: "copy", from: "a", path: "/b" }]],
    ["move into its own child", [{ op: "move", from: "/a", path: "/a/b" }]],
    ["move of the whole into itself", [{ op: "move", from: "", path: "/b" }]],
    ["`__proto__` in a path", [{ op: "add", path: "/__proto__/x", value: 1 }]],
    ["`__proto__` in a `from`", [{ op: "copy", from: "/__proto__", path: "/b" }]],
    ["a malformed operation behind one that cannot be done", [{ op: "remove", path: "/b" }, { op: "spam" }]],
  ])("is malformed with %s", (_, body) => {
    expect(json({ a: { c: 1 } }, body)).toMatchObject(BAD);
  });

  it("has at most 10,000 operations", () => {
    const operations = (count: number) => Array.from({ length: count }, () => ({ op: "test", path: "/a", value: 1 }));
    expect(json({ a: 1 }, operations(10_000))).toEqual(done({ a: 1 }));
    expect(json({ a: 1 }, operations(10_001))).toMatchObject({
      ok: false,
      error: { reason: "RequestEntityTooLarge", code: 413 },
    });
  });

  it("cannot grow an object by copying it into itself, again and again", () => {
    const doubling = Array.from({ length: 64 }, () => ({ op: "copy", from: "/a", path: "/a/-" }));
    expect(json({ a: ["x".repeat(100)] }, doubling)).toMatchObject(INVALID);
    const deepening = Array.from({ length: 10_000 }, () => ({ op: "copy", from: "", path: "/a" }));
    expect(json({ a: 1 }, deepening)).toMatchObject(INVALID);
  });

  it("cannot keep the mesh busy with copies that it removes again", () => {
    const copy = [
      { op: "copy", from: "/a", path: "/b" },
      { op: "remove", path: "/b" },
    ];
    const before = { a: "x".repeat(400_000) };
    expect(json(before, Array.from({ length: 2 }, () => copy).flat())).toEqual(done(before));
    expect(json(before, Array.from({ length: 3 }, () => copy).flat())).toMatchObject(INVALID);
  });

  it("cannot keep the mesh busy at the head of a long list", () => {
    const times = (count: number, operation: object) => Array.from({ length: count }, () => operation);
    const long = (members: number) => ({ a: Array.from({ length: members }, () => 0) });
    const move = { op: "move", from: "/a/0", path: "/a/-" };
    expect(json(long(1_000), times(2_000, move))).toEqual(done(long(1_000)));
    const TOO_MUCH = { ok: false, error: { reason: "RequestEntityTooLarge", code: 413 } };
    for (const operation of [move, { op: "add", path: "/a/0", value: 0 }, { op: "remove", path: "/a/0" }])
      expect(json(long(30_000), times(1_000, operation))).toMatchObject(TOO_MUCH);
    // At its end nothing moves.
    expect(json(long(30_000), times(1_000, { op: "add", path: "/a/-", value: 0 }))).toEqual(done(long(31_000)));
  });

  it("cannot nest an object without end by moving it into what it holds", () => {
    const before = Object.fromEntries(Array.from({ length: 400 }, (_, index) => [`k${index}`, nested(60)]));
    const chain = Array.from({ length: 399 }, (_, index) => ({
      op: "move",
      from: `/k${index}`,
      path: `/k${index + 1}${"/0".repeat(59)}/-`,
    }));
    expect(json(before, chain)).toMatchObject(INVALID);
  });

  it("makes the target when it is a difference", () => {
    const escape = (name: string) => name.replaceAll("~", "~0").replaceAll("/", "~1");
    const difference = (a: unknown, b: unknown, path: string): readonly unknown[] => {
      if (Array.isArray(a) && Array.isArray(b))
        return [
          ...a.slice(0, b.length).flatMap((member, index) => difference(member, b[index], `${path}/${index}`)),
          ...a.slice(b.length).map(() => ({ op: "remove", path: `${path}/${b.length}` })),
          ...b.slice(a.length).map((member: unknown) => ({ op: "add", path: `${path}/-`, value: member })),
        ];
      if (!isMap(a) || !isMap(b))
        return [
          { op: "test", path, value: a },
          { op: "replace", path, value: b },
        ];
      return [
        ...Object.keys(a)
          .filter((name) => !Object.hasOwn(b, name))
          .map((name) => ({ op: "remove", path: `${path}/${escape(name)}` })),
        ...Object.entries(b).flatMap(([name, member]) =>
          Object.hasOwn(a, name)
            ? difference(a[name], member, `${path}/${escape(name)}`)
            : [{ op: "add", path: `${path}/${escape(name)}`, value: member }],
        ),
      ];
    };
    fc.assert(
      fc.property(value, value, (before, after) => {
        expect(json(before, difference(before, after, ""))).toEqual(done(after));
      }),
      { numRuns: times(300, 3_000) },
    );
  });
});

describe("a strategic patch", () => {
  const service = {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "reviews", namespace: "shop" },
    spec: {
      selector: { app: "reviews" },
      ports: [
        { name: "http", port: 80, protocol: "TCP", targetPort: 8080 },
        { name: "metrics", port: 9090, protocol: "TCP", targetPort: 9090 },
      ],
    },
  };
  const [http, metrics] = service.spec.ports;

  // Patches as kubectl apply makes them (the last-applied annotation left out).
  it("of kubectl apply changes one port", () => {
    const body = {
      spec: {
        "$setElementOrder/ports": [{ port: 80 }, { port: 9090 }],
        ports: [{ port: 9090, targetPort: 9091 }],
      },
    };
    expect(strategic(service, body, SERVICE)).toEqual(
      done({ ...service, spec: { ...service.spec, ports: [http, { ...metrics, targetPort: 9091 }] } }),
    );
  });

  it("of kubectl apply adds a port where the file has it", () => {
    const body = {
      spec: {
        "$setElementOrder/ports": [{ port: 443 }, { port: 80 }, { port: 9090 }],
        ports: [{ name: "https", port: 443, protocol: "TCP", targetPort: 8443 }],
      },
    };
    expect(strategic(service, body, SERVICE)).toMatchObject({
      value: { spec: { ports: [{ port: 443, targetPort: 8443 }, http, metrics] } },
    });
  });

  it("of kubectl apply deletes a port", () => {
    const body = {
      spec: { "$setElementOrder/ports": [{ port: 80 }], ports: [{ $patch: "delete", port: 9090 }] },
    };
    expect(strategic(service, body, SERVICE)).toEqual(done({ ...service, spec: { ...service.spec, ports: [http] } }));
  });

  it("of kubectl apply reorders ports and changes none", () => {
    const body = { spec: { "$setElementOrder/ports": [{ port: 9090 }, { port: 80 }] } };
    expect(strategic(service, body, SERVICE)).toMatchObject({ value: { spec: { ports: [metrics, http] } } });
  });

  it("of kubectl apply exchanges the source of a volume", () => {
    const before = { spec: { volumes: [{ name: "data", hostPath: { path: "/data" } }, { name: "other" }] } };
    const body = {
      spec: {
        "$setElementOrder/volumes": [{ name: "data" }],
        volumes: [{ $retainKeys: ["name", "emptyDir"], name: "data", emptyDir: {}, hostPath: null }],
      },
    };
    expect(strategic(before, body)).toEqual(
      done({ spec: { volumes: [{ name: "data", emptyDir: {} }, { name: "other" }] } }),
    );
  });

  it("puts a new container first, as in Kubernetes' own example", () => {
    // kubernetes.io: Update API Objects in Place Using kubectl patch.
    const before = { spec: { containers: [{ name: "patch-demo-ctr", image: "nginx" }] } };
    const body = { spec: { containers: [{ name: "patch-demo-ctr-2", image: "redis" }] } };
    expect(strategic(before, body)).toEqual(
      done({
        spec: {
          containers: [
            { name: "patch-demo-ctr-2", image: "redis" },
            { name: "patch-demo-ctr", image: "nginx" },
          ],
        },
      }),
    );
  });

  it("merges containers by name, and what they hold by its own keys", () => {
    const before = {
      spec: {
        containers: [
          {
            name: "app",
            image: "app:1",
            args: ["a", "b"],
            env: [
              { name: "A", value: "1" },
              { name: "B", value: "2" },
            ],
          },
          { name: "proxy", image: "proxy:1" },
        ],
      },
    };
    const body = {
      spec: {
        containers: [
          {
            name: "app",
            args: ["c"],
            env: [
              { name: "B", value: "3" },
              { name: "A", $patch: "delete" },
            ],
            ports: [{ containerPort: 80, $patch: "merge" }],
          },
        ],
      },
    };
    expect(strategic(before, body)).toEqual(
      done({
        spec: {
          containers: [
            {
              name: "app",
              image: "app:1",
              args: ["c"],
              env: [{ name: "B", value: "3" }],
              ports: [{ containerPort: 80 }],
            },
            { name: "proxy", image: "proxy:1" },
          ],
        },
      }),
    );
  });

  it("pairs members of one key in turn", () => {
    const tcp = { name: "dns-tcp", port: 53, protocol: "TCP" };
    const udp = { name: "dns", port: 53, protocol: "UDP" };
    const added = strategic(service, { spec: { ports: [tcp, udp] } }, SERVICE);
    expect(added).toMatchObject({ value: { spec: { ports: [tcp, udp, http, metrics] } } });
    const again = added.ok ? strategic(added.value, { spec: { ports: [tcp, udp] } }, SERVICE) : null;
    expect(again).toEqual(added);
    const body = { spec: { ports: [{ port: 53, $patch: "delete" }] } };
    expect(added.ok ? strategic(added.value, body, SERVICE) : null).toEqual(done(service));
  });

  it.each<{ name: string; before: unknown; body: unknown; after: unknown }>([
    { name: "deletes by null", before: { a: 1, b: 2 }, body: { a: null, c: null }, after: { b: 2 } },
    {
      name: "replaces a map",
      before: { a: { b: 1 } },
      body: { a: { $patch: "replace", c: { d: null } } },
      after: { a: { c: {} } },
    },
    { name: "replaces the whole", before: { a: 1 }, body: { $patch: "replace", b: 2 }, after: { b: 2 } },
    {
      name: "merges where told so",
      before: { a: { b: 1 } },
      body: { a: { $patch: "merge", c: 2 } },
      after: { a: { b: 1, c: 2 } },
    },
    { name: "empties a map", before: { a: { b: 1 } }, body: { a: { $patch: "delete" } }, after: { a: {} } },
    { name: "makes no map in order to delete it", before: {}, body: { a: { $patch: "delete" } }, after: {} },
    {
      name: "retains keys",
      before: { a: { b: 1, c: 2 } },
      body: { a: { $retainKeys: ["c", "d"], d: 3 } },
      after: { a: { c: 2, d: 3 } },
    },
    {
      name: "leaves out directives below what is new",
      before: {},
      body: { a: { b: { $retainKeys: [] } } },
      after: { a: { b: {} } },
    },
    {
      name: "replaces other lists",
      before: { a: [1, 2] },
      body: { a: [{ b: null, c: [[{ d: 1 }]] }] },
      after: { a: [{ c: [[{ d: 1 }]] }] },
    },
    {
      name: "replaces other lists where told so",
      before: { a: [1] },
      body: { a: [{ $patch: "replace" }, 2] },
      after: { a: [2] },
    },
    {
      name: "leaves out directives in the members of other lists",
      before: {},
      body: { a: [{ $patch: "merge", b: 1 }] },
      after: { a: [{ b: 1 }] },
    },
    {
      name: "replaces a list by a map",
      before: { spec: { volumes: [] } },
      body: { spec: { volumes: { a: 1 } } },
      after: { spec: { volumes: { a: 1 } } },
    },
    {
      name: "replaces a map by a list",
      before: { spec: { volumes: { a: 1 } } },
      body: { spec: { volumes: [{ name: "a" }] } },
      after: { spec: { volumes: [{ name: "a" }] } },
    },
    {
      name: "replaces a keyed list where told so",
      before: { spec: { volumes: [{ name: "a", x: 1 }, { name: "b" }] } },
      body: { spec: { volumes: [{ name: "c" }, { $patch: "replace" }, { name: "a" }] } },
      after: { spec: { volumes: [{ name: "c" }, { name: "a" }] } },
    },
    {
      name: "deletes members that are not there",
      before: {},
      body: { spec: { volumes: [{ name: "a", $patch: "delete" }, { name: "b" }] } },
      after: { spec: { volumes: [{ name: "b" }] } },
    },
    {
      name: "deletes a member before it adds one of that key",
      before: { spec: { volumes: [{ name: "a", x: 1 }] } },
      body: {
        spec: {
          volumes: [
            { name: "a", y: 2 },
            { name: "a", $patch: "delete" },
          ],
        },
      },
      after: { spec: { volumes: [{ name: "a", y: 2 }] } },
    },
    {
      name: "replaces a map in a member",
      before: { spec: { volumes: [{ name: "a", secret: { b: 1 } }] } },
      body: { spec: { volumes: [{ name: "a", secret: { $patch: "replace", c: 2 } }] } },
      after: { spec: { volumes: [{ name: "a", secret: { c: 2 } }] } },
    },
    {
      name: "keeps members that have no key",
      before: { spec: { volumes: [{ x: 1 }, { name: "a" }, "odd"] } },
      body: { spec: { volumes: [{ name: "a", y: 1 }] } },
      after: { spec: { volumes: [{ x: 1 }, { name: "a", y: 1 }, "odd"] } },
    },
    {
      name: "adds finalizers as to a set",
      before: { metadata: { finalizers: ["a", "a", "b"] } },
      body: { metadata: { finalizers: ["b", "c", "c"] } },
      after: { metadata: { finalizers: ["a", "b", "c"] } },
    },
    {
      name: "removes finalizers and adds others",
      before: { metadata: { finalizers: ["a", "b"] } },
      body: {
        metadata: {
          "$deleteFromPrimitiveList/finalizers": ["a"],
          "$setElementOrder/finalizers": ["c", "b"],
          finalizers: ["c"],
        },
      },
      after: { metadata: { finalizers: ["c", "b"] } },
    },
    {
      name: "removes values of other lists",
      before: { spec: { list: [1, 2, "1", 1] } },
      body: { spec: { "$deleteFromPrimitiveList/list": [1, 3] } },
      after: { spec: { list: [2, "1"] } },
    },
    {
      name: "removes nothing where nothing is",
      before: { spec: { gone: null } },
      body: { spec: { "$deleteFromPrimitiveList/list": [1], "$deleteFromPrimitiveList/gone": [1] } },
      after: { spec: { gone: null } },
    },
    {
      name: "orders nothing where nothing is",
      before: {},
      body: { spec: { "$setElementOrder/volumes": [{ name: "a" }] } },
      after: { spec: {} },
    },
    {
      name: "takes names that a prototype has",
      before: {},
      body: { toString: { a: 1 }, constructor: { prototype: { b: 1 } } },
      after: { toString: { a: 1 }, constructor: { prototype: { b: 1 } } },
    },
  ])("$name", ({ before, body, after }) => {
    expect(strategic(before, body)).toEqual(done(after));
  });

  // Members of the live list stand before the first of the order's that they stood before.
  it.each([
    { live: "abc", patch: "", order: "cba", after: "cba" },
    { live: "xaybz", patch: "", order: "ab", after: "xaybz" },
    { live: "xayb", patch: "", order: "ba", after: "xyba" },
    { live: "abx", patch: "c", order: "cab", after: "cabx" },
    { live: "abx", patch: "c", order: "abc", after: "abcx" },
    { live: "xab", patch: "c", order: "acb", after: "xacb" },
    { live: "xy", patch: "ab", order: "ab", after: "abxy" },
    { live: "abc", patch: "d", order: "", after: "abcd" },
    { live: "abc", patch: "ca", order: null, after: "bca" },
    { live: "", patch: "ab", order: "ab", after: "ab" },
    { live: "ba", patch: "", order: "aba", after: "ab" },
  ])("orders $live by $order with $patch: $after", ({ live, patch, order, after }) => {
    const named = (text: string) => Array.from(text, (name) => ({ name }));
    const body = {
      spec: {
        ...(patch !== "" && { volumes: named(patch) }),
        ...(order !== null && { "$setElementOrder/volumes": named(order) }),
      },
    };
    expect(strategic({ spec: { volumes: named(live) } }, body)).toEqual(done({ spec: { volumes: named(after) } }));
  });

  it("keeps the order that the patch asks for, and among all other members the one they had", () => {
    const names = fc.uniqueArray(fc.constantFrom<string[]>("a", "b", "c", "d", "e", "f", "g", "h"), { maxLength: 8 });
    fc.assert(
      fc.property(names, names, (live, order) => {
        const named = (list: readonly string[]) => list.map((name) => ({ name }));
        const body = { spec: { volumes: named(order), "$setElementOrder/volumes": named(order) } };
        const patched = strategic({ spec: { volumes: named(live) } }, body);
        const after = (patched as { value: { spec: { volumes: { name: string }[] } } }).value.spec.volumes.map(
          ({ name }) => name,
        );
        expect(after.filter((name) => order.includes(name))).toEqual(order);
        expect(after.filter((name) => !order.includes(name))).toEqual(live.filter((name) => !order.includes(name)));
      }),
    );
  });

  it("is a merge patch where it has no lists and no directives", () => {
    const tree = jsonWith(plainKey, scalar, false);
    const trees = fc.dictionary(plainKey, tree, { maxKeys: 4, noNullPrototype: true });
    fc.assert(
      fc.property(value, trees, (before, body) => {
        expect(strategic(before, body)).toEqual(merge(before, body));
      }),
    );
  });

  it(
    "takes time in proportion to the members",
    () => {
      const ports = Array.from({ length: 30_000 }, (_, index) => ({ port: index % 20_000 }));
      const body = { spec: { ports, "$setElementOrder/ports": ports } };
      expect(strategic({ spec: { ports } }, body, SERVICE).ok).toBe(true);
    },
    HANG_MS,
  );

  it.each<[string, unknown]>([
    ["a list", []],
    ["null", null],
    ["an unknown directive", { spec: { $unknown: 1 } }],
    ["an unknown directive of a list", { spec: { "$order/ports": [] } }],
    ["a directive without a list's name", { spec: { $setElementOrder: [] } }],
    ["an unknown `$patch`", { spec: { $patch: "remove" } }],
    ["a `$patch` that is no text", { spec: { $patch: null } }],
    ["an unknown `$patch` of a member", { spec: { volumes: [{ name: "a", $patch: "remove" }] } }],
    ["`$retainKeys` that are no list", { spec: { $retainKeys: "a" } }],
    ["a field that `$retainKeys` leaves out", { spec: { $retainKeys: ["a"], b: 1 } }],
    ["an order that is no list", { spec: { "$setElementOrder/volumes": {} } }],
    ["an order of members without key", { spec: { "$setElementOrder/volumes": [{ x: 1 }] } }],
    ["an order for what is no list", { spec: { "$setElementOrder/volumes": [{ name: "a" }], volumes: {} } }],
    ["an order for what is to be deleted", { spec: { "$setElementOrder/volumes": [{ name: "a" }], volumes: null } }],
    [
      "an order for a list that is replaced",
      { spec: { "$setElementOrder/list": [{ name: "a" }], list: [{ name: "a" }] } },
    ],
    ["an order for a list of values that is replaced", { spec: { "$setElementOrder/list": ["a"] } }],
    [
      "members in another order than the order's",
      { spec: { "$setElementOrder/volumes": [{ name: "a" }, { name: "b" }], volumes: [{ name: "b" }, { name: "a" }] } },
    ],
    [
      "a member that is not in the order",
      { spec: { "$setElementOrder/volumes": [{ name: "a" }], volumes: [{ name: "b" }] } },
    ],
    ["removals that are no list", { spec: { "$deleteFromPrimitiveList/list": "a" } }],
    ["a member without its key", { spec: { volumes: [{ x: 1 }] } }],
    ["a member whose key is no scalar", { spec: { volumes: [{ name: { x: 1 } }] } }],
    ["a member whose key is null", { spec: { volumes: [{ name: null }] } }],
    ["a member that is no map", { spec: { volumes: ["a"] } }],
    ["a member to be deleted without its key", { spec: { volumes: [{ $patch: "delete" }] } }],
    ["a replacing member with fields", { spec: { volumes: [{ $patch: "replace", name: "a" }] } }],
    ["a member to be deleted of a list that is replaced", { spec: { list: [{ name: "a", $patch: "delete" }] } }],
    ["a finalizer that is no text", { metadata: { finalizers: [{ a: 1 }] } }],
    ["an unknown directive in a member of a list that is replaced", { spec: { list: [[{ $x: 1 }]] } }],
  ])("is malformed with %s", (_, body) => {
    expect(strategic({ spec: { list: ["a"], volumes: [{ name: "a" }] } }, body)).toMatchObject(BAD);
  });

  it("names the directive that it does not know", () => {
    expect(strategic({}, { spec: { "$order/ports": [] } })).toMatchObject({
      error: { message: expect.stringContaining("$order/ports") },
    });
  });

  it.each([
    ["an order", { spec: { "$setElementOrder/volumes": [{ name: "a" }] } }],
    ["removals", { spec: { "$deleteFromPrimitiveList/volumes": ["a"] } }],
  ])("cannot be applied with %s for what is no list", (_, body) => {
    expect(strategic({ spec: { volumes: "x" } }, body)).toMatchObject(INVALID);
  });
});

describe("any patch", () => {
  const types = ["merge", "json", "strategic"] as const satisfies readonly Patch["type"][];
  const bodyOf = (type: Patch["type"], fields: unknown) =>
    type === "json" ? [{ op: "add", path: "/new", value: fields }] : { new: fields };

  it.each(types)("of type %s is refused with a member `__proto__`", (type) => {
    const fields: unknown = JSON.parse('{"a": [{"__proto__": {"polluted": true}}]}');
    expect(applyPatch({}, { type, body: bodyOf(type, fields) }, POD)).toMatchObject(BAD);
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });

  it.each(types)("of type %s cannot be applied to an object with a member `__proto__`", (type) => {
    const before: unknown = JSON.parse('{"__proto__": {"polluted": true}}');
    expect(applyPatch(before, { type, body: bodyOf(type, 1) }, POD)).toMatchObject(INVALID);
  });

  it.each(types)("of type %s is refused with what is no JSON", (type) => {
    expect(applyPatch({}, { type, body: bodyOf(type, NaN) }, POD)).toMatchObject(BAD);
    expect(applyPatch({}, { type, body: bodyOf(type, nested(64)) }, POD)).toMatchObject(BAD);
  });

  it.each(types)("of type %s cannot make an object larger than 1 MiB", (type) => {
    const large = { a: "x".repeat(600_000) };
    expect(applyPatch(large, { type, body: bodyOf(type, large) }, POD)).toMatchObject(INVALID);
  });

  it.each(types)("of type %s takes an object as deep as it may be", (type) => {
    const before = { a: nested(63) };
    expect(applyPatch(before, { type, body: bodyOf(type, 1) }, POD)).toEqual(done({ ...before, new: 1 }));
  });

  it("changes neither the object nor itself, and shares nothing with them", () => {
    const operation = fc.record(
      {
        op: fc.constantFrom("add", "remove", "replace", "move", "copy", "test"),
        path: fc.constantFrom("", "/a", "/b", "/c", "/a/0", "/a/b", "/b/-"),
        from: fc.constantFrom("/a", "/b", "/a/0"),
        value,
      },
      { noNullPrototype: true },
    );
    const patch = fc.oneof(
      fc.record({ type: fc.constantFrom("merge", "strategic"), body: map }),
      fc.record({ type: fc.constant("json"), body: fc.array(operation, { maxLength: 3 }) }),
    ) as fc.Arbitrary<Patch>;
    const lists: KeyedLists = new Map([["a", { apply: ["b"], merge: "b" }]]);
    fc.assert(
      fc.property(map, patch, (before, given) => {
        const copies = structuredClone({ before, given });
        const patched = applyPatch(deepFreeze(before), deepFreeze(given), lists);
        expect({ before, given }).toEqual(copies);
        expect(hasFrozen(patched.ok ? patched.value : null)).toBe(false);
      }),
      { numRuns: times(300, 3_000) },
    );
  });
});
