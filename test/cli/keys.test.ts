import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { useFakeControl } from "./fake-control.ts";
import { ran } from "./in-process.ts";

const control = useFakeControl();

const ID = "5f0c3a52-6c1e-4d6f-9a53-0d6a3c0f2f0e";
const KEY = `tk_${"A".repeat(32)}_00000000`;
const MADE = { id: ID, name: "acme", namespace: "shop", plan: "gold", labels: { team: "a" }, expiresAt: null };
const LISTED = { ...MADE, createdAt: 0 };

beforeEach(() => {
  control.asked.length = 0;
  control.routes = {
    "POST /api/v1/keys": () => ({ status: 201, body: { ...LISTED, key: KEY } }),
    "GET /api/v1/keys": () => ({
      body: {
        keys: [
          { ...LISTED, revokedAt: null },
          { ...LISTED, plan: null, labels: {}, revokedAt: 1 },
          { ...LISTED, expiresAt: 1, revokedAt: null },
        ],
      },
    }),
    [`DELETE /api/v1/keys/${ID}`]: () => ({ body: "null" }),
  };
});

const key = async (args: readonly string[], columns?: number) =>
  ran(
    ["key", ...args, "--kubeconfig", join(control.folder, ".tulle/kubeconfig")],
    columns === undefined ? {} : { columns },
  );

describe("tulle key", () => {
  it("prints a new key alone, and all that is known of it on stderr or as JSON", async () => {
    const args = ["create", "acme", "-n", "shop", "--plan", "gold", "--label", "team=a", "--ttl", "never"];
    const { code, stdout, stderr } = await key(args);
    expect([code, stdout]).toEqual([0, `${KEY}\n`]);
    expect(stderr).toContain(`API key ${ID} for acme, of namespace shop, plan gold: never expires`);
    expect(stderr).not.toContain(KEY);
    expect(control.asked.map(({ body }) => JSON.parse(body) as unknown)).toEqual([
      { name: "acme", namespace: "shop", plan: "gold", labels: { team: "a" } },
    ]);
    expect(JSON.parse((await key([...args, "-o", "json"])).stdout)).toMatchObject({ ...MADE, key: KEY });
  });

  it("makes a key that ends in 90 days unless it is told otherwise", async () => {
    await key(["create", "acme", "-n", "shop"]);
    await key(["create", "acme", "-n", "shop", "--ttl", "1h"]);
    const asked = control.asked.map(({ body }) => JSON.parse(body) as unknown);
    expect(asked).toMatchObject([{ ttlSeconds: 7_776_000 }, { ttlSeconds: 3_600 }]);
  });

  it("lists keys with their state, in 80 columns and as JSON", async () => {
    const { code, stdout } = await key(["list", "-n", "shop"], 80);
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split("\n");
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
    expect(lines.map((line) => line.trim().split(/\s+/).at(-1))).toEqual(["STATE", "active", "revoked", "expired"]);
    expect(control.asked[0]?.path).toBe("/api/v1/keys?namespace=shop&limit=500");
    expect((JSON.parse((await key(["list", "-o", "json"])).stdout) as { keys: unknown[] }).keys).toHaveLength(3);
  });

  it("revokes one", async () => {
    expect(await key(["revoke", ID])).toMatchObject({ code: 0, stdout: `key/${ID} revoked\n` });
    expect(JSON.parse((await key(["revoke", ID, "-o", "json"])).stdout)).toEqual({ id: ID, action: "revoked" });
  });

  it.each([
    [["create", "Acme"], "is no name for a key"],
    [["create", "acme", "--label", "team"], "NAME=VALUE"],
    [["create", "acme", "--ttl", "1s"], "1m to"],
    [["create"], "name"],
  ])("refuses %j before it asks", async (args, why) => {
    const { code, stderr } = await key(args);
    expect(code).not.toBe(0);
    expect(stderr).toContain(why);
    expect(control.asked).toEqual([]);
  });
});
