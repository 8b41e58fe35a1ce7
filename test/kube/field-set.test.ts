import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  difference,
  equal,
  fieldSet,
  type FieldSet,
  fieldsV1Of,
  keyElement,
  LEAF,
  NO_FIELDS,
  pathsOf,
  readElement,
  readFieldSet,
  union,
  unionOf,
} from "../../src/kube/field-set.ts";
import { times } from "../support/scale.ts";

const SEED = 20_261_101;

function read(fieldsV1: unknown): FieldSet {
  const set = readFieldSet(fieldsV1);
  if (!set.ok) throw new Error(set.error);
  return set.value;
}

const scalar = fc.oneof(fc.string(), fc.boolean(), fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }));
const element = fc.oneof(
  fc.constantFrom("", ".", "__proto__", "constructor", "f:x", "a/b", "é").map((name) => `f:${name}`),
  fc.string().map((name) => `f:${name}`),
  fc.dictionary(fc.string(), scalar, { minKeys: 1, maxKeys: 3 }).map(keyElement),
  scalar.map((value) => `v:${JSON.stringify(value)}`),
  fc.nat().map((index) => `i:${index}`),
);
/** Sets of these elements, at most four levels deep. */
function setsOf(elements: fc.Arbitrary<string>): fc.Arbitrary<FieldSet> {
  return fc.letrec<{ set: FieldSet }>((tie) => ({
    set: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom(LEAF, NO_FIELDS),
      fc
        .tuple(fc.boolean(), fc.array(fc.tuple(elements, tie("set")), { maxLength: 4 }))
        .map(([member, children]) => fieldSet(member, children)),
    ),
  })).set;
}

const rooted = setsOf(element).map(({ children }): FieldSet => ({ member: false, children }));

describe("readFieldSet", () => {
  it.each([
    { name: "nothing", fieldsV1: {}, paths: [] },
    { name: "a field", fieldsV1: { "f:spec": { "f:action": {} } }, paths: [".spec.action"] },
    {
      name: "a path with others below it",
      fieldsV1: { "f:metadata": { "f:labels": { ".": {}, "f:app": {} } } },
      paths: [".metadata.labels", ".metadata.labels.app"],
    },
    { name: "one said to be itself alone", fieldsV1: { "f:spec": { ".": {} } }, paths: [".spec"] },
    {
      name: "members by key, value and place",
      fieldsV1: {
        "f:a": { 'k:{"protocol":"TCP","port":80}': { "f:targetPort": {} }, 'v:"x"': {}, "v:1.0": {}, "i:3": {} },
      },
      paths: ['.a[port=80,protocol="TCP"].targetPort', '.a[="x"]', ".a[=1]", ".a[3]"],
    },
    {
      name: "one member under two spellings of its key",
      fieldsV1: { 'k:{"a":1,"b":2}': { "f:x": {} }, 'k:{"b":2,"a":1}': { "f:y": {} } },
      paths: ["[a=1,b=2].x", "[a=1,b=2].y"],
    },
    { name: "a field named `__proto__`", fieldsV1: JSON.parse('{"f:__proto__":{}}'), paths: [".__proto__"] },
  ])("reads $name", ({ fieldsV1, paths }) => {
    expect(pathsOf(read(fieldsV1))).toEqual(paths);
  });

  it.each([
    ["no object", "x"],
    ["null", null],
    ["a list", []],
    ["a value as a set", { "f:spec": true }],
    ["null as a set", { "f:spec": null }],
    ["a list as a set", { "f:spec": [] }],
    ["no kind of element", { spec: {} }],
    ["an unknown kind of element", { "x:spec": {} }],
    ["`__proto__` as an element", JSON.parse('{"__proto__":{}}')],
    ["a key that is no JSON", { "k:{port:80}": {} }],
    ["a key that is no object", { "k:80": {} }],
    ["a key of a list", { "k:[80]": {} }],
    ["a key without fields", { "k:{}": {} }],
    ["a key with a map in it", { 'k:{"port":{}}': {} }],
    ["a key that is null", { 'k:{"port":null}': {} }],
    ["a value that is no JSON", { "v:x": {} }],
    ["a value that is a map", { "v:{}": {} }],
    ["a value that is no number", { "v:1e999": {} }],
    ["a place that is no number", { "i:x": {} }],
    ["a negative place", { "i:-1": {} }],
    ["a place in another spelling", { "i:01": {} }],
    ["a place beyond counting", { "i:99999999999999999999": {} }],
    ["a `.` with something in it", { "f:spec": { ".": { "f:a": {} } } }],
    ["a `.` that is no set", { "f:spec": { ".": true } }],
    ["a `.` at the top", { ".": {}, "f:spec": {} }],
  ])("refuses %s", (_, fieldsV1) => {
    expect(readFieldSet(fieldsV1).ok).toBe(false);
  });

  it(`reads what it printed, and prints what it read (seed ${SEED})`, () => {
    fc.assert(
      fc.property(rooted, (set) => {
        const printed = fieldsV1Of(set);
        const sent: unknown = JSON.parse(JSON.stringify(printed));
        expect(equal(read(sent), set)).toBe(true);
        expect(fieldsV1Of(read(sent))).toEqual(printed);
        expect(JSON.stringify(fieldsV1Of(read(sent)))).toBe(JSON.stringify(printed));
      }),
      { seed: SEED, numRuns: times(300, 3_000) },
    );
  });
});

it(`gives every path element one form (seed ${SEED})`, () => {
  fc.assert(
    fc.property(element, (text) => {
      expect(readElement(text)).toBe(text);
    }),
    { seed: SEED, numRuns: times(300, 3_000) },
  );
});

const few = setsOf(fc.constantFrom("f:a", "f:b", "i:0"));

describe("sets", () => {
  it(`are added and taken away path by path (seed ${SEED})`, () => {
    // Told apart by their elements: two sets of elements can print as one path.
    const paths = (set: FieldSet, above: readonly string[] = []): string[] => [
      ...(set.member ? [JSON.stringify(above)] : []),
      ...[...set.children].flatMap(([element, child]) => paths(child, [...above, element])),
    ];
    fc.assert(
      fc.property(few, few, (a, b) => {
        const [inA, inB] = [new Set(paths(a)), new Set(paths(b))];
        expect(new Set(paths(union(a, b)))).toEqual(inA.union(inB));
        expect(new Set(paths(difference(a, b)))).toEqual(inA.difference(inB));
        expect(equal(a, b)).toBe(inA.symmetricDifference(inB).size === 0);
        expect(equal(difference(union(a, b), difference(b, a)), a)).toBe(true);
        expect(equal(difference(a, a), NO_FIELDS)).toBe(true);
      }),
      { seed: SEED, numRuns: times(300, 3_000) },
    );
  });

  it("are put together at once as one by one", () => {
    fc.assert(
      fc.property(fc.array(few, { maxLength: 5 }), (sets) => {
        const oneByOne = sets.reduce(union, NO_FIELDS);
        expect(fieldsV1Of(unionOf(sets))).toEqual(fieldsV1Of(oneByOne));
        expect(equal(unionOf(sets), oneByOne)).toBe(true);
      }),
      { seed: SEED, numRuns: times(300, 3_000) },
    );
  });

  it("keep a field when what is above it is taken away", () => {
    const both = fieldSet(false, [["f:spec", fieldSet(true, [["f:a", LEAF]])]]);
    expect(pathsOf(difference(both, fieldSet(false, [["f:spec", LEAF]])))).toEqual([".spec.a"]);
  });
});
