import { beforeAll, describe, expect, it } from "vitest";
import { readSpiffeBundle } from "../../src/identity/spiffe-bundle.ts";
import { judgeSvid, peerOf } from "../../src/identity/svid.ts";
import type { Trust } from "../../src/snapshot/model.ts";
import { TestAuthority } from "./svids.ts";

let own: TestAuthority;
let other: TestAuthority;
beforeAll(async () => {
  [own, other] = await Promise.all([TestAuthority.create("CN=own"), TestAuthority.create("CN=other")]);
});

const WEB = "spiffe://cluster.local/ns/shop/sa/web";
const FOREIGN = "spiffe://other.test/ns/shop/sa/web";

describe("readSpiffeBundle", () => {
  const key = (der: string) => ({ kty: "EC", use: "x509-svid", x5c: [der] });
  const read = (bundle: unknown) => readSpiffeBundle(JSON.stringify(bundle));

  it("takes the authorities, and leaves out keys of other uses", () => {
    const keys = [
      key(other.der),
      { kty: "EC", use: "jwt-svid", kid: "a" },
      { kty: "EC", use: "new" },
      { kty: "EC" },
      null,
    ];
    expect(read({ keys, spiffe_sequence: 7, spiffe_refresh_hint: 60 })).toEqual({
      ok: true,
      value: { authorities: [other.der], sequence: 7, refreshHint: 60 },
    });
    expect(read({ keys: [key(other.der)] })).toMatchObject({ value: { sequence: null, refreshHint: 300 } });
  });

  it("is none of what is not", async () => {
    const leaf = Buffer.from(await other.issue({ uris: [FOREIGN] })).toString("base64");
    for (const text of [
      "{",
      "[]",
      "null",
      "{}",
      JSON.stringify({ keys: [] }),
      JSON.stringify({ keys: {} }),
      JSON.stringify({ keys: [{ kty: "EC", use: "jwt-svid" }] }),
      JSON.stringify({ keys: [key(leaf)] }),
      JSON.stringify({ keys: [key("AAAA")] }),
      JSON.stringify({ keys: [key(other.der), { kty: "EC", use: "x509-svid" }] }),
      JSON.stringify({ keys: [{ kty: "EC", use: "x509-svid", x5c: [other.der, own.der] }] }),
      JSON.stringify({ keys: [key(other.der)], spiffe_sequence: -1 }),
      JSON.stringify({ keys: [key(other.der)], spiffe_sequence: "7" }),
      JSON.stringify({ keys: [key(other.der)], spiffe_refresh_hint: 1.5 }),
      `{"keys":[],"keys":[${JSON.stringify(key(other.der))}]}`,
      JSON.stringify({ keys: Array.from({ length: 101 }, () => key(other.der)) }),
    ])
      expect([text.slice(0, 80), readSpiffeBundle(text).ok]).toEqual([text.slice(0, 80), false]);
  });
});

describe("an SVID of a federated trust domain", () => {
  const trust = (): Trust => ({
    domain: "cluster.local",
    aliases: [],
    authorities: [own.der],
    federated: { "other.test": [other.der] },
  });
  const judged = async (by: TestAuthority, uri: string, given = trust()) => {
    const svid = await judgeSvid(await by.issue({ uris: [uri] }), given);
    return svid.ok ? peerOf(svid.value.id, given, "certificate") : svid.error.code;
  };

  it("counts by its own bundle, under its own name, and in no namespace of the mesh", async () => {
    expect(await judged(other, FOREIGN)).toEqual({
      principal: "other.test/ns/shop/sa/web",
      namespace: null,
      trustDomain: "other.test",
      by: "certificate",
    });
    expect(await judged(own, WEB)).toMatchObject({ namespace: "shop", trustDomain: "cluster.local" });
  });

  it("counts for nothing by another's bundle, and its authority speaks for nobody else", async () => {
    expect(await judged(own, FOREIGN)).toBe("certificate_issuer_unknown");
    expect(await judged(other, WEB)).toBe("certificate_issuer_unknown");
    expect(await judged(other, "spiffe://third.test/ns/a/sa/b")).toBe("trust_domain_unknown");
    const { federated: _, ...alone } = trust();
    expect(await judged(other, FOREIGN, alone)).toBe("trust_domain_unknown");
    expect(await judged(other, "spiffe://constructor/ns/a/sa/b")).toBe("trust_domain_unknown");
    const aliased = { ...trust(), aliases: ["other.test"] };
    expect(await judged(other, FOREIGN, aliased)).toBe("certificate_issuer_unknown");
  });
});
