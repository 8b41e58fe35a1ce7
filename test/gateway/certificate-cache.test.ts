import { describe, expect, it } from "vitest";
import { CertificateCache } from "../../workers/gateway/certificate-cache.ts";
import { TestAuthority } from "../identity/svids.ts";

const SECOND = Math.floor(Date.now() / 1_000) * 1_000;

describe("a client's certificate at a Gateway", () => {
  it("is vouched for inside of its validity alone, whatever the platform said when the session began", async () => {
    const authority = await TestAuthority.create();
    const [notBefore, notAfter] = [SECOND, SECOND + 600_000];
    const der = Buffer.from(await authority.issue({ dns: ["b.test"], notBefore, notAfter })).toString("base64");
    const shown = { certPresented: "1", certVerified: "SUCCESS", certRevoked: "0", certRFC9440: `:${der}:` };
    const cache = new CertificateCache();
    // A minute for clocks that differ.
    for (const [at, holds] of [
      [notAfter + 1, false],
      [notAfter, true],
      [notBefore - 60_000, true],
      [notBefore - 60_001, false],
    ] as const)
      expect([at, (await cache.read(shown, at))?.verified]).toEqual([at, holds]);
    expect(await cache.read(shown, notAfter + 1)).toMatchObject({ names: ["b.test"] });
  });

  it("is read anew where the platform judges it otherwise, and is none where none was shown", async () => {
    const cache = new CertificateCache();
    const shown = { certPresented: "1", certVerified: "SUCCESS", certRevoked: "0", certRFC9440: "" };
    expect(await cache.read(shown, SECOND)).toMatchObject({ verified: true });
    expect(await cache.read({ ...shown, certRevoked: "1" }, SECOND)).toMatchObject({ verified: false });
    for (const none of [undefined, null, "x", {}, { ...shown, certPresented: "0" }])
      expect(await cache.read(none, SECOND)).toBeNull();
  });
});
