import { createHash, generateKeyPairSync, type KeyObject, randomBytes, X509Certificate } from "node:crypto";
import { request as httpRequest } from "node:http";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { controlApi } from "../../workers/control/api.ts";
import { sameSecret, tokenStore } from "../../workers/control/db/tokens.ts";
import type { Env } from "../../workers/control/env.ts";
import { RunningControl } from "../control/running.ts";
import { certificateRequest } from "../support/csr.ts";
import { until, within } from "../support/until.ts";
import { type AttackCase, type AttackRequest, CASES, CONTROL_CLASSES, expanded, patienceOf, WAITS } from "./corpus.ts";
import { named, strangerIn } from "./known.ts";

const CONTROL_CASES = CASES.filter((attack) => CONTROL_CLASSES.has(attack.class));

/** What of a case's words is not asserted, and why. */
const PARTLY: ReadonlyMap<string, string> = new Map([
  ["ADM-003", "asserts that digests are compared, not the time that it takes"],
  ["ADM-009", "export and explain are not built: they must be 404"],
  ["ADM-018", "a list has no largest limit, as in Kubernetes; the database is read by 500, and without OFFSET"],
  [
    "ADM-028",
    "whoever has the deploy-time secret gets a token of control's making each time: there is nothing to race for",
  ],
  ["CA-006", "no list of known Debian and ROCA keys"],
  ["CA-008", "a key may be certified again by whoever proves to have it"],
  ["CA-012", "join tokens cannot be revoked; they end within ten minutes"],
  ["CA-017", "60 certificates instead of 10,000"],
]);

const POLICIES = "/k8s/apis/security.istio.io/v1/authorizationpolicies";
const POLICY = {
  apiVersion: "security.istio.io/v1",
  kind: "AuthorizationPolicy",
  metadata: { name: "x", namespace: "prod" },
  spec: { action: "DENY", rules: [{ to: [{ operation: { paths: ["/admin"] } }] }] },
};

/** The corpus's spelling of a path, in this project's. What has no counterpart is a path that must not be there. */
function mapped(target: string): string {
  return target
    .replace(/^\/v1\/policies\/([^/?]+)\//, "/k8s/apis/security.istio.io/v1/namespaces/$1/authorizationpolicies/")
    .replace(/^\/v1\/policies\b/, POLICIES)
    .replace(/^\/v1\//, "/api/v1/")
    .replace("?namespace=", "?fieldSelector=metadata.namespace%3D")
    .replace("?sort=", "?limit=")
    .replace("?label=", "?labelSelector=")
    .replace("?cursor=", "?continue=")
    .replace("dryRun=true", "dryRun=All");
}

/** The path tricks of ADM-029, on the routes that are public and those that are not. */
const TRICKS: ReadonlyMap<string, string> = new Map([
  ["//v1/policies", `/${POLICIES}`],
  ["/v1/policies/", `${POLICIES}/`],
  ["/v1/%70olicies", POLICIES.replace("/authorization", "/%61uthorization")],
  ["/V1/policies", POLICIES.replace("/k8s", "/K8S")],
  ["/v1/health/../policies", `/healthz/..${POLICIES}`],
  ["/v1/health;/../policies", `/healthz;/..${POLICIES}`],
  ["/public/..%2fv1/policies", `/healthz/..%2f${POLICIES.slice(1)}`],
]);

interface Reply {
  readonly status: number;
  readonly text: string;
}

describe("the attack cases on control", () => {
  let control: RunningControl;
  let good = "";

  beforeAll(async () => {
    control = await RunningControl.start();
    const namespaces = ["prod", "dev"].map((name) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } }));
    const policies = [
      { ...POLICY, metadata: { name: "secret-of-prod", namespace: "prod" } },
      { ...POLICY, metadata: { name: "of-dev", namespace: "dev" } },
      { ...POLICY, metadata: { name: "of-dev-2", namespace: "dev" } },
    ];
    expect((await control.call("POST", "/api/v1/apply", [...namespaces, ...policies])).status).toBe(200);
    good = await token("admin");
  });

  afterAll(async () => {
    for (const name of CONTROL_CLASSES) {
      const cases = CONTROL_CASES.filter((attack) => attack.class === name);
      const waiting = cases.filter(({ id }) => WAITS.has(id)).length;
      const parts = cases.filter(({ id }) => PARTLY.has(id)).length;
      console.log(`attacks, ${name}: ${cases.length - waiting} hold, ${parts} of them in part, ${waiting} wait`);
    }
    for (const [id, why] of PARTLY) console.log(`partly: ${id} ${why}`);
    await control.stop();
  });

  async function token(role: string, more: Record<string, unknown> = {}): Promise<string> {
    const answer = await control.call("POST", "/api/v1/tokens", { name: "attack", role, ...more });
    expect(answer.status).toBe(201);
    return String(answer.json["token"]);
  }

  async function revoked(): Promise<string> {
    const made = (await control.call("POST", "/api/v1/tokens", { name: "attack", role: "admin" })).json;
    expect((await control.call("DELETE", `/api/v1/tokens/${made["id"]}`)).status).toBe(204);
    return String(made["token"]);
  }

  async function expired(): Promise<string> {
    const made = (await control.call("POST", "/api/v1/tokens", { name: "attack", role: "admin", ttlSeconds: 60 })).json;
    await control.sql(`UPDATE tokens SET expires_at = ${Date.now() - 1} WHERE id = '${made["id"]}'`);
    return String(made["token"]);
  }

  /** Sent as it stands: nothing resolves dots or sets another host. */
  async function send(
    method: string,
    path: string,
    headers: Readonly<Record<string, string>> = {},
    body?: string,
  ): Promise<Reply> {
    const { hostname, port } = await control.url();
    return new Promise((resolve, reject) => {
      const request = httpRequest({ hostname, port, method, path, headers }, (answer) => {
        let text = "";
        answer.setEncoding("utf8");
        answer.on("data", (part: string) => (text += part));
        answer.on("end", () => resolve({ status: answer.statusCode ?? 0, text }));
      });
      request.on("error", reject);
      request.end(body);
    });
  }

  /** A request of the corpus, with these credentials unless it brings its own. */
  async function attack(
    { method = "GET", target = "/", host, headers = [], body }: AttackRequest,
    credentials: Readonly<Record<string, string>>,
    fill: (text: string) => string = (text) => text,
  ): Promise<Reply> {
    const own = Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), fill(expanded(value))]));
    const sent = { ...credentials, ...own, ...(host !== undefined && { host }) };
    return send(method, mapped(fill(expanded(target))), sent, body);
  }

  const bearer = (text: string) => ({ authorization: `Bearer ${text}` });

  async function unchanged(run: () => Promise<void>): Promise<void> {
    const before = await control.dump();
    await run();
    expect(await control.dump()).toBe(before);
  }

  async function enrol(csr: string, change: { readonly token?: string; readonly ttlSeconds?: number } = {}) {
    const { token: join = await joinToken(), ...more } = change;
    return control.call("POST", "/api/v1/enrol", { csr, ...more }, { token: join });
  }

  async function joinToken(more: Record<string, unknown> = {}): Promise<string> {
    const wanted = { namespace: "prod", serviceAccount: "web", ...more };
    const answer = await control.call("POST", "/api/v1/join-tokens", wanted);
    expect(answer.status).toBe(201);
    return String(answer.json["token"]);
  }

  const p256 = () => generateKeyPairSync("ec", { namedCurve: "P-256" });
  const requestOf = ({ privateKey, publicKey }: Pair, uris?: readonly string[]) =>
    certificateRequest(privateKey, publicKey, uris);

  /** Refused with a code that the case allows, and without a certificate. */
  function refusedEnrolment({ must }: AttackCase, answer: { readonly status: number; readonly json: object }): void {
    expect(must.status ?? [400, 401, 403, 409, 422]).toContain(answer.status);
    expect(answer.json).not.toHaveProperty("certificate");
  }

  /** A document that must be refused wherever YAML is read. */
  async function refusedYaml({ must }: AttackCase, document: string): Promise<void> {
    await unchanged(async () => {
      for (const [method, path, type] of [
        ["POST", "/api/v1/apply", "application/yaml"],
        ["POST", POLICIES.replace("/authorization", "/namespaces/prod/authorization"), "application/yaml"],
        [
          "PATCH",
          `${POLICIES.replace("/authorization", "/namespaces/prod/authorization")}/x?fieldManager=m`,
          "application/apply-patch+yaml",
        ],
      ] as const) {
        const call = control.call(method, path, document, { type });
        const answer = await within(`the answer to ${type}`, patienceOf(must), call);
        expect(must.status, `${type} ${String(answer.json["message"])}`).toContain(answer.status);
      }
    });
    expect(Object.keys(Object.prototype)).toEqual([]);
    for (const name of ["polluted", "action"]) expect(({} as Record<string, unknown>)[name]).toBeUndefined();
  }

  const yamlCase = (document?: string) => async (one: AttackCase) => {
    const text = document ?? one.setup?.document ?? "";
    expect(text).not.toBe("");
    await refusedYaml(one, text);
  };

  const CHECKS: ReadonlyMap<string, (one: AttackCase) => Promise<void>> = new Map([
    [
      "ADM-002",
      async ({ requests, must }) => {
        const [ended, gone] = [await expired(), await revoked()];
        const fill = (text: string) =>
          text
            .replaceAll("{good-1char}", good.slice(0, -1))
            .replaceAll("{good}", good)
            .replaceAll("{expired}", ended)
            .replaceAll("{revoked}", gone);
        for (const request of requests) expect(must.status).toContain((await attack(request, {}, fill)).status);
        expect((await send("GET", POLICIES, bearer(good))).status).toBe(200);
      },
    ],
    [
      "ADM-003",
      async () => {
        const looked: unknown[] = [];
        const statement = {
          bind: (...values: unknown[]) => {
            looked.push(...values);
            return statement;
          },
          raw: async () => [],
        };
        const text = `tulle_${"A".repeat(43)}`;
        const fake = { prepare: () => statement } as unknown as D1Database;
        expect(await tokenStore(fake).find(text, 0)).toBeNull();
        // What the database compares is a digest, of which nobody chooses a byte.
        expect(looked).toEqual([createHash("sha256").update(text).digest("hex")]);

        const compare = vi.fn((a: ArrayBuffer, b: ArrayBuffer) => Buffer.from(a).equals(Buffer.from(b)));
        Object.defineProperty(crypto.subtle, "timingSafeEqual", { value: compare, configurable: true });
        try {
          expect(await sameSecret("short", "a secret that is longer")).toBe(false);
          expect(await sameSecret("same", "same")).toBe(true);
        } finally {
          Reflect.deleteProperty(crypto.subtle, "timingSafeEqual");
        }
        expect(compare.mock.calls.map(([a, b]) => [a.byteLength, b.byteLength])).toEqual([
          [32, 32],
          [32, 32],
        ]);
      },
    ],
    [
      "ADM-004",
      async ({ requests, must }) => {
        for (const request of requests)
          expect(must.status).toContain((await attack(request, {}, (text) => text.replaceAll("{good}", good))).status);
      },
    ],
    [
      "ADM-006",
      async ({ requests, must }) => {
        const viewer = await token("viewer");
        await unchanged(async () => {
          for (const request of requests) {
            const body = request.body === "policy" ? JSON.stringify(POLICY) : request.body;
            const credentials = { ...bearer(viewer), "content-type": "application/json" };
            const reply = await attack({ ...request, ...(body !== undefined && { body }) }, credentials);
            const { code, results } = JSON.parse(reply.text) as {
              code: number;
              results?: { status: { code: number } }[];
            };
            // An apply is refused as a whole, and says of each document why.
            expect(must.status).toContain(results?.[0]?.status.code ?? code);
          }
        });
      },
    ],
    [
      "ADM-009",
      async ({ requests }) => {
        const viewer = await token("viewer", { namespace: "dev" });
        for (const request of requests) {
          const reply = await attack(request, bearer(viewer));
          expect([403, 404], request.target).toContain(reply.status);
          expect(reply.text).not.toContain("secret-of-prod");
        }
        const own = POLICIES.replace("/authorization", "/namespaces/dev/authorization");
        for (const query of ["", "?watch=true&timeoutSeconds=0", "?fieldSelector=metadata.namespace!%3Ddev"]) {
          const reply = await send("GET", own + query, bearer(viewer));
          expect([query, reply.status, reply.text.includes("secret-of-prod")]).toEqual([query, 200, false]);
          if (!query.includes("!")) expect(reply.text).toContain("of-dev");
        }
        for (const path of [
          `${POLICIES}?watch=true`,
          POLICIES.replace("/authorization", "/namespaces/prod/authorization"),
        ])
          expect((await send("GET", path, bearer(viewer))).status).toBe(403);
      },
    ],
    [
      "ADM-011",
      async ({ requests, must }) => {
        await unchanged(async () => {
          for (const request of requests)
            expect(must.status, request.target).toContain((await attack(request, bearer(good))).status);
        });
      },
    ],
    [
      "ADM-013",
      async ({ requests, must }) => {
        await unchanged(async () => {
          for (const request of requests)
            for (const credentials of [{}, bearer(good)]) {
              const reply = await attack(request, credentials, (text) => text.replaceAll("{good}", good));
              expect(must.status).toContain(reply.status);
            }
        });
      },
    ],
    [
      "ADM-015",
      async ({ requests, must }) => {
        for (const request of requests)
          for (const host of [request.host ?? "", "localhost", "127.0.0.1"])
            expect(must.status).toContain(
              (await attack({ ...request, host }, { "x-forwarded-for": "127.0.0.1" })).status,
            );
      },
    ],
    [
      "ADM-018",
      async ({ requests, must }) => {
        const first = await send(
          "GET",
          `${POLICIES.replace("/authorization", "/namespaces/prod/authorization")}?limit=1`,
          bearer(good),
        );
        expect(first.status).toBe(200);
        const ofProd = btoa(JSON.stringify(["prod", "", 1]));
        const dev = await token("viewer", { namespace: "dev" });
        const fill = (text: string) => text.replaceAll("{cursor-of-other-tenant}", encodeURIComponent(ofProd));
        for (const request of requests) {
          expect(must.status, request.target).toContain((await attack(request, bearer(good), fill)).status);
          // Who may see one namespace sees no more of others by it.
          const target = (request.target ?? "").replace(
            "/v1/policies",
            POLICIES.replace("/authorization", "/namespaces/dev/authorization"),
          );
          const reply = await attack({ ...request, target }, bearer(dev), fill);
          expect(must.status, target).toContain(reply.status);
          expect(reply.text).not.toContain("secret-of-prod");
        }
      },
    ],
    [
      "ADM-020",
      async ({ requests, must }) => {
        const text = JSON.stringify(POLICY);
        const bodies: Readonly<Record<string, string>> = {
          nest: `${"[".repeat(100_000)}${"]".repeat(100_000)}`,
          "1e400": text.replace('"action"', '"priority":1e400,"action"'),
          surrogate: text.replace('"name"', '"annotations":{"a":"\\ud800"},"name"'),
          dupkeys: text.replace('"action":"DENY"', '"action":"DENY","action":"ALLOW"'),
        };
        await unchanged(async () => {
          for (const request of requests) {
            const body = bodies[request.body ?? ""];
            expect(body).toBeDefined();
            for (const type of ["application/json", "application/yaml"]) {
              const reply = await attack(
                { ...request, ...(body !== undefined && { body }) },
                { ...bearer(good), "content-type": type },
              );
              expect(must.status, `${request.body} ${type} ${reply.text.slice(0, 200)}`).toContain(reply.status);
            }
          }
        });
      },
    ],
    [
      "ADM-022",
      async ({ must }) => {
        const documents = Array.from({ length: 20 }, (_, at) =>
          JSON.stringify({
            ...POLICY,
            metadata: { name: `d${at}`, namespace: "prod" },
            spec: { ...POLICY.spec, ...(at === 12 && { action: "MAYBE" }) },
          }),
        );
        await unchanged(async () => {
          const answer = await control.apply(documents.join("\n---\n"));
          expect(must.status).toContain(answer.status);
          const results = answer.json["results"] as unknown as readonly {
            readonly name: string;
            readonly line: number;
            readonly status?: { readonly details: { readonly causes: readonly { readonly field: string }[] } };
          }[];
          const failed = results.filter(({ status }) => status !== undefined);
          expect(failed).toMatchObject([
            { name: "d12", line: 25, status: { details: { causes: [{ field: "spec.action" }] } } },
          ]);
        });
      },
    ],
    [
      "ADM-023",
      async ({ requests, must }) => {
        const reader = await token("viewer");
        await unchanged(async () => {
          for (const request of requests) {
            const credentials = { ...bearer(good), "content-type": "application/json" };
            const reply = await attack({ ...request, body: JSON.stringify(POLICY) }, credentials);
            expect(must.status).toContain(reply.status);
            const bad = { ...POLICY, spec: { action: "MAYBE" } };
            expect((await attack({ ...request, body: JSON.stringify(bad) }, credentials)).status).toBe(422);
            const viewer = { ...credentials, ...bearer(reader) };
            expect((await attack({ ...request, body: JSON.stringify(POLICY) }, viewer)).status).toBe(422);
          }
        });
      },
    ],
    [
      "ADM-025",
      async ({ requests, must }) => {
        for (const table of ["objects", "meta"]) {
          await control.sql(`ALTER TABLE ${table} RENAME TO ${table}_away`);
          try {
            for (const request of requests) {
              const reply = await attack(request, bearer(good));
              expect(must.status).toContain(reply.status);
              for (const absent of must.body_absent ?? []) expect(reply.text).not.toContain(absent);
              expect(reply.text).not.toContain(`${table}_away`);
              expect(reply.text).not.toContain("no such table");
            }
          } finally {
            await control.sql(`ALTER TABLE ${table}_away RENAME TO ${table}`);
          }
        }
      },
    ],
    [
      "ADM-026",
      async ({ requests }) => {
        const secret = await token("viewer");
        const hash = createHash("sha256").update(secret).digest("hex");
        expect(Buffer.from(secret.replace(/^tulle_/, ""), "base64url")).toHaveLength(32);
        expect(await control.dump()).not.toContain(secret);
        expect(await control.sql(`SELECT 1 FROM tokens WHERE hash = '${hash}'`)).toHaveLength(1);
        for (const request of requests) {
          const reply = await attack(request, bearer(good));
          expect(reply.status).toBe(200);
          for (const absent of [secret, hash, good]) expect(reply.text).not.toContain(absent);
        }
      },
    ],
    [
      "ADM-028",
      async () => {
        await unchanged(async () => {
          const tries = Array.from({ length: 20 }, async (_, at) => {
            const secret = at % 2 === 0 ? randomBytes(32).toString("base64url") : good;
            return send("POST", "/api/v1/bootstrap", bearer(secret), JSON.stringify({ token: "mine" }));
          });
          expect(new Set((await Promise.all(tries)).map(({ status }) => status))).toEqual(new Set([401]));
          expect((await send("POST", "/api/v1/setup", bearer(good))).status).toBe(404);
        });
      },
    ],
    [
      "ADM-029",
      async ({ requests, must }) => {
        for (const { target = "" } of requests) {
          const path = TRICKS.get(target);
          if (path === undefined) throw new Error(`no trick ${target}`);
          expect(must.status, path).toContain((await send("GET", path)).status);
        }
      },
    ],
    [
      "CA-001",
      async () => {
        // The names of a request are not looked at: the certificate is made from what the token is for (R28).
        const asked = ["spiffe://cluster.local/ns/prod/sa/ops", "spiffe://mesh.example/ns/prod/sa/ops"];
        const answer = await enrol(requestOf(p256(), asked));
        expect(answer.status).toBe(201);
        const leaf = new X509Certificate(String(answer.json["certificate"]));
        expect([leaf.subjectAltName, leaf.subject ?? "", leaf.ca]).toEqual([
          "URI:spiffe://cluster.local/ns/prod/sa/web",
          "",
          false,
        ]);
      },
    ],
    [
      "CA-005",
      async (one) => {
        for (const ttlSeconds of [86_401, 3_600_000_000, Number.MAX_SAFE_INTEGER])
          refusedEnrolment(one, await enrol(requestOf(p256()), { ttlSeconds }));
        const answer = await enrol(requestOf(p256()), { ttlSeconds: 86_400 });
        const leaf = new X509Certificate(String(answer.json["certificate"]));
        expect(Date.parse(leaf.validTo)).toBeLessThanOrEqual(Date.now() + 86_400_000);
        const ca = new X509Certificate(String(answer.json["bundle"]));
        expect(Date.parse(leaf.validTo)).toBeLessThanOrEqual(Date.parse(ca.validTo));
      },
    ],
    [
      "CA-006",
      async (one) => {
        const rsa = (modulusLength: number, publicExponent = 65_537) =>
          generateKeyPairSync("rsa", { modulusLength, publicExponent });
        const weak: readonly (() => Pair)[] = [
          () => rsa(512),
          () => rsa(1_024),
          () => rsa(2_048, 3),
          () => rsa(2_048, 17),
          () => generateKeyPairSync("ec", { namedCurve: "prime192v1" }),
          () => generateKeyPairSync("ec", { namedCurve: "P-224" }),
          () => generateKeyPairSync("ec", { namedCurve: "secp256k1" }),
          () => generateKeyPairSync("ec", { namedCurve: "P-521" }),
          () => generateKeyPairSync("ec", { namedCurve: "P-256", paramEncoding: "explicit" }),
          () => generateKeyPairSync("dsa", { modulusLength: 2_048, divisorLength: 256 }),
          () => generateKeyPairSync("ed448"),
        ];
        for (const make of weak) refusedEnrolment(one, await enrol(requestOf(make())));
        for (const make of [p256, () => generateKeyPairSync("ed25519"), () => rsa(2_048)])
          expect((await enrol(requestOf(make()))).status).toBe(201);
      },
    ],
    [
      "CA-008",
      async (one) => {
        const bundle = await (await control.raw("GET", "/api/v1/bundle", {})).text();
        const other = p256();
        expect((await enrol(requestOf(other))).status).toBe(201);
        for (const publicKey of [new X509Certificate(bundle).publicKey, other.publicKey])
          refusedEnrolment(one, await enrol(requestOf({ privateKey: p256().privateKey, publicKey })));
      },
    ],
    [
      "CA-010",
      async (one) => {
        const join = await joinToken();
        expect((await enrol(requestOf(p256()), { token: join })).status).toBe(201);
        refusedEnrolment(one, await enrol(requestOf(p256()), { token: join }));
      },
    ],
    [
      "CA-011",
      async ({ must }) => {
        const join = await joinToken();
        const csr = requestOf(p256());
        const answers = await Promise.all(Array.from({ length: 50 }, async () => enrol(csr, { token: join })));
        const issued = answers.filter(({ json }) => "certificate" in json);
        expect(issued).toHaveLength(Number(must["issued_count"]));
        expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201, 401]));
      },
    ],
    [
      "CA-012",
      async (one) => {
        const short = await joinToken({ ttlSeconds: 1 });
        const ofAnother = `join_${randomBytes(32).toString("base64url")}`;
        const made = Date.now();
        await until("the token to end", () => Date.now() > made + 1_000);
        const join = await joinToken();
        for (const bad of [short, ofAnother, good, join.slice(0, -1), join.replace("join_", "")])
          refusedEnrolment(one, await enrol(requestOf(p256()), { token: bad }));
      },
    ],
    [
      "CA-014",
      async ({ must }) => {
        const odd = [
          "Mesh.Example",
          "..",
          ".",
          "a/../b",
          "%2f",
          "a%2fb",
          "a//b",
          "a/",
          "/a",
          "",
          " ",
          "é",
          "a\0",
          "x".repeat(64),
        ];
        const wishes = [
          ...odd.flatMap((text) => [{ namespace: text }, { serviceAccount: text }]),
          { trustDomain: "Mesh.Example" },
          { spiffeId: "spiffe://mesh.example/ns/prod/sa/ops" },
        ];
        for (const wish of wishes) {
          const answer = await control.call("POST", "/api/v1/join-tokens", {
            namespace: "prod",
            serviceAccount: "web",
            ...wish,
          });
          expect(must.status, JSON.stringify(wish)).toContain(answer.status);
        }
      },
    ],
    [
      "CA-016",
      async () => {
        const texts = [await control.dump()];
        for (const { method, path } of controlApi({} as Env).routes) {
          if (method !== "GET" && method !== "ALL") continue;
          const target = path.replaceAll(/:[^/]+/g, "1").replaceAll("*", "api/v1/namespaces");
          texts.push((await send("GET", target, bearer(good))).text);
        }
        for (const method of ["POST", "PUT", "DELETE"])
          texts.push((await send(method, "/api/v1/bundle", bearer(good))).text);
        for (const csr of ["", "x", requestOf(p256()).slice(0, 200)])
          texts.push(JSON.stringify((await enrol(csr)).json));
        expect(texts.length).toBeGreaterThan(20);
        for (const text of texts) expect(text).not.toMatch(PRIVATE_KEY);
      },
    ],
    [
      "CA-017",
      async () => {
        const serials = new Set<bigint>();
        for (let round = 0; round < 6; round += 1) {
          const answers = await Promise.all(Array.from({ length: 10 }, async () => enrol(requestOf(p256()))));
          for (const { json } of answers)
            serials.add(BigInt(`0x${new X509Certificate(String(json["certificate"])).serialNumber}`));
        }
        expect(serials.size).toBe(60);
        // At most 20 octets, of which none is the sign (RFC 5280 §4.1.2.2), and 64 random bits at the least.
        for (const serial of serials) expect([serial > 2n ** 64n, serial < 2n ** 159n]).toEqual([true, true]);
      },
    ],
    [
      "CA-021",
      async () => {
        const secrets = [good, await token("admin"), await joinToken(), await joinToken()];
        expect((await enrol(requestOf(p256()), { token: secrets[2] ?? "" })).status).toBe(201);
        const dump = await control.dump();
        for (const secret of secrets) expect(dump).not.toContain(secret.replace(/^\w+?_/, ""));
        expect(dump).not.toMatch(PRIVATE_KEY);
        // What is there opens nothing either.
        const hashes = await control.sql("SELECT hash, id FROM tokens");
        expect(hashes.length).toBeGreaterThan(3);
        for (const { hash, id } of hashes.slice(0, 5))
          for (const stolen of [hash, id, `tulle_${String(hash)}`])
            expect((await send("GET", POLICIES, bearer(String(stolen)))).status).toBe(401);
      },
    ],
    ["YAML-002", yamlCase()],
    ["YAML-003", yamlCase("a: &a [{},{},{}]\nb: {<<: *a}\n".repeat(20_000))],
    ["YAML-005", yamlCase()],
    ["YAML-006", yamlCase()],
    ["YAML-007", yamlCase()],
    ["YAML-008", yamlCase(`${"[".repeat(20_000)}${"]".repeat(20_000)}`)],
    [
      "YAML-011",
      async (one) => {
        await yamlCase()(one);
        const text = JSON.stringify(POLICY);
        await refusedYaml(one, `${text}\n# \ufeff`);
        await refusedYaml(one, Buffer.from(text, "utf16le").toString("latin1"));
        await refusedYaml(one, `apiVersion: v1\nkind: Namespace\nmetadata:\n\tname: x\n`);
      },
    ],
    ["YAML-013", yamlCase()],
  ] satisfies readonly (readonly [string, (one: AttackCase) => Promise<void>])[]);

  it.each(CONTROL_CASES.map((one) => ({ one, name: named(one) })))("$name", async ({ one }) => {
    const check = CHECKS.get(one.id);
    if (WAITS.has(one.id)) return expect(check, `take ${one.id} out of waits.json`).toBeUndefined();
    expect([strangerIn(one), check === undefined]).toEqual([null, false]);
    await check?.(one);
  });
});

interface Pair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/** PEM, or how the base64 of PKCS#8 begins for P-256 and for Ed25519. */
const PRIVATE_KEY = /PRIVATE KEY|MIGHAgEAMBMGByqGSM49AgEG|MC4CAQAwBQYDK2Vw/;
