import { createHash } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import { NO_PEER } from "../../src/identity/peer.ts";
import type { Trust } from "../../src/snapshot/model.ts";
import type { CallerProps } from "../../src/snapshot/rpc.ts";
import { PeerCache } from "../../workers/gateway/peer.ts";
import { TestAuthority } from "../identity/svids.ts";

const WEB = "spiffe://cluster.local/ns/default/sa/web";

describe("a certificate's peer", () => {
  let authority: TestAuthority;
  let trust: Trust;
  let der: Uint8Array;
  let good: Record<string, unknown>;

  beforeAll(async () => {
    authority = await TestAuthority.create();
    trust = { domain: "cluster.local", aliases: ["old.test"], authorities: [authority.der] };
    der = await authority.issue({ uris: [WEB] });
    good = shown(der);
  });

  const shown = (der: Uint8Array): Record<string, unknown> => ({
    certPresented: "1",
    certVerified: "SUCCESS",
    certRevoked: "0",
    certRFC9440: `:${Buffer.from(der).toString("base64")}:`,
    certRFC9440TooLarge: false,
  });
  const read = async (clientAuth: unknown, now = Date.now()) => new PeerCache().certificate(clientAuth, trust, now);

  it("is its workload", async () => {
    expect(await read(good)).toEqual({
      peer: {
        principal: "cluster.local/ns/default/sa/web",
        namespace: "default",
        trustDomain: "cluster.local",
        by: "certificate",
      },
      refused: null,
      certificate: createHash("sha256").update(der).digest("hex"),
    });
  });

  it("of an alias is written under the mesh's own name", async () => {
    const der = await authority.issue({ uris: [WEB.replace("cluster.local", "old.test")] });
    expect((await read(shown(der))).peer.principal).toBe("cluster.local/ns/default/sa/web");
  });

  it.each<{ name: string; change: Record<string, unknown>; refused: string | null }>([
    { name: "not presented", change: { certPresented: "0" }, refused: null },
    { name: "presented as a number", change: { certPresented: 1 }, refused: null },
    { name: "not verified", change: { certVerified: "FAILED:expired" }, refused: "certificate_unverified" },
    { name: "verified as true", change: { certVerified: true }, refused: "certificate_unverified" },
    { name: "revoked", change: { certRevoked: "1" }, refused: "certificate_revoked" },
    { name: "of unknown revocation", change: { certRevoked: undefined }, refused: "certificate_revoked" },
    { name: "too large", change: { certRFC9440TooLarge: true }, refused: "certificate_missing" },
    { name: "empty", change: { certRFC9440: "" }, refused: "certificate_missing" },
    { name: "without colons", change: { certRFC9440: "AAAA" }, refused: "certificate_malformed" },
    { name: "no base64", change: { certRFC9440: ":***:" }, refused: "certificate_malformed" },
    { name: "no certificate", change: { certRFC9440: ":AAAA:" }, refused: "certificate_malformed" },
  ])("that is $name is nobody", async ({ change, refused }) => {
    expect(await read({ ...good, ...change })).toEqual({ peer: NO_PEER, refused, certificate: null });
  });

  it.each([null, undefined, "1", 7, []])("where the platform says %j is nobody", async (clientAuth) => {
    expect((await read(clientAuth)).peer).toBe(NO_PEER);
  });

  it("counts inside its validity alone, also when it is remembered", async () => {
    const cache = new PeerCache();
    const notAfter = Math.floor(Date.now() / 1_000) * 1_000 + 5_000;
    const clientAuth = shown(await authority.issue({ uris: [WEB], notAfter }));
    expect((await cache.certificate(clientAuth, trust, notAfter)).refused).toBeNull();
    expect((await cache.certificate(clientAuth, trust, notAfter + 1)).refused).toBe("certificate_expired");
    expect((await read(clientAuth, Date.now() - 10_000_000)).refused).toBe("certificate_not_yet_valid");
  });

  it("is judged anew under another trust", async () => {
    const cache = new PeerCache();
    expect((await cache.certificate(good, trust, Date.now())).refused).toBeNull();
    expect(cache.certificate(good, trust, Date.now())).not.toBeInstanceOf(Promise);
    const other = { ...trust, authorities: [] };
    expect((await cache.certificate(good, other, Date.now())).refused).toBe("certificate_issuer_unknown");
  });

  it("is forgotten where many others came since", async () => {
    const cache = new PeerCache();
    await cache.certificate(good, trust, Date.now());
    for (let i = 0; i < 2_000; i += 1) await cache.certificate({ ...good, certRFC9440: `:${i}` }, trust, Date.now());
    expect(cache.certificate(good, trust, Date.now())).toBeInstanceOf(Promise);
  });

  it("of an alias is written with the mesh's own name", async () => {
    const id = WEB.replace("cluster.local", "old.test");
    expect((await read(shown(await authority.issue({ uris: [id] })))).peer).toMatchObject({
      principal: "cluster.local/ns/default/sa/web",
    });
  });

  it("of a binding is what its props say, of the mesh's trust domain alone", () => {
    const cache = new PeerCache();
    const web = { namespace: "default", serviceAccount: "web" };
    const read = (props: CallerProps) => cache.binding(props, trust, 0);
    expect(read(web).peer).toMatchObject({ principal: "cluster.local/ns/default/sa/web", by: "binding" });
    expect(read({})).toEqual({ peer: NO_PEER, refused: null, certificate: null });
    const other = { ...trust, domain: "other.test" };
    expect(cache.binding(web, other, 0).peer).toMatchObject({ principal: "other.test/ns/default/sa/web" });
  });

  it.each([
    { props: { namespace: "default" }, refused: "identity_incomplete" },
    { props: { serviceAccount: "web" }, refused: "identity_incomplete" },
    { props: { namespace: "", serviceAccount: "web" }, refused: "spiffe_id_invalid" },
    { props: { namespace: "default", serviceAccount: "web/sa/admin" }, refused: "spiffe_id_invalid" },
    { props: { namespace: "..", serviceAccount: "web" }, refused: "spiffe_id_invalid" },
  ])("of a binding with $props counts for nothing", ({ props, refused }) => {
    expect(new PeerCache().binding(props, trust, 0)).toEqual({ peer: NO_PEER, refused, certificate: null });
  });
});
