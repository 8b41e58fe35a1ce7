import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { assert, property, record, stringMatching } from "fast-check";
import type { JWK } from "jose";
import { describe, expect, it } from "vitest";
import { assertionClaims, assertionHeader } from "../../src/identity/assertion.ts";
import { checkAssertion, isGatewayOf, judgeClaims, type ReceivedCall } from "../../src/identity/assertion-check.ts";

const GATEWAY = "spiffe://cluster.local/gateway/gateway-a";
const OTHER_GATEWAY = "spiffe://cluster.local/gateway/gateway-b";
const CALLER = "cluster.local/ns/default/sa/web";
const SERVICE = "orders.shop.svc.cluster.local";
const NOW = 1_800_000_000_000;

const CALL: ReceivedCall = {
  trustDomain: "cluster.local",
  services: [SERVICE],
  method: "POST",
  host: "orders.shop:8080",
  gateway: GATEWAY,
};

const pair = generateKeyPairSync("ed25519");
const other = generateKeyPairSync("ed25519");
const KEYS: readonly (JWK & { readonly iss?: string })[] = [
  { ...(other.publicKey.export({ format: "jwk" }) as JWK), kid: "other", iss: OTHER_GATEWAY },
  { ...(pair.publicKey.export({ format: "jwk" }) as JWK), kid: "one", iss: GATEWAY },
  { ...(pair.publicKey.export({ format: "jwk" }) as JWK), kid: "stray" },
];

function signed(header: unknown, claims: unknown, key: KeyObject = pair.privateKey): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const input = `${part(header)}.${part(claims)}`;
  return `${input}.${sign(null, Buffer.from(input), key).toString("base64url")}`;
}

const asserted = { principal: CALLER, service: SERVICE, method: "POST", host: "orders.shop:8080" };
const claims = assertionClaims(GATEWAY, asserted, NOW / 1_000);
const header = assertionHeader("one");

async function verdict(text: string, call: Partial<ReceivedCall> = {}, now = NOW, keys = KEYS): Promise<string> {
  const checked = await checkAssertion(text, keys, { ...CALL, ...call }, now);
  return checked.ok ? (checked.value.caller ?? "nobody") : checked.error.code;
}

describe("an assertion", () => {
  it("tells who calls, where a gateway has signed it for this call", async () => {
    expect(await verdict(signed(header, claims))).toBe(`spiffe://${CALLER}`);
    const unproven = assertionClaims(GATEWAY, { ...asserted, principal: null }, NOW / 1_000);
    expect(await verdict(signed(header, unproven))).toBe("nobody");
    expect(await verdict(signed(header, claims), { gateway: null })).toBe(`spiffe://${CALLER}`);
  });

  it.each<[string, () => string, string]>([
    ["is no token", () => "nonsense", "assertion_malformed"],
    ["is empty", () => "", "assertion_malformed"],
    ["is of another type", () => signed({ ...header, typ: "JWT" }, claims), "assertion_malformed"],
    ["has no type", () => signed({ alg: "EdDSA", kid: "one" }, claims), "assertion_malformed"],
    ["names no algorithm", () => signed({ ...header, alg: "none" }, claims), "assertion_malformed"],
    ["names another algorithm", () => signed({ ...header, alg: "ES256" }, claims), "assertion_malformed"],
    ["names no key", () => signed({ alg: "EdDSA", typ: "assertion+jwt" }, claims), "assertion_key_unknown"],
    ["names a key that nobody publishes", () => signed({ ...header, kid: "two" }, claims), "assertion_key_unknown"],
    ["is signed by another key", () => signed(header, claims, other.privateKey), "assertion_signature"],
    [
      "was changed",
      () => signed(header, claims).replace(/.$/, (last) => (last === "A" ? "B" : "A")),
      "assertion_signature",
    ],
    ["is of a workload", () => signed(header, { ...claims, iss: `spiffe://${CALLER}` }), "assertion_issuer"],
    ["is of another mesh", () => signed(header, { ...claims, iss: "spiffe://other/gateway/a" }), "assertion_issuer"],
    ["is of another gateway", () => signed(header, { ...claims, iss: `${GATEWAY}b` }), "assertion_issuer"],
    [
      "a gateway signed under the name of another",
      () => signed(assertionHeader("other"), claims, other.privateKey),
      "assertion_issuer",
    ],
    ["is signed by a key that is nobody's", () => signed(assertionHeader("stray"), claims), "assertion_issuer"],
    ["is for another service", () => signed(header, { ...claims, aud: "payments" }), "assertion_audience"],
    ["is for several services", () => signed(header, { ...claims, aud: [SERVICE] }), "assertion_audience"],
    ["is for another method", () => signed(header, { ...claims, htm: "GET" }), "assertion_method"],
    ["is for another host", () => signed(header, { ...claims, host: "payments" }), "assertion_host"],
    ["lives too long", () => signed(header, { ...claims, exp: claims.iat + 61 }), "assertion_malformed"],
    ["has no end", () => signed(header, { ...claims, exp: undefined }), "assertion_malformed"],
    ["names no caller that is one", () => signed(header, { ...claims, sub: "web" }), "assertion_malformed"],
  ])("that %s is refused", async (_, text, code) => {
    // The last bits of a signature's last character are none of its bits.
    const got = await verdict(text());
    expect(code === "assertion_signature" ? ["assertion_signature", "assertion_malformed"] : [code]).toContain(got);
  });

  it("holds for each gateway of two that have one key, under its own name", async () => {
    const [, one] = KEYS;
    const shared = [{ ...one, iss: OTHER_GATEWAY }, ...KEYS];
    expect(await verdict(signed(header, claims), {}, NOW, shared)).toBe(`spiffe://${CALLER}`);
    const ofOther = signed(header, { ...claims, iss: OTHER_GATEWAY });
    expect(await verdict(ofOther, { gateway: OTHER_GATEWAY }, NOW, shared)).toBe(`spiffe://${CALLER}`);
  });

  it("holds for its time, and half a minute for clocks that differ", async () => {
    const text = signed(header, claims);
    expect(await verdict(text, {}, NOW + 89_000)).toBe(`spiffe://${CALLER}`);
    expect(await verdict(text, {}, NOW + 91_000)).toBe("assertion_expired");
    expect(await verdict(text, {}, NOW - 29_000)).toBe(`spiffe://${CALLER}`);
    expect(await verdict(text, {}, NOW - 31_000)).toBe("assertion_not_yet_valid");
  });

  it("holds for no other call than its own, whatever is changed", () => {
    const word = stringMatching(/^[a-z.:0-9]{1,12}$/);
    const call = record({ method: word, host: word, service: word, gateway: word, principal: word });
    assert(
      property(call, call, (a, b) => {
        const issuer = (name: string) => `spiffe://cluster.local/gateway/${name.replaceAll(/[.:]/g, "x")}`;
        const made = assertionClaims(
          issuer(a.gateway),
          { ...a, principal: `cluster.local/ns/x/sa/${a.principal.replaceAll(/[.:]/g, "x")}` },
          NOW / 1_000,
        );
        const came = { ...CALL, method: b.method, host: b.host, services: [b.service], gateway: issuer(b.gateway) };
        const same =
          a.method === b.method && a.host === b.host && a.service === b.service && issuer(a.gateway) === came.gateway;
        expect(judgeClaims({ ...made }, came, NOW).ok).toBe(same);
        expect(
          judgeClaims({ ...made }, { ...came, ...a, services: [a.service], gateway: issuer(a.gateway) }, NOW).ok,
        ).toBe(true);
      }),
    );
  });
});

describe("a gateway's SPIFFE ID", () => {
  it.each([
    ["spiffe://cluster.local/gateway/a", true],
    ["spiffe://cluster.local/gateway/a/b", false],
    ["spiffe://cluster.local/gateway", false],
    ["spiffe://cluster.local/ns/gateway/sa/a", false],
    ["spiffe://other/gateway/a", false],
    ["spiffe://cluster.local/gateway/..", false],
    ["https://cluster.local/gateway/a", false],
  ])("%s: %s", (id, is) => expect(isGatewayOf(id, "cluster.local")).toBe(is));
});
