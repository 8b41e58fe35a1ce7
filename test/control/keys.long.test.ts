import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { apiKeyHash, isApiKey } from "../../src/identity/api-key.ts";
import { RunningControl } from "./running.ts";

let control: RunningControl;
const tokens = new Map<string, string>();

beforeAll(async () => {
  control = await RunningControl.start();
  for (const [name, role, namespace] of [
    ["shop", "editor", "shop"],
    ["shop-reader", "viewer", "shop"],
    ["bank", "admin", "bank"],
    ["root", "editor", "istio-system"],
    ["reader", "viewer", undefined],
  ] as const) {
    const made = await control.call("POST", "/api/v1/tokens", { name, role, ...(namespace && { namespace }) });
    tokens.set(name, String(made.json["token"]));
  }
});
afterAll(() => control.stop());

const as = (name: string) => ({ token: tokens.get(name) ?? "" });

interface Made {
  readonly id: string;
  readonly key: string;
}

async function made(body: object, token?: string): Promise<Made> {
  const answer = await control.call("POST", "/api/v1/keys", body, token === undefined ? {} : as(token));
  expect(answer.status).toBe(201);
  return answer.json as unknown as Made;
}

const stateOf = async (key: string) => control.rpc("STATE", "keys", [await apiKeyHash(key)]);

describe("API keys", () => {
  it("are shown once, kept as a hash, and told to gateways by it with all that policies see", async () => {
    const wanted = { name: "acme", namespace: "shop", plan: "gold", labels: { team: "a" }, ttlSeconds: 60 };
    const before = Date.now();
    const answer = await control.call("POST", "/api/v1/keys", wanted, as("shop"));
    expect([answer.status, answer.headers.get("cache-control")]).toEqual([201, "no-store"]);
    const { id, key } = answer.json as unknown as Made;
    const expiresAt = Number(answer.json["expiresAt"]);
    expect(isApiKey(key)).toBe(true);
    expect(expiresAt).toBeGreaterThanOrEqual(before + 60_000);
    const { ttlSeconds: _, ...told } = wanted;
    expect(await stateOf(key)).toEqual([{ state: "known", key: { id, ...told, expiresAt } }]);
    expect(await control.dump()).not.toContain(key);
    const list = await control.call("GET", "/api/v1/keys?namespace=shop", undefined, as("shop-reader"));
    expect(list.json["keys"]).toEqual([expect.objectContaining({ id, ...told, revokedAt: null })]);
    expect(JSON.stringify(list.json)).not.toContain(key);
  });

  it("that are revoked are told as such, once, and both are rows of the audit", async () => {
    const { id, key } = await made({ name: "short", namespace: "shop" });
    expect((await control.call("DELETE", `/api/v1/keys/${id}`, undefined, as("shop"))).status).toBe(204);
    expect(await stateOf(key)).toEqual([{ state: "revoked", namespace: "shop" }]);
    expect((await control.call("DELETE", `/api/v1/keys/${id}`, undefined, as("shop"))).status).toBe(404);
    const rows = await control.sql(`SELECT verb, actor, targets, detail FROM audit WHERE targets LIKE '%${id}%'`);
    expect(rows.map(({ verb, actor }) => [verb, actor])).toEqual([
      ["create-key", "admin"],
      ["revoke-key", "shop"],
    ]);
    expect(JSON.stringify(rows)).not.toContain(key);
  });

  it("are a namespace's own: others neither make, see nor revoke them", async () => {
    const { id } = await made({ name: "own", namespace: "shop" }, "shop");
    const body = { name: "taken", namespace: "shop" };
    for (const token of ["bank", "shop-reader", "reader"])
      expect((await control.call("POST", "/api/v1/keys", body, as(token))).status).toBe(403);
    // What holds for the whole mesh is its administrator's.
    const ofRoot = { name: "all", namespace: "istio-system" };
    expect((await control.call("POST", "/api/v1/keys", ofRoot, as("root"))).status).toBe(403);
    expect((await control.call("GET", "/api/v1/keys?namespace=shop", undefined, as("bank"))).status).toBe(403);
    expect((await control.call("GET", "/api/v1/keys", undefined, as("bank"))).json["keys"]).toEqual([]);
    expect((await control.call("DELETE", `/api/v1/keys/${id}`, undefined, as("bank"))).status).toBe(404);
    expect((await control.call("DELETE", `/api/v1/keys/${id}`, undefined, as("shop-reader"))).status).toBe(403);
    const all = await control.call("GET", "/api/v1/keys", undefined, as("reader"));
    expect(all.json["keys"]).toContainEqual(expect.objectContaining({ id, namespace: "shop", revokedAt: null }));
  });

  it.each([
    [{ name: "Acme", namespace: "shop" }, "lower-case letters"],
    [{ name: "acme" }, "namespace"],
    [{ name: "acme", namespace: "shop", plan: "a b" }, "letters, digits"],
    [{ name: "acme", namespace: "shop", labels: { "a b": "c" } }, "label"],
    [{ name: "acme", namespace: "shop", ttlSeconds: 1 }, "ttlSeconds"],
    [{ name: "acme", namespace: "shop", key: "tk_mine" }, "key"],
  ])("are not made of %j", async (body, why) => {
    const answer = await control.call("POST", "/api/v1/keys", body);
    expect(answer.status).toBe(400);
    expect(String(answer.json["message"])).toContain(why);
  });

  it("are asked for in calls of a bounded size, and an unknown one is told as such", async () => {
    expect(await control.rpc("STATE", "keys", ["0".repeat(64), "1".repeat(64)])).toEqual([
      { state: "unknown" },
      { state: "unknown" },
    ]);
    const many = Array.from({ length: 65 }, (_, at) => String(at));
    await expect(control.rpc("STATE", "keys", many)).rejects.toThrow("at most 64");
  });
});
