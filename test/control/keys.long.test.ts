import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { apiKeyHash, isApiKey } from "../../src/identity/api-key.ts";
import { RunningControl } from "./running.ts";

let control: RunningControl;
const tokens = new Map<string, string>();

beforeAll(async () => {
  control = await RunningControl.start();
  for (const name of ["shop", "bank", "paged", "full"])
    await control.call("POST", "/api/v1/apply", { apiVersion: "v1", kind: "Namespace", metadata: { name } });
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

  it("are listed in pages, each key once", async () => {
    for (let at = 0; at < 5; at += 1) await made({ name: `page-${at}`, namespace: "paged" });
    const seen: string[] = [];
    for (let [from, pages]: [string | null, number] = ["", 0]; from !== null; pages += 1) {
      const query: string = `namespace=paged&limit=2${from === "" ? "" : `&continue=${from}`}`;
      const page = await control.call("GET", `/api/v1/keys?${query}`, undefined, as("reader"));
      const keys = page.json["keys"] as unknown as readonly { readonly name: string }[];
      expect(keys.length).toBeLessThanOrEqual(2);
      expect(pages).toBeLessThan(4);
      seen.push(...keys.map(({ name }) => name));
      const next = page.json["continue"];
      from = typeof next === "string" ? next : null;
    }
    expect(seen.toSorted((a, b) => (a < b ? -1 : 1))).toEqual(["page-0", "page-1", "page-2", "page-3", "page-4"]);
    expect((await control.call("GET", "/api/v1/keys?continue=shop", undefined, as("reader"))).status).toBe(400);
    for (const limit of ["0", "-1", "two", "1.5"])
      expect((await control.call("GET", `/api/v1/keys?limit=${limit}`, undefined, as("reader"))).status).toBe(400);
    // A place in another namespace shows nothing of it.
    const place = `paged.0.${"0".repeat(8)}-0000-0000-0000-${"0".repeat(12)}`;
    const other = await control.call("GET", `/api/v1/keys?continue=${place}`, undefined, as("bank"));
    expect(other.json["keys"]).toEqual([]);
  });

  it("are never more than a namespace may have, however many are made at once", async () => {
    // All but two of those that it may have.
    await control.sql(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9998) INSERT INTO api_keys (id, hash, namespace, name, labels, created_at) SELECT 'full-' || i, 'full-' || i, 'full', 'k', '{}', 1 FROM n",
    );
    const body = { name: "late", namespace: "full" };
    const all = await Promise.all(Array.from({ length: 8 }, async () => control.call("POST", "/api/v1/keys", body)));
    expect(all.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([201, 201, 403, 403, 403, 403, 403, 403]);
    const told = all.filter(({ status }) => status === 403).map(({ json }) => String(json["message"]));
    for (const message of told) expect(message).toContain("10000 keys that hold: revoke some first");
    const [kept] = await control.sql("SELECT count(*) AS count FROM api_keys WHERE namespace = 'full'");
    const rows = await control.sql(
      "SELECT count(*) AS count FROM audit WHERE verb = 'create-key' AND detail LIKE '%\"full\"%'",
    );
    expect([kept?.["count"], rows[0]?.["count"]]).toEqual([10_000, 2]);
  });

  it("end with their Namespace, and do not come back with it", async () => {
    const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "brief" } };
    const apply = async () => control.call("POST", "/api/v1/apply", namespace);
    expect((await apply()).status).toBe(200);
    const [gone, other] = [await made({ name: "a", namespace: "brief" }), await made({ name: "a", namespace: "shop" })];
    expect((await control.call("DELETE", "/k8s/api/v1/namespaces/brief")).status).toBe(200);
    expect(await stateOf(gone.key)).toEqual([{ state: "revoked", namespace: "brief" }]);
    expect(await stateOf(other.key)).toMatchObject([{ state: "known" }]);
    expect((await apply()).status).toBe(200);
    expect(await stateOf(gone.key)).toEqual([{ state: "revoked", namespace: "brief" }]);
  });

  it("are made for a Namespace that is there alone: not before it is applied, not once it is deleted, not while it is", async () => {
    const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "soon" } };
    const make = async () => control.call("POST", "/api/v1/keys", { name: "a", namespace: "soon" });
    const refused = { status: 404, json: { message: expect.stringContaining('namespaces "soon" not found: apply') } };
    expect(await make()).toMatchObject(refused);
    expect((await control.call("POST", "/api/v1/apply", namespace)).status).toBe(200);
    expect((await make()).status).toBe(201);
    const [removed, ...raced] = await Promise.all([
      control.call("DELETE", "/k8s/api/v1/namespaces/soon"),
      ...Array.from({ length: 8 }, make),
    ]);
    expect(removed.status).toBe(200);
    for (const { status } of raced) expect([201, 404]).toContain(status);
    expect(await make()).toMatchObject(refused);
    const held = await control.sql("SELECT id FROM api_keys WHERE namespace = 'soon' AND revoked_at IS NULL");
    expect(held).toEqual([]);
    const rows = await control.sql("SELECT id FROM audit WHERE verb = 'create-key' AND detail LIKE '%\"soon\"%'");
    expect(rows).toHaveLength(1 + raced.filter(({ status }) => status === 201).length);
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
