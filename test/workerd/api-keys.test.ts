import { beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { API_KEY_BYTES, apiKeyHash, apiKeyOf } from "../../src/identity/api-key.ts";
import type { ApiKeyFact } from "../../src/request/api-key-fact.ts";
import type { Condition } from "../../src/snapshot/model.ts";
import { control } from "./support/control.ts";
import { callInMesh, callMethod, logged, serveSlices } from "./support/gateway.ts";
import { serve, serveRpc } from "./support/services.ts";
import { sliceOf } from "./support/slices.ts";

const HOST = "a.default.svc.cluster.local";
const KEYS = { name: "default/keys", namespace: "default", header: "x-api-key", required: true } as const;
const IS_GOLD: Condition = { key: { kind: "request.auth.key.plan" }, values: [{ kind: "exact", value: "gold" }] };

let lastKey = 0;
/** What the service got, by the header that keys come in. */
const seen: (string | null)[] = [];

/** A key that no isolate has seen. */
async function newKey(fact: ApiKeyFact | null): Promise<string> {
  const bytes = new Uint8Array(API_KEY_BYTES);
  bytes[0] = lastKey += 1;
  const key = apiKeyOf(bytes);
  if (fact !== null) control.keys.set(await apiKeyHash(key), fact);
  return key;
}

function ofPlan(plan: string, namespace = "default"): ApiKeyFact {
  return { state: "known", key: { id: "1", name: "acme", namespace, plan, labels: {}, expiresAt: null } };
}

beforeAll(async () => {
  serve("a", ({ headers }) => {
    seen.push(headers.get("x-api-key"));
    return new Response("ok");
  });
  serveRpc("a", () => "called");
  const allow = [
    {
      name: "default/gold",
      rules: [{ to: [{ paths: [{ kind: "exact", value: "/gold" } as const] }], when: [IS_GOLD] }],
    },
    {
      name: "default/rest",
      rules: [{ to: [{ notPaths: [{ kind: "exact", value: "/gold" } as const] }] }],
    },
  ];
  const slice = sliceOf(HOST, {
    keyHeaders: ["x-api-key"],
    policySets: [{ mtls: "PERMISSIVE", jwt: [], deny: [], allow, keys: [KEYS] }],
  });
  await serveSlices({ "mesh/*": { [HOST]: slice } });
});
beforeEach(() => {
  seen.length = 0;
  control.keyCalls.length = 0;
});

const call = async (key: string | null, path = "/", name = "x-api-key") =>
  callInMesh(`http://${HOST}${path}`, key === null ? {} : { headers: { [name]: key } });

async function told(response: Response): Promise<readonly [number, string]> {
  return [response.status, await response.text()];
}

describe("a service that asks for an API key", () => {
  it("gets requests with a good one, without the key, and control is asked once", async () => {
    const key = await newKey(ofPlan("silver"));
    for (let at = 0; at < 3; at += 1) expect(await told(await call(key))).toEqual([200, "ok"]);
    expect(seen).toEqual([null, null, null]);
    expect(control.keyCalls).toEqual([[await apiKeyHash(key)]]);
  });

  it("gets none without one, with a made-up one, with another namespace's, or with a revoked one", async () => {
    const revoked = await newKey({ state: "revoked", namespace: "default" });
    const foreign = await newKey(ofPlan("gold", "bank"));
    const unknown = await newKey(null);
    const texts = ["missing", "not valid", "not valid", "not valid"];
    for (const [at, key] of [null, "tk_guess", foreign, unknown].entries())
      expect(await told(await call(key))).toEqual([401, expect.stringContaining(texts[at] ?? "")]);
    const refused = await call(revoked);
    expect(refused.headers.get("www-authenticate")).toBe("ApiKey");
    expect(await told(refused)).toEqual([401, "API key was revoked"]);
    expect(seen).toEqual([]);
  });

  it("asks nobody about what has no key's form", async () => {
    for (const text of ["", "tk_", `tk_${"A".repeat(32)}_00000000`, "x".repeat(8_000)])
      expect((await call(text)).status).toBe(401);
    const [one, two] = [await newKey(ofPlan("gold")), await newKey(ofPlan("gold"))];
    expect((await call(`${one}, ${two}`)).status).toBe(401);
    expect(control.keyCalls).toEqual([]);
  });

  it("takes none from another spelling of the header, or from the query", async () => {
    const key = await newKey(ofPlan("gold"));
    expect((await call(key, "/", "x_api_key")).status).toBe(401);
    expect((await call(null, `/?x-api-key=${key}`)).status).toBe(401);
    expect(control.keyCalls).toEqual([]);
  });

  it("lets policies see whose it is", async () => {
    const [gold, silver] = [await newKey(ofPlan("gold")), await newKey(ofPlan("silver"))];
    expect((await call(gold, "/gold")).status).toBe(200);
    expect((await call(silver, "/gold")).status).toBe(403);
  });

  it("is told of by log lines that hold no key", async () => {
    const keys = [await newKey(ofPlan("gold")), await newKey(null), "tk_made-up"];
    const lines = await logged(async () => {
      for (const key of keys) await call(key);
    }, keys.length);
    expect(lines).toContainEqual(expect.objectContaining({ details: "api_key_unknown", policy: KEYS.name }));
    for (const key of keys) expect(JSON.stringify(lines)).not.toContain(key);
  });

  it("is closed where control is away: a key that nobody looked up is 503, one that is known passes", async () => {
    const [known, other] = [await newKey(ofPlan("gold")), await newKey(ofPlan("gold"))];
    expect((await call(known)).status).toBe(200);
    control.away = true;
    onTestFinished(() => void (control.away = false));
    const refused = await call(other);
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "1"]);
    expect((await call(known)).status).toBe(200);
  });

  it("takes no call of Workers RPC, which carries none", async () => {
    const error = await callMethod({ service: HOST }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ status: 401 });
  });
});
