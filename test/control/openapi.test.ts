import { generateKeyPairSync } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { z } from "zod";
import {
  Applied,
  ApplyRefused,
  Audit,
  AuditVerified,
  Decided,
  Findings,
  MeshStatus,
  Registered,
  Revision,
  Revisions,
  RolledBack,
  Status,
} from "../../src/api/answers.ts";
import {
  AssertionKeys,
  Enrolled,
  JoinTokenMade,
  NonceMade,
  RevokedList,
  Sessions,
  SessionsEnded,
  SpiffeBundle,
  TokenMade,
  Tokens,
} from "../../src/api/credential-bodies.ts";
import { ExplainedRequest } from "../../src/api/explain-bodies.ts";
import { DecisionRecords, ErasedRecords } from "../../src/api/record-bodies.ts";
import { CaBackedUp, CaSignsFrom, CaStatus, Certificates, Revocation, Revocations } from "../../src/api/ca-bodies.ts";
import { RevisionDiff, SignInCode } from "../../src/api/dashboard-operations.ts";
import { Graph, QueryAnswer } from "../../src/api/query-operations.ts";
import { Description } from "../../src/api/describe-operations.ts";
import { KeyMade, Keys } from "../../src/api/key-operations.ts";
import { Limits, LimitsReset } from "../../src/api/limit-operations.ts";
import { openApiDocument } from "../../src/api/openapi.ts";
import type { Operation } from "../../src/api/operation.ts";
import { type Account, mayGetPath, mayUse, permissionFor } from "../../src/kube/access.ts";
import type { Permission } from "../../src/resources/permissions.ts";
import { controlApi } from "../../workers/control/api.ts";
import type { Env } from "../../workers/control/env.ts";
import { certificateRequest } from "../support/csr.ts";
import { RunningControl } from "./running.ts";

const { paths, components } = openApiDocument();

const OPERATIONS = Object.entries(paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
);
const PLAIN = OPERATIONS.filter(({ path }) => !path.startsWith("/k8s/"));

function named(method: string, path: string): string {
  return `${method} ${path}`;
}

describe("the OpenAPI document", () => {
  it("has every route beside the Kubernetes API, and no other", () => {
    const { routes } = controlApi({} as Env);
    // Middlewares are of all methods; so is the Kubernetes API, as far as its paths are read by code of its own.
    const plain = routes.filter(({ method, path }) => method !== "ALL" && !path.startsWith("/k8s/"));
    const known = plain.map(({ method, path }) => named(method, path.replaceAll(/:([^/]+)/g, "{$1}")));
    expect(PLAIN.map(({ method, path }) => named(method, path)).toSorted()).toEqual([...new Set(known)].toSorted());
    expect(routes.some(({ method, path }) => method === "ALL" && path === "/k8s/*")).toBe(true);
  });

  it("has names, tags and samples for every operation, and what it refers to", () => {
    const ids = OPERATIONS.map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { operation } of OPERATIONS) {
      expect(operation.summary).toMatch(/^[A-Z][^\n]*[^.]$/);
      expect(operation["x-codeSamples"].map(({ lang }) => lang)).toContain("curl");
    }
    const referred = [...JSON.stringify(paths).matchAll(/"#\/components\/(\w+)\/(\w+)"/g)];
    for (const [, part = "", name = ""] of referred)
      expect(Object.keys((components as unknown as Record<string, object>)[part] ?? {})).toContain(name);
    const used = new Set(referred.map(([, , name]) => name));
    for (const name of [...Object.keys(components.schemas), ...Object.keys(components.responses)])
      if (name !== "Status") expect(used).toContain(name);
  });

  it("names a parameter for each part of a path that has a name", () => {
    for (const { path, operation } of OPERATIONS) {
      const wanted = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      const given = (operation.parameters ?? []).filter((each) => each.in === "path").map(({ name }) => name);
      expect([path, given]).toEqual([path, wanted]);
    }
  });

  it("says of every route which role it needs, as the rules do", () => {
    const of = (role: Account["role"]): Account => ({ id: role, name: role, role, namespace: null });
    const given = (permission: Permission | undefined): Account => ({
      ...of("viewer"),
      permissions: permission === undefined ? [] : [permission],
    });
    for (const { path, operation } of PLAIN) {
      const { "x-tulle-role": role, "x-tulle-permission": permission } = operation;
      expect([path, permissionFor(path)]).toEqual([path, permission ?? null]);
      const byObjects = path === "/api/v1/apply" || path.startsWith("/api/v1/gateways/");
      // Of the two methods of one path the route itself tells who may use which.
      const byMethod = operation.operationId === "eraseRecords" || operation.operationId === "createKey";
      if (role === null || byObjects || byMethod) continue;
      const may = path === "/api/v1/openapi.json" ? mayGetPath : mayUse;
      expect([path, may(given(permission), path), may(of("admin"), path)]).toEqual([path, role === "viewer", true]);
    }
  });
});

describe("control", () => {
  let control: RunningControl;
  beforeAll(async () => {
    control = await RunningControl.start();
  });
  afterAll(() => control.stop());

  it("serves the document to every token, once", async () => {
    const made = await control.call("POST", "/api/v1/tokens", { name: "v", role: "viewer", namespace: "default" });
    const token = String(made.json["token"]);
    const answer = await control.raw("GET", "/api/v1/openapi.json", { authorization: `Bearer ${token}` });
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual(JSON.parse(JSON.stringify(openApiDocument())));
    const etag = answer.headers.get("etag") ?? "";
    const again = { authorization: `Bearer ${token}`, "if-none-match": etag };
    expect((await control.raw("GET", "/api/v1/openapi.json", again)).status).toBe(304);
    expect((await control.raw("GET", "/api/v1/openapi.json", {})).status).toBe(401);
  });

  const rule = (host: string) => ({
    apiVersion: "networking.istio.io/v1",
    kind: "DestinationRule",
    metadata: { name: "x", namespace: "default" },
    spec: { host },
  });
  const gateway = {
    apiVersion: "networking.istio.io/v1",
    kind: "Gateway",
    metadata: { name: "front" },
    spec: {
      selector: { istio: "front" },
      servers: [{ port: { number: 80, name: "http", protocol: "HTTP" }, hosts: ["a.test"] }],
    },
  };

  it("answers in the forms that the document says", async () => {
    const seen = new Set<string>();
    async function expectForm(
      operationId: string,
      [method, path, body, more]: Parameters<RunningControl["call"]>,
      code: number,
      form: z.ZodType | null,
    ): Promise<Record<string, unknown>> {
      const operation = OPERATIONS.find((each) => each.operation.operationId === operationId)?.operation;
      if (!operation) throw new Error(`no operation ${operationId}`);
      const answer = await control.call(method, path, body, more);
      expect([operationId, answer.status, answer.json["message"]]).toEqual([
        operationId,
        code,
        code < 400 ? undefined : expect.any(String),
      ]);
      expect(Object.keys(operation.responses)).toContain(String(code));
      if (form) expect([operationId, form.safeParse(answer.json).error?.issues]).toEqual([operationId, undefined]);
      if (form) expect(schemaOf(operation, code)).toBe(nameOf(form));
      seen.add(operationId);
      return answer.json;
    }

    const apply = "/api/v1/apply";
    await expectForm("apply", ["POST", apply, [rule("a"), gateway]], 200, Applied);
    await expectForm("apply", ["POST", `${apply}?dryRun=All`, rule("new")], 200, Applied);
    await expectForm("apply", ["POST", apply, [rule("b"), { ...rule("b"), spec: { hots: "b" } }]], 422, ApplyRefused);
    await expectForm("apply", ["POST", `${apply}?dryRun=x`, rule("b")], 400, Status);
    await expectForm("apply", ["POST", apply, rule("b")], 200, Applied);
    await expectForm("status", ["GET", "/api/v1/status"], 200, MeshStatus);
    await expectForm("listRevisions", ["GET", "/api/v1/revisions?limit=2"], 200, Revisions);
    const { generation } = await expectForm("readRevision", ["GET", "/api/v1/revisions/2"], 200, Revision);
    await expectForm("readRevision", ["GET", "/api/v1/revisions/999"], 404, Status);
    await expectForm("diffRevisions", ["GET", "/api/v1/revisions/2/diff"], 200, RevisionDiff);
    await expectForm("diffRevisions", ["GET", "/api/v1/revisions/2/diff?from=2"], 400, Status);
    await expectForm("diffRevisions", ["GET", "/api/v1/revisions/999/diff"], 404, Status);
    await expectForm("createSignInCode", ["POST", "/api/v1/sign-in-codes"], 201, SignInCode);
    await expectForm("rollback", ["POST", "/api/v1/rollback", { generation }], 200, RolledBack);
    const facts = { host: "a.default.svc.cluster.local", peer: { principal: "cluster.local/ns/default/sa/web" } };
    await expectForm("decide", ["POST", "/api/v1/decide", { facts }], 200, Decided);
    await expectForm("decide", ["POST", "/api/v1/decide", { facts: {} }], 422, Status);
    await expectForm("explainInvented", ["POST", "/api/v1/explain", { facts, at: 2 }], 200, ExplainedRequest);
    await expectForm("explainInvented", ["POST", "/api/v1/explain", { facts, at: 999 }], 404, Status);
    await expectForm("explainInvented", ["POST", "/api/v1/explain", { facts, jwt: ["a"] }], 422, Status);
    await expectForm("explainRecorded", ["GET", "/api/v1/explain?requestId=none"], 404, Status);
    await expectForm("explainRecorded", ["GET", "/api/v1/explain"], 400, Status);
    await expectForm("readRecords", ["GET", "/api/v1/records?kind=refused"], 200, DecisionRecords);
    await expectForm("readRecords", ["GET", "/api/v1/records?limit=0"], 400, Status);
    await expectForm("eraseRecords", ["DELETE", "/api/v1/records?principal=a"], 200, ErasedRecords);
    await expectForm("eraseRecords", ["DELETE", "/api/v1/records"], 400, Status);
    await expectForm("audit", ["GET", "/api/v1/audit"], 200, Audit);
    await expectForm("audit", ["GET", "/api/v1/audit?limit=0"], 400, Status);
    await expectForm("verifyAudit", ["GET", "/api/v1/audit/verify"], 200, AuditVerified);
    await expectForm("findings", ["GET", "/api/v1/findings"], 200, Findings);
    await expectForm("findings", ["GET", "/api/v1/findings?namespace=A"], 400, Status);
    await expectForm("query", ["GET", "/api/v1/query?query=vector(1)"], 200, QueryAnswer);
    await expectForm("queryRange", ["GET", "/api/v1/query_range?query=1&start=0&end=1&step=1"], 200, QueryAnswer);
    await expectForm("graph", ["GET", "/api/v1/graph"], 200, Graph);
    await expectForm("graph", ["GET", "/api/v1/graph?window=1"], 400, Status);
    const count = "default/web/all||+";
    const acme = { name: "acme", namespace: "default", labels: { team: "a" } };
    const { id: keyId } = await expectForm("createKey", ["POST", "/api/v1/keys", acme], 201, KeyMade);
    await expectForm("createKey", ["POST", "/api/v1/keys", { name: "acme" }], 400, Status);
    await expectForm("listKeys", ["GET", "/api/v1/keys"], 200, Keys);
    await expectForm("revokeKey", ["DELETE", `/api/v1/keys/${String(keyId)}`], 204, null);
    await expectForm("revokeKey", ["DELETE", `/api/v1/keys/${String(keyId)}`], 404, Status);
    await expectForm("limits", ["GET", "/api/v1/limits"], 200, Limits);
    await expectForm("limits", ["GET", "/api/v1/limits?policy=web"], 400, Status);
    await expectForm("resetLimit", ["POST", "/api/v1/limits/reset", { counter: count }], 202, LimitsReset);
    await expectForm("resetLimit", ["POST", "/api/v1/limits/reset", { counter: "web" }], 400, Status);
    await control.call("POST", apply, {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "web" },
      spec: { ports: [{ port: 80, name: "http" }] },
    });
    await expectForm("describe", ["GET", "/api/v1/describe/service/default/web"], 200, Description);
    await expectForm("describe", ["GET", "/api/v1/describe/service/default/nobody"], 404, Status);
    const listening = { addresses: ["127.0.0.9"], boundPorts: { "80": 20_080 }, failed: [] };
    const listeners = "/api/v1/gateways/default/front/listeners";
    await expectForm("reportListeners", ["POST", listeners, listening], 204, null);
    const group = { kind: "WorkloadGroup", metadata: { name: "vms" }, spec: { template: {} } };
    await control.call("POST", "/api/v1/apply", { apiVersion: "networking.istio.io/v1", ...group });
    const [registered, of] = [{ address: "binding:EP_A", ttlSeconds: 60 }, "/api/v1/workload-groups/default/vms"];
    await expectForm("registerWorkload", ["POST", `${of}/register`, registered], 201, Registered);
    await expectForm("registerWorkload", ["POST", `${of}/register`, registered], 200, Registered);
    await expectForm("deregisterWorkload", ["POST", `${of}/deregister`, { address: "binding:EP_A" }], 204, null);
    await expectForm("deregisterWorkload", ["POST", `${of}/deregister`, { address: "binding:EP_A" }], 404, Status);
    const wanted = { name: "ci", role: "editor", namespace: "default", ttlSeconds: 60 };
    const { id } = await expectForm("createToken", ["POST", "/api/v1/tokens", wanted], 201, TokenMade);
    await expectForm("listTokens", ["GET", "/api/v1/tokens"], 200, Tokens);
    await expectForm("revokeToken", ["DELETE", `/api/v1/tokens/${String(id)}`], 204, null);
    await expectForm("revokeToken", ["DELETE", `/api/v1/tokens/${String(id)}`], 404, Status);
    await expectForm("signIn", ["POST", "/api/v1/sessions", {}], 401, Status);
    await expectForm("listSessions", ["GET", "/api/v1/sessions"], 200, Sessions);
    await expectForm("signOut", ["DELETE", "/api/v1/sessions/current"], 400, Status);
    await expectForm("endSession", ["DELETE", "/api/v1/sessions/x"], 404, Status);
    await expectForm("endSessions", ["DELETE", "/api/v1/sessions?issuer=a&subject=b"], 200, SessionsEnded);
    await expectForm("endSessions", ["DELETE", "/api/v1/sessions"], 400, Status);
    const workload = { namespace: "default", serviceAccount: "web" };
    const join = await expectForm("createJoinToken", ["POST", "/api/v1/join-tokens", workload], 201, JoinTokenMade);
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const csr = { csr: certificateRequest(privateKey, publicKey) };
    const token = String(join["token"]);
    await expectForm("enrol", ["POST", "/api/v1/enrol", csr, { token }], 201, Enrolled);
    await expectForm("enrol", ["POST", "/api/v1/enrol", csr, { token }], 401, Status);
    await expectForm("bootstrap", ["POST", "/api/v1/bootstrap"], 401, Status);

    await expectForm("makeNonce", ["POST", "/api/v1/nonces"], 201, NonceMade);
    await expectForm("spiffeBundle", ["GET", "/api/v1/spiffe-bundle"], 200, SpiffeBundle);
    const proof = { token: "a.b.c" };
    await expectForm("renew", ["POST", "/api/v1/renew", { certificate: "x", ...csr }, proof], 401, Status);
    const wish = { certificate: "x", audience: "a" };
    await expectForm("jwtSvid", ["POST", "/api/v1/jwt-svid", wish, proof], 401, Status);

    await expectForm("assertionKeys", ["GET", "/api/v1/assertion-keys"], 200, AssertionKeys);
    await expectForm("revoked", ["GET", "/api/v1/revoked"], 200, RevokedList);
    const nothingSeen = { seen: { id: 1, hash: "0".repeat(64) } };
    await expectForm("acceptRestore", ["POST", "/api/v1/audit/restores", nothingSeen], 404, Status);

    await expectForm("readCa", ["GET", "/api/v1/ca"], 200, CaStatus);
    const rotation = { what: "intermediate", afterSeconds: 600 };
    await expectForm("rotateCa", ["POST", "/api/v1/ca/rotate", rotation], 201, CaSignsFrom);
    await expectForm("importCa", ["POST", "/api/v1/ca/import", { chain: "none" }], 422, Status);
    const key = "k".repeat(32);
    await expectForm("backUpCa", ["POST", "/api/v1/ca/backup", { key }], 200, CaBackedUp);
    await expectForm("restoreCa", ["POST", "/api/v1/ca/restore", { key, backup: "v1.x.y" }], 409, Status);
    await expectForm("listCertificates", ["GET", "/api/v1/certificates"], 200, Certificates);
    const spiffeId = "spiffe://cluster.local/ns/default/sa/lost";
    await expectForm("revoke", ["POST", "/api/v1/revocations", { spiffeId }], 201, Revocation);
    await expectForm("listRevocations", ["GET", "/api/v1/revocations"], 200, Revocations);
    await expectForm("liftRevocation", ["DELETE", `/api/v1/revocations?spiffeId=${spiffeId}`], 204, null);
    await expectForm("liftRevocation", ["DELETE", `/api/v1/revocations?spiffeId=${spiffeId}`], 404, Status);

    const texts = ["metrics", "tail", "health", "openapi", "bundle", "requestCa"];
    expect([...seen, ...texts].toSorted()).toEqual(PLAIN.map(({ operation }) => operation.operationId).toSorted());
  });
});

const FORMS = {
  Description,
  RevisionDiff,
  SignInCode,
  ExplainedRequest,
  DecisionRecords,
  ErasedRecords,
  CaStatus,
  CaSignsFrom,
  CaBackedUp,
  Certificates,
  Revocation,
  Revocations,
  Applied,
  ApplyRefused,
  AssertionKeys,
  RevokedList,
  RolledBack,
  Sessions,
  SessionsEnded,
  MeshStatus,
  Registered,
  TokenMade,
  Tokens,
  JoinTokenMade,
  Enrolled,
  NonceMade,
  SpiffeBundle,
  Findings,
  Graph,
  QueryAnswer,
  Limits,
  LimitsReset,
  KeyMade,
  Keys,
  Revisions,
  Revision,
  Audit,
  AuditVerified,
  Decided,
  Status,
};

function nameOf(form: z.ZodType): string | undefined {
  return Object.entries(FORMS).find(([, each]) => each === form)?.[0];
}

/** The name of the schema that an operation's answer has, in the document. */
function schemaOf({ responses }: Operation, code: number): string | undefined {
  const given = responses[String(code)];
  const response = given && "$ref" in given ? components.responses[given.$ref.split("/").at(-1) ?? ""] : given;
  const { $ref } = Object.values(response?.content ?? {})[0]?.schema ?? {};
  return typeof $ref === "string" ? $ref.split("/").at(-1) : undefined;
}
