import { generateKeyPairSync } from "node:crypto";
import * as fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { canonicalJson } from "../../src/snapshot/canonical.ts";
import { sliceId } from "../../src/snapshot/hash.ts";
import { FORMAT, type Root, type SignedRoot } from "../../src/snapshot/model.ts";
import {
  importSigningKey,
  importVerifyKeys,
  MAX_ROOT_BYTES,
  readSlice,
  signRoot,
  type SigningKey,
  type VerifyKey,
  verifyRoot,
} from "../../src/snapshot/signature.ts";

const ROOT: Root = {
  format: FORMAT,
  gateway: "a",
  generation: 7,
  issuedAt: 1,
  trust: { domain: "cluster.local", aliases: [], authorities: [] },
  scopes: { "mesh/*": { reviews: "00" } },
};

describe("a signed root", () => {
  let signing: SigningKey;
  let keys: readonly VerifyKey[];
  let signed: SignedRoot;

  beforeAll(async () => {
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    signing = await importSigningKey(privateKey.export({ format: "der", type: "pkcs8" }).toString("base64"));
    keys = await importVerifyKeys(JSON.stringify([publicKey.export({ format: "jwk" }).x]));
    signed = await signRoot(ROOT, signing);
  });

  it("is read back as it was written", async () => {
    expect(await verifyRoot(signed, keys, "a")).toEqual({ ok: true, value: ROOT });
  });

  it.each<{ name: string; change: (of: SignedRoot) => SignedRoot; gateway?: string; code: string }>([
    { name: "for another gateway", change: (of) => of, gateway: "b", code: "snapshot_gateway" },
    {
      name: "whose payload was changed",
      change: (of) => ({ ...of, payload: of.payload.replace('"generation":7', '"generation":8') }),
      code: "snapshot_unsigned",
    },
    {
      name: "whose signature was changed",
      change: (of) => ({ ...of, signature: `${of.signature.startsWith("A") ? "B" : "A"}${of.signature.slice(1)}` }),
      code: "snapshot_unsigned",
    },
    { name: "without a signature", change: (of) => ({ ...of, signature: "" }), code: "snapshot_unsigned" },
    { name: "of another key", change: (of) => ({ ...of, keyId: "0".repeat(16) }), code: "snapshot_key_unknown" },
    {
      name: "that is too large",
      change: (of) => ({ ...of, payload: " ".repeat(MAX_ROOT_BYTES + 1) }),
      code: "snapshot_oversized",
    },
    { name: "that is none", change: () => ({}) as SignedRoot, code: "snapshot_unreadable" },
  ])("$name is refused", async ({ change, gateway = "a", code }) => {
    expect(await verifyRoot(change(signed), keys, gateway)).toMatchObject({ ok: false, error: { code } });
  });

  it.each<{ name: string; root: object; code: string }>([
    { name: "of a later format", root: { ...ROOT, format: FORMAT + 1 }, code: "snapshot_format" },
    { name: "of no format", root: { ...ROOT, format: 0 }, code: "snapshot_format" },
    { name: "with a field that nobody knows", root: { ...ROOT, newer: true }, code: "snapshot_unreadable" },
    { name: "without scopes", root: { ...ROOT, scopes: undefined }, code: "snapshot_unreadable" },
    { name: "whose generation is text", root: { ...ROOT, generation: "7" }, code: "snapshot_unreadable" },
    {
      name: "of before programs with a pattern",
      root: { ...ROOT, format: 3, telemetry: TELEMETRY },
      code: "snapshot_programs",
    },
    {
      name: "with a program that leads out of itself",
      root: { ...ROOT, telemetry: { ...TELEMETRY, programs: { code: { a: { ...PROGRAM, code: [4, 1, 0] } } } } },
      code: "snapshot_unreadable",
    },
  ])("$name is refused though it is signed", async ({ root, code }) => {
    const odd = await signRoot(root as Root, signing);
    expect(await verifyRoot(odd, keys, "a")).toMatchObject({ ok: false, error: { code } });
  });
});

it("configuration of the earlier format is read: control may be older than a gateway", async () => {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const key = await importSigningKey(privateKey.export({ format: "der", type: "pkcs8" }).toString("base64"));
  const trusted = await importVerifyKeys(JSON.stringify([publicKey.export({ format: "jwk" }).x]));
  expect(await verifyRoot(await signRoot({ ...ROOT, format: 1 }, key), trusted, "a")).toMatchObject({ ok: true });
  const text = canonicalJson({ format: 1, host: "a", path: {}, routes: [], clusters: {}, policySets: [] });
  expect(await readSlice(text, await sliceId(text))).toMatchObject({ ok: true });
});

const PROGRAM = { code: [4, 0, 0], groups: 0 };
const FILTER = { kind: "matches", of: { kind: "attribute", name: "request.path" }, regex: "a" };
const SINK = { provider: "envoy", filter: FILTER };
const TELEMETRY = { settings: [{ accessLog: { sinks: [SINK] } }], mesh: { client: 0, server: 0 } };

describe("configuration of before programs", () => {
  const SLICE = { format: 3, host: "a", path: {}, routes: [], clusters: {}, policySets: [] };
  const matches = (match: object) => ({ ...SLICE, routes: [{ matches: [{ uri: match }] }] });

  it.each([
    ["a regex", matches({ kind: "regex", value: "a" })],
    ["a template", matches({ kind: "template", value: "/{*}" })],
    ["a rewriting", { ...SLICE, routes: [{ rewrite: { regex: { match: "a", rewrite: "b" } } }] }],
    ["an expression", { ...SLICE, telemetry: TELEMETRY.settings }],
  ])("is refused as a slice with %s: no gateway compiles one", async (_, slice) => {
    const text = canonicalJson(slice);
    expect(await readSlice(text, await sliceId(text))).toEqual({ ok: false, error: { code: "snapshot_programs" } });
    const newer = canonicalJson({ ...slice, format: FORMAT });
    expect(await readSlice(newer, await sliceId(newer))).toMatchObject({ ok: true });
  });

  it("is read where an author's text alone looks like a pattern", async () => {
    const text = canonicalJson(matches({ kind: "exact", value: '"kind":"regex","regex":{"match":' }));
    expect(await readSlice(text, await sliceId(text))).toMatchObject({ ok: true });
  });
});

describe("a slice with a part of later", () => {
  const SLICE = { format: FORMAT, host: "a", path: {}, routes: [], clusters: {}, policySets: [] };
  const POLICIES = { mtls: "STRICT", jwt: [], deny: [], allow: [] };
  const allow = (rule: object) => ({
    ...SLICE,
    policySets: [{ ...POLICIES, allow: [{ name: "a/b", rules: [rule] }] }],
  });
  const cluster = { id: "a", service: {}, port: 80, loadBalancer: "RANDOM", pool: {} };

  it.each<[string, object]>([
    ["a mode of mutual TLS", { ...SLICE, policySets: [{ ...POLICIES, mtls: "STRICTEST" }] }],
    ["a field of a policy set", { ...SLICE, policySets: [{ ...POLICIES, unheard: [] }] }],
    ["a field that narrows a rule", allow({ from: [], unheard: [] })],
    ["a field that narrows a source", allow({ from: [{ unheard: [] }] })],
    ["a key of a condition", allow({ when: [{ key: { kind: "unheard" }, values: [] }] })],
    ["a kind of match", { ...SLICE, routes: [{ matches: [{ uri: { kind: "unheard", value: "/" } }] }] }],
    ["a field of a match", { ...SLICE, routes: [{ matches: [{ unheard: [] }] }] }],
    ["a kind of address", { ...SLICE, clusters: { a: { ...cluster, endpoints: [{ address: { kind: "unheard" } }] } } }],
    ["a balancer", { ...SLICE, clusters: { a: { ...cluster, loadBalancer: "UNHEARD", endpoints: [] } } }],
  ])("%s is refused whole: who does not know it could allow too much", async (_, slice) => {
    const text = canonicalJson(slice);
    expect(await readSlice(text, await sliceId(text))).toMatchObject({
      ok: false,
      error: { code: "snapshot_unreadable" },
    });
  });

  it("is read where all is known", async () => {
    const rule = {
      from: [{ namespaces: [{ kind: "exact", value: "a" }] }],
      when: [{ key: { kind: "source.ip" }, values: ["192.0.2.1"] }],
    };
    const text = canonicalJson(allow(rule));
    expect(await readSlice(text, await sliceId(text))).toMatchObject({ ok: true });
  });
});

describe("a slice", () => {
  const SLICE = { format: FORMAT, host: "a", path: {}, routes: [], clusters: {}, policySets: [] };

  it("is taken under the hash of its text alone", async () => {
    const text = canonicalJson(SLICE);
    const id = await sliceId(text);
    expect(await readSlice(text, id)).toMatchObject({ ok: true });
    expect(await readSlice(`${text} `, id)).toMatchObject({ ok: false, error: { code: "slice_hash" } });
  });

  it.each([
    { name: "of a later format", slice: { ...SLICE, format: FORMAT + 1 }, code: "snapshot_format" },
    { name: "of a format that is no number", slice: { ...SLICE, format: "2" }, code: "snapshot_format" },
    { name: "with a field that nobody knows", slice: { ...SLICE, faults: [] }, code: "snapshot_unreadable" },
    {
      name: "with a rehearsal of a field that nobody knows, which may be for fewer requests",
      slice: { ...SLICE, rehearsals: [{ name: "a/b", endsAt: 1, share: 1, abort: { status: 503 }, callers: [] }] },
      code: "snapshot_unreadable",
    },
    { name: "without routes", slice: { ...SLICE, routes: undefined }, code: "snapshot_unreadable" },
    {
      name: "with a program that leads out of itself",
      slice: { ...SLICE, programs: { code: { a: { ...PROGRAM, code: [4, 1, 0] } } } },
      code: "snapshot_unreadable",
    },
  ])("$name is refused", async ({ slice, code }) => {
    const text = canonicalJson(slice);
    expect(await readSlice(text, await sliceId(text))).toMatchObject({ ok: false, error: { code } });
  });
});

it("canonical JSON reads back as what was written, whatever the order of its keys", () => {
  const reversed = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(reversed);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(
      Object.entries(value)
        .toReversed()
        .map(([key, field]) => [key, reversed(field)]),
    );
  };
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = canonicalJson(value);
      expect(canonicalJson(JSON.parse(text))).toBe(text);
      expect(canonicalJson(reversed(value))).toBe(text);
    }),
  );
});
