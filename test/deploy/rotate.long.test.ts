import { createPrivateKey, createPublicKey } from "node:crypto";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { deployMesh, planMesh } from "../../cli/deploy/mesh.ts";
import { assertionKeySet } from "../../src/identity/assertion-keys.ts";
import { captured, OPTIONS, runIn, shop, type Tried } from "./support.ts";

async function deploy(tried: Tried, options: Parameters<typeof runIn>[1] = {}): Promise<string> {
  const told = captured();
  await deployMesh(await runIn(tried, options), OPTIONS);
  return told();
}

const worker = ({ account }: Tried, name: string) => account.workers[name]!;
/** Public keys that gateways take roots of. */
const trusted = (tried: Tried) => JSON.parse(worker(tried, "shop-gateway").config.vars!["SNAPSHOT_KEYS"]!) as string[];
/** Public keys that control publishes for the gateway. */
const published = (tried: Tried) =>
  (JSON.parse(worker(tried, "shop-control").config.vars!["ASSERTION_KEYS"]!) as Record<string, string[]>)[
    "shop-gateway"
  ]!;
const signsRoots = (tried: Tried) => publicHalf(worker(tried, "shop-control").secrets["SNAPSHOT_PRIVATE_KEY"]!);
const signsAssertions = (tried: Tried) =>
  (JSON.parse(worker(tried, "shop-gateway").secrets["ASSERTION_KEY"]!) as { x: string }).x;

function publicHalf(pkcs8: string): string {
  const key = createPrivateKey({ key: Buffer.from(pkcs8, "base64"), format: "der", type: "pkcs8" });
  return createPublicKey(key).export({ format: "jwk" }).x!;
}

const kept = ({ state }: Tried) =>
  JSON.parse(readFileSync(join(state, "deployed.json"), "utf8")) as { retiring: object };

describe("keys that tulle deploy makes and changes", () => {
  let tried: Tried;
  beforeEach(async () => {
    tried = shop();
    await deploy(tried);
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  /** Of each deployment: what is told, and what signs. The invariant of a rotation is that the second is in the first. */
  function watch() {
    const seen: { trusted: string[]; signs: string; published: string[]; asserts: string }[] = [];
    const run = tried.account.run.bind(tried.account);
    vi.spyOn(tried.account, "run").mockImplementation((args) => {
      const answer = run(args);
      if (args[0] === "deploy" && !args.includes("--dry-run"))
        seen.push({
          trusted: trusted(tried),
          signs: signsRoots(tried),
          published: published(tried),
          asserts: signsAssertions(tried),
        });
      return answer;
    });
    return seen;
  }

  it("gives each gateway a key of its own at the first deployment, and tells control its public half alone", async () => {
    expect(published(tried)).toEqual([signsAssertions(tried)]);
    const { keys } = await assertionKeySet(worker(tried, "shop-control").config.vars!["ASSERTION_KEYS"]!, "mesh.test");
    expect(keys).toMatchObject([
      { kty: "OKP", x: signsAssertions(tried), iss: "spiffe://mesh.test/gateway/shop-gateway" },
    ]);
    expect(JSON.stringify(keys)).not.toContain('"d"');
    expect(existsSync(join(tried.state, "pending-keys.json"))).toBe(false);
  });

  it("gives a gateway that an older version deployed a key", async () => {
    const path = join(tried.state, "deployed.json");
    const { assertionKeys: _, ...older } = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
    writeFileSync(path, JSON.stringify(older));
    const before = signsAssertions(tried);
    await deploy(tried);
    expect(published(tried)).toEqual([signsAssertions(tried)]);
    expect(signsAssertions(tried)).not.toBe(before);
  });

  it("changes nothing of the keys without --rotate", async () => {
    const before = [signsRoots(tried), signsAssertions(tried)];
    await deploy(tried, { force: true });
    expect([signsRoots(tried), signsAssertions(tried)]).toEqual(before);
  });

  it("plans a rotation: its last steps use the keys that all know by then", async () => {
    const told = captured();
    await planMesh(await runIn(tried, { rotate: ["snapshot-key", "assertion-keys"] }), OPTIONS);
    expect(told().split("\n").slice(-4, -2)).toEqual([
      expect.stringMatching(/control shop-control: sign configuration with the next key$/),
      expect.stringMatching(/gateway shop-gateway: sign assertions with the next key$/),
    ]);
    expect(existsSync(join(tried.state, "pending-keys.json"))).toBe(false);
  });

  it.each([{ rotate: ["snapshot-key"] as const }, { rotate: ["assertion-keys"] as const }])(
    "rotates $rotate: nothing is ever signed by a key that is not told yet",
    async ({ rotate }) => {
      const before = { signs: signsRoots(tried), asserts: signsAssertions(tried) };
      const seen = watch();
      const waited: number[] = [];
      await deploy(tried, { rotate, settle: async () => void waited.push(seen.length) });
      for (const each of seen) {
        expect(each.trusted).toContain(each.signs);
        expect(each.published).toContain(each.asserts);
      }
      // What is told settles before it is used.
      expect(waited).toEqual([seen.length - 1]);
      const after = { signs: signsRoots(tried), asserts: signsAssertions(tried) };
      expect(after.signs !== before.signs).toBe(rotate[0] === "snapshot-key");
      expect(after.asserts !== before.asserts).toBe(rotate[0] === "assertion-keys");
      const keys = rotate[0] === "snapshot-key" ? trusted(tried) : published(tried);
      expect(keys).toHaveLength(2);
    },
  );

  it("forgets the old keys at the first deployment after a quarter of an hour", async () => {
    await deploy(tried, { rotate: ["snapshot-key", "assertion-keys"] });
    await deploy(tried);
    expect([trusted(tried).length, published(tried).length]).toEqual([2, 2]);
    vi.useFakeTimers({ now: Date.now() + 15 * 60_000 + 1_000, toFake: ["Date"] });
    await deploy(tried);
    expect([trusted(tried), published(tried)]).toEqual([[signsRoots(tried)], [signsAssertions(tried)]]);
    expect(kept(tried).retiring).toEqual({});
  });

  it("refuses to rotate again while the key before is still trusted", async () => {
    await deploy(tried, { rotate: ["snapshot-key"] });
    await expect(deploy(tried, { rotate: ["snapshot-key"] })).rejects.toThrow(
      /trusted until .*; rotate again after that/,
    );
  });

  it("goes on where it stopped, whichever call fails, and never signs by a key that is not told", async () => {
    const rotate = ["snapshot-key", "assertion-keys"] as const;
    for (let call = 0; ; call += 1) {
      for (const after of [false, true]) {
        tried = shop();
        await deploy(tried);
        const seen = watch();
        tried.account.calls = [];
        tried.account.failing = { call, after };
        const failed = await deploy(tried, { rotate }).then(
          () => false,
          () => true,
        );
        tried.account.failing = null;
        if (failed) {
          const pending = join(tried.state, "pending-keys.json");
          if (existsSync(pending)) expect(statSync(pending).mode & 0o077).toBe(0);
          // Without the option: what was begun is brought to its end.
          await deploy(tried);
        }
        for (const each of seen) {
          expect(each.trusted).toContain(each.signs);
          expect(each.published).toContain(each.asserts);
        }
        expect([trusted(tried)[1], published(tried)[1]]).toEqual([signsRoots(tried), signsAssertions(tried)]);
        expect([trusted(tried).length, published(tried).length]).toEqual([2, 2]);
        expect(existsSync(join(tried.state, "pending-keys.json"))).toBe(false);
        if (!failed) return;
      }
    }
  });
});
