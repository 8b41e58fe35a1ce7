import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readProtobuf } from "../../src/kube/protobuf.ts";
import { times } from "../support/scale.ts";

const MAGIC = [0x6b, 0x38, 0x73, 0x00];

function varint(value: bigint): readonly number[] {
  return value < 128n ? [Number(value)] : [Number(value % 128n) + 128, ...varint(value / 128n)];
}

type Part = readonly number[];

const integer = (number: number, value: bigint): Part => [
  ...varint(BigInt(number) * 8n),
  ...varint(BigInt.asUintN(64, value)),
];
const bytes = (number: number, value: Part): Part => [
  ...varint(BigInt(number) * 8n + 2n),
  ...varint(BigInt(value.length)),
  ...value,
];
const text = (number: number, value: string): Part => bytes(number, [...new TextEncoder().encode(value)]);
const message = (number: number, ...parts: readonly Part[]): Part => bytes(number, parts.flat());

function envelope(apiVersion: string, kind: string, ...raw: readonly Part[]): Uint8Array {
  return Uint8Array.from([
    ...MAGIC,
    ...message(1, text(1, apiVersion), text(2, kind)),
    ...message(2, ...raw),
    ...text(3, ""),
    ...text(4, ""),
  ]);
}

function code(input: Uint8Array): number | null {
  const read = readProtobuf(input);
  return read.ok ? null : read.error.code;
}

describe("readProtobuf", () => {
  // Recorded from kubectl 1.33.1: `create namespace foo`, `auth can-i create virtualservices/foo -n shop`,
  // `auth can-i get /metrics`, `auth can-i --list -n shop`, `auth whoami`.
  it.each([
    [
      "6b3873000a0f0a02763112094e616d657370616365121b0a130a03666f6f12001a0022002a0032003800420012001a020a001a002200",
      { apiVersion: "v1", kind: "Namespace", metadata: { name: "foo" } },
    ],
    [
      "6b3873000a320a17617574686f72697a6174696f6e2e6b38732e696f2f7631121753656c665375626a656374416363657373526576696577125d0a100a0012001a0022002a00320038004200123f0a3d0a0473686f7012066372656174651a136e6574776f726b696e672e697374696f2e696f22002a0f7669727475616c736572766963657332003a03666f6f1a08080012001a0020001a002200",
      {
        apiVersion: "authorization.k8s.io/v1",
        kind: "SelfSubjectAccessReview",
        metadata: {},
        spec: {
          resourceAttributes: {
            namespace: "shop",
            verb: "create",
            group: "networking.istio.io",
            resource: "virtualservices",
            name: "foo",
          },
        },
      },
    ],
    [
      "6b3873000a320a17617574686f72697a6174696f6e2e6b38732e696f2f7631121753656c665375626a656374416363657373526576696577122f0a100a0012001a0022002a003200380042001211120f0a082f6d65747269637312036765741a08080012001a0020001a002200",
      {
        apiVersion: "authorization.k8s.io/v1",
        kind: "SelfSubjectAccessReview",
        metadata: {},
        spec: { nonResourceAttributes: { path: "/metrics", verb: "get" } },
      },
    ],
    [
      "6b3873000a310a17617574686f72697a6174696f6e2e6b38732e696f2f7631121653656c665375626a65637452756c657352657669657712200a100a0012001a0022002a0032003800420012060a0473686f701a04180022001a002200",
      {
        apiVersion: "authorization.k8s.io/v1",
        kind: "SelfSubjectRulesReview",
        metadata: {},
        spec: { namespace: "shop" },
      },
    ],
    [
      "6b3873000a2d0a1861757468656e7469636174696f6e2e6b38732e696f2f7631121153656c665375626a656374526576696577121a0a100a0012001a0022002a0032003800420012060a040a0012001a002200",
      { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview", metadata: {} },
    ],
  ])("reads what kubectl sends: %s", (hex, value) => {
    expect(readProtobuf(Uint8Array.from(Buffer.from(hex, "hex")))).toEqual({ ok: true, value });
  });

  it("reads labels and annotations, a key `__proto__` like any other, and skips what it does not know", () => {
    const label = (number: number, key: string, value: string) => message(number, text(1, key), text(2, value));
    const input = envelope(
      "v1",
      "Namespace",
      message(
        1,
        text(1, "shop"),
        text(2, "shop-"),
        label(11, "a", "b"),
        integer(99, 7n),
        [...varint(98n * 8n + 1n), 1, 2, 3, 4, 5, 6, 7, 8],
        [...varint(97n * 8n + 5n), 1, 2, 3, 4],
        label(11, "__proto__", "c"),
        label(12, "empty", ""),
      ),
    );
    const read = readProtobuf(input);
    const value = read.ok ? JSON.stringify(read.value) : "";
    expect(value).toBe(
      '{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop","generateName":"shop-","labels":{"a":"b","__proto__":"c"},"annotations":{"empty":""}}}',
    );
  });

  it("reads the data of a Secret and a ConfigMap, bytes as base64", () => {
    const named = message(1, text(1, "a"));
    const secret = envelope(
      "v1",
      "Secret",
      named,
      message(2, text(1, "key"), bytes(2, [0xff, 0x00])),
      message(2, text(1, "empty")),
      text(3, "Opaque"),
      message(4, text(1, "word"), text(2, "b")),
      integer(5, 1n),
    );
    expect(readProtobuf(secret)).toEqual({
      ok: true,
      value: {
        apiVersion: "v1",
        kind: "Secret",
        metadata: { name: "a" },
        data: { key: "/wA=", empty: "" },
        type: "Opaque",
        stringData: { word: "b" },
        immutable: true,
      },
    });
    const map = envelope(
      "v1",
      "ConfigMap",
      named,
      message(2, text(1, "a"), text(2, "b")),
      message(3, text(1, "c"), bytes(2, [0x61])),
    );
    expect(readProtobuf(map)).toEqual({
      ok: true,
      value: {
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: { name: "a" },
        data: { a: "b" },
        binaryData: { c: "YQ==" },
      },
    });
  });

  it("reads DeleteOptions of any group", () => {
    const input = envelope(
      "networking.istio.io/v1",
      "DeleteOptions",
      integer(1, -1n),
      message(2, text(1, ""), text(2, "7")),
      integer(3, 0n),
      text(4, "Background"),
      text(5, "All"),
      text(5, "More"),
    );
    expect(readProtobuf(input)).toEqual({
      ok: true,
      value: {
        apiVersion: "networking.istio.io/v1",
        kind: "DeleteOptions",
        gracePeriodSeconds: -1,
        preconditions: { uid: "", resourceVersion: "7" },
        orphanDependents: false,
        propagationPolicy: "Background",
        dryRun: ["All", "More"],
      },
    });
  });

  it.each([
    ["another kind", envelope("apps/v1", "Deployment")],
    ["a known kind of another group", envelope("example.com/v1", "Namespace")],
    ["no kind", Uint8Array.from(MAGIC)],
    ["a kind of JavaScript's own", envelope("v1", "__proto__")],
  ])("says of %s that it is not read in this form", (_, input) => {
    expect(code(input)).toBe(415);
  });

  const namespace = (...parts: readonly Part[]) => envelope("v1", "Namespace", ...parts);
  it.each([
    ["nothing", new Uint8Array()],
    ["JSON", new TextEncoder().encode('{"kind":"Namespace"}')],
    ["half of the magic number", Uint8Array.from(MAGIC.slice(0, 3))],
    ["a length beyond the end", Uint8Array.from([...MAGIC, 0x0a, 0x7f])],
    [
      "a length of more than the memory",
      Uint8Array.from([...MAGIC, 0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]),
    ],
    ["an endless number", Uint8Array.from([...MAGIC, 0x08, ...Array.from({ length: 32 }, () => 0xff)])],
    ["a number where text should be", namespace(message(1, integer(1, 5n)))],
    ["text where a number should be", envelope("v1", "DeleteOptions", text(1, "5"))],
    ["text where a message should be", namespace(text(1, "abc"))],
    ["text that is no UTF-8", namespace(message(1, bytes(1, [0xc3, 0x28])))],
    ["a label that is no message", namespace(message(1, text(11, "abc")))],
    ["the wire type of groups", namespace([0x0b])],
    ["a field with number 0", namespace([0x02, 0x00])],
    ["a fixed number that is cut off", namespace([0x09, 1, 2, 3])],
  ])("refuses %s", (_, input) => {
    expect(code(input)).toBe(400);
  });

  it("refuses every body that was cut off, or reads what it is the whole of", () => {
    const whole = namespace(message(1, text(1, "shop"), message(11, text(1, "a"), text(2, "b"))));
    for (let length = 0; length < whole.length; length += 1) {
      const read = readProtobuf(whole.subarray(0, length));
      if (read.ok) expect(length).toBeGreaterThanOrEqual(whole.length - 4);
      else expect([400, 415]).toContain(read.error.code);
    }
  });

  it("never throws", () => {
    const kinds = ["Namespace", "Secret", "DeleteOptions", "SelfSubjectAccessReview", "Pod"];
    fc.assert(
      fc.property(fc.constantFrom(...kinds), fc.uint8Array({ maxLength: 200 }), fc.boolean(), (kind, noise, inside) => {
        const input = inside
          ? envelope(kind.startsWith("Self") ? "authorization.k8s.io/v1" : "v1", kind, [...noise])
          : Uint8Array.from([...MAGIC, ...noise]);
        const read = readProtobuf(input);
        if (!read.ok) expect([400, 415]).toContain(read.error.code);
      }),
      { numRuns: times(300, 3_000) },
    );
  });

  it("never throws on a body with some bytes changed", () => {
    const whole = namespace(
      message(1, text(1, "shop"), message(11, text(1, "a"), text(2, "b")), message(12, text(1, "c"))),
    );
    const change = fc.tuple(fc.nat(whole.length - 1), fc.nat(255));
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
        const input = Uint8Array.from(whole);
        for (const [at, byte] of changes) input[at] = byte;
        const read = readProtobuf(input);
        if (!read.ok) expect([400, 415]).toContain(read.error.code);
      }),
      { numRuns: times(300, 3_000) },
    );
  });
});
