import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { parseDocuments, parseOne } from "../../src/resources/documents.ts";
import { times } from "../support/scale.ts";
import { HANG_MS } from "../support/until.ts";

const repeated = (text: string, times: number) => text.repeat(times);

const REFUSED_YAML = [
  ["an anchor", "a: 1\nb: &x 2\n", 2],
  ["an alias", "a: *x\n", 1],
  ["a merge of an alias", "x: &p {__proto__: {action: ALLOW}}\nspec: {<<: *p}\n", 1],
  ["a merge key", "a: 1\n<<: {b: 1}\n", 2],
  ["a tag", "a: !!js/function 'f'\n", 1],
  ["a core tag", "a: !!str 1\n", 1],
  ["a directive", "%YAML 1.1\n---\na: yes\n", 1],
  ["a repeated key", "a: 1\nb: 2\na: 3\n", 3],
  ["a repeated key in another spelling", 'a: {action: DENY, "action": ALLOW}\n', 1],
  ["a number and a text as one key", '8080: 1\n"8080": 2\n', 2],
  ["a list as key", "? [a, b]\n: 1\n", 1],
  ["an empty key", ": 1\n", 1],
  ["a syntax error", "a: [1, 2\nb: 3\n", 2],
  ["a tab as indentation", "a:\n\tb: 1\n", 2],
  ["a NUL", "a: 1\nb: \u0000\n", 2],
  ["a byte order mark in the middle", "a: 1\nb: \ufeff\n", 2],
  ["half a surrogate pair", "a: \ud800\n", 1],
  ["65 levels", repeated("[", 65) + repeated("]", 65), 1],
  ["20,000 levels", repeated("[", 20_000), 1],
  ["20,000 levels of block style", `${repeated("- ", 20_000)}a`, 1],
  ["501 documents", repeated("a: 1\n---\n", 501), 1_002],
  ["more than 1 MiB", `a: ${repeated("é", 530_000)}`, 1],
] as const;

const REFUSED_JSON = [
  ["a syntax error", '{\n"a": 1,,\n}', 2],
  ["a text that ends too early", '{\n"a": 1\n', 3],
  ["nothing", "", 1],
  ["YAML", "a: 1", 1],
  ["a repeated key", '{"a": 1,\n"b": {"a": 1},\n"a": 2}', 3],
  ["a repeated key in another spelling", '{"a": 1,\n"\\u0061": 2}', 2],
  ["a raw control character", '{"a": "\u0001"}', 1],
  ["65 levels", repeated("[", 65) + repeated("]", 65), 1],
  ["more than 1 MiB", `"${repeated("a", 1_048_576)}"`, 1],
] as const;

describe("parseDocuments of YAML", () => {
  it("reads a stream and says where each object begins", () => {
    const text = "# two services\na: 1\n---\n---\n# the second\nb: {c: [x, 2, true, null]}\n---\n";
    expect(parseDocuments(text, "yaml")).toEqual({
      ok: true,
      value: [
        { value: { a: 1 }, line: 2 },
        { value: { b: { c: ["x", 2, true, null] } }, line: 6 },
      ],
    });
  });

  it("reads an empty text as no object", () => {
    expect(parseDocuments("\n# nothing\n", "yaml")).toEqual({ ok: true, value: [] });
  });

  it("flattens a List", () => {
    const text = "kind: List\nitems:\n- a: 1\n- a: 2\n---\nkind: ServiceList\nitems: []\n";
    expect(parseDocuments(text, "yaml")).toEqual({
      ok: true,
      value: [
        { value: { a: 1 }, line: 3 },
        { value: { a: 2 }, line: 4 },
      ],
    });
  });

  it("reads by YAML 1.2: `yes`, `on` and `010` are what they look like", () => {
    expect(parseDocuments("a: [yes, on, 010, 1_0, 2001-01-01]", "yaml")).toMatchObject({
      value: [{ value: { a: ["yes", "on", 10, "1_0", "2001-01-01"] } }],
    });
  });

  it("takes text that looks like an anchor, alias or tag where it is quoted", () => {
    const text = "a: '*x'\nb: \"&y\"\nc: |\n  !z\n  *x\nd: a*b&c!d\n";
    expect(parseDocuments(text, "yaml")).toMatchObject({
      value: [{ value: { a: "*x", b: "&y", c: "!z\n*x\n", d: "a*b&c!d" } }],
    });
  });

  it.each(REFUSED_YAML)("refuses %s", (_, text, line) => {
    expect(parseDocuments(text, "yaml")).toMatchObject({ ok: false, error: { line } });
  });

  it("takes what is just within the limits", () => {
    expect(parseDocuments(repeated("[", 64) + repeated("]", 64), "yaml").ok).toBe(true);
    expect(parseDocuments(repeated("a: 1\n---\n", 499) + "a: 1\n", "yaml")).toMatchObject({
      ok: true,
      value: { length: 500 },
    });
  });

  it(
    "takes time in proportion to the number of keys",
    () => {
      const text = Array.from({ length: 20_000 }, (_, index) => `key${index}: 1`).join("\n");
      expect(parseDocuments(text, "yaml").ok).toBe(true);
    },
    HANG_MS,
  );
});

describe("parseDocuments of JSON", () => {
  it("reads an object, a list and a List", () => {
    expect(parseDocuments('\ufeff\n{"a": {"items": [{}]}}', "json")).toEqual({
      ok: true,
      value: [{ value: { a: { items: [{}] } }, line: 2 }],
    });
    expect(parseDocuments('[\n{"a": [{}]},\n2]', "json")).toEqual({
      ok: true,
      value: [
        { value: { a: [{}] }, line: 2 },
        { value: 2, line: 3 },
      ],
    });
    expect(parseDocuments('{"kind": "List",\n"items": [\n{"a": 1},\n\n{"a": 2}]}', "json")).toEqual({
      ok: true,
      value: [
        { value: { a: 1 }, line: 3 },
        { value: { a: 2 }, line: 5 },
      ],
    });
  });

  it.each([...REFUSED_JSON, ["501 objects", `[${Array.from({ length: 501 }, () => "{}").join(",\n")}]`, 501]] as const)(
    "refuses %s",
    (_, text, line) => {
      expect(parseDocuments(text, "json")).toMatchObject({ ok: false, error: { line } });
    },
  );

  it("reads what JSON.parse reads, within the limits", () => {
    fc.assert(
      fc.property(
        fc.jsonValue({ maxDepth: 5, noUnicodeString: false }),
        fc.constantFrom(undefined, 2),
        (value, indent) => {
          const text = JSON.stringify([value], null, indent);
          expect(parseDocuments(text, "json")).toMatchObject({ ok: true, value: [{ value: JSON.parse(text)[0] }] });
        },
      ),
      { numRuns: times(300, 3_000) },
    );
  });
});

describe("parseOne", () => {
  it.each([
    ["a JSON object", ' {"a": 1}', "json", { a: 1 }],
    ["a JSON list", '[{"op": "remove"}, [1]]', "json", [{ op: "remove" }, [1]]],
    ["a JSON List", '{"kind": "List", "items": [1]}', "json", { kind: "List", items: [1] }],
    ["JSON's null", "null", "json", null],
    ["JSON behind a byte order mark", "\ufeff1", "json", 1],
    ["a YAML object", "# one\n---\na: [x, 2]\n", "yaml", { a: ["x", 2] }],
    ["a YAML list", "- op: remove\n- [1]\n", "yaml", [{ op: "remove" }, [1]]],
    ["a YAML List", "kind: List\nitems: [1]\n", "yaml", { kind: "List", items: [1] }],
    ["JSON as YAML", '{"a": {"b": null}}', "yaml", { a: { b: null } }],
    ["one document between empty ones", "---\n---\na: 1\n---\n", "yaml", { a: 1 }],
  ] as const)("reads %s", (_, text, type, value) => {
    expect(parseOne(text, type)).toEqual({ ok: true, value });
  });

  it("reads a list of more members than a file may have objects", () => {
    const list = Array.from({ length: 10_000 }, (_, index) => index);
    expect(parseOne(JSON.stringify(list), "json")).toEqual({ ok: true, value: list });
    expect(parseOne(JSON.stringify(list), "yaml")).toEqual({ ok: true, value: list });
  });

  it("keeps a member `__proto__` a member, for others to refuse", () => {
    for (const type of ["json", "yaml"] as const) {
      const read = parseOne('{"__proto__": {"a": 1}}', type);
      expect(read.ok && Object.keys(Object(read.value))).toEqual(["__proto__"]);
    }
  });

  it.each([
    ...REFUSED_YAML,
    ["an empty text", "", 1],
    ["empty documents only", "---\n---\n", 1],
    ["two documents", "a: 1\n---\nb: 2\n", 3],
  ] as const)("refuses YAML with %s", (_, text, line) => {
    expect(parseOne(text, "yaml")).toMatchObject({ ok: false, error: { line } });
  });

  it.each([...REFUSED_JSON, ["two values", "{}\n{}", 2]] as const)("refuses JSON with %s", (_, text, line) => {
    expect(parseOne(text, "json")).toMatchObject({ ok: false, error: { line } });
  });
});

it("reads from YAML what was written to it", () => {
  const key = fc
    .string({ unit: "grapheme-ascii", minLength: 1 })
    .filter((name) => name !== "<<" && name !== "__proto__");
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 3 },
      fc.string({ unit: "grapheme-ascii" }),
      fc.integer(),
      fc.boolean(),
      fc.array(tie("tree"), { maxLength: 3 }),
      fc.dictionary(key, tie("tree"), { maxKeys: 3 }),
    ),
  }));
  fc.assert(
    fc.property(tree, (value) => {
      const text = stringify({ value }, { aliasDuplicateObjects: false });
      expect(parseDocuments(text, "yaml")).toEqual({ ok: true, value: [{ value: { value }, line: 1 }] });
    }),
    { numRuns: times(300, 3_000) },
  );
});
