import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { VERSION } from "../../src/version.ts";
import { auditHash } from "../../workers/control/db/audit.ts";
import { service } from "../compile/world.ts";
import { until } from "../support/until.ts";
import { RunningControl } from "./running.ts";

const MIGRATIONS = readdirSync(join(import.meta.dirname, "../../migrations"))
  .filter((name) => name.endsWith(".sql"))
  .toSorted();

const RULES = "/k8s/apis/networking.istio.io/v1/namespaces/default/destinationrules";

function rule(name: string, change: Record<string, unknown> = {}, metadata: Record<string, unknown> = {}) {
  return {
    apiVersion: "networking.istio.io/v1",
    kind: "DestinationRule",
    metadata: { name, ...metadata },
    spec: { host: "x", ...change },
  };
}

describe("the control API", () => {
  let control: RunningControl;
  beforeAll(async () => {
    control = await RunningControl.start();
  });
  afterAll(() => control.stop());

  it.each([
    ["GET", "/metrics"],
    ["GET", "/api/v1/status"],
    ["GET", "/api/v1/audit"],
    ["GET", "/api/v1/tokens"],
    ["POST", "/api/v1/tokens"],
    ["DELETE", "/api/v1/tokens/x"],
    ["POST", "/api/v1/apply"],
    ["POST", "/api/v1/join-tokens"],
    ["POST", "/api/v1/bootstrap"],
    ["POST", "/api/v1/gateways/default/x/listeners"],
    ["GET", RULES],
    ["POST", RULES],
    ["PUT", `${RULES}/x`],
    ["DELETE", `${RULES}/x`],
    ["GET", "/k8s/api/v1/namespaces"],
    ["GET", "/k8s/anything"],
    ["GET", "/anything"],
    ["GET", "/"],
  ])("answers 401 to %s %s without, or with a wrong, token", async (method, path) => {
    for (const authorization of ["", "Bearer wrong", "Basic YTpi", "Bearer "]) {
      const headers = { "content-type": "application/json", ...(authorization !== "" && { authorization }) };
      const answer = await control.raw(method, path, headers, method === "GET" ? undefined : "{}");
      expect([authorization, answer.status]).toEqual([authorization, 401]);
      expect(await answer.json()).toMatchObject({
        kind: "Status",
        status: "Failure",
        reason: "Unauthorized",
        code: 401,
      });
    }
    expect(
      (await control.raw(method, `${path}?token=x&access_token=x`, {}, method === "GET" ? undefined : "{}")).status,
    ).toBe(401);
  });

  it("is open to the health check and the mesh's public certificate alone", async () => {
    expect((await control.raw("GET", "/healthz", {})).status).toBe(200);
    const bundle = await control.raw("GET", "/api/v1/bundle", {});
    expect(await bundle.text()).toContain("BEGIN CERTIFICATE");
  });

  it("keeps tokens as hashes, and a token that was revoked or has ended opens nothing", async () => {
    const made = await control.call("POST", "/api/v1/tokens", { name: "ci", role: "viewer" });
    expect(made.status).toBe(201);
    const { token, id } = made.json as unknown as { token: string; id: string };
    expect((await control.call("GET", RULES, undefined, { token })).status).toBe(200);
    const stored = JSON.stringify(await control.sql("SELECT * FROM tokens"));
    expect(stored).not.toContain(token);
    expect((await control.call("DELETE", `/api/v1/tokens/${id}`)).status).toBe(204);
    expect((await control.call("GET", RULES, undefined, { token })).status).toBe(401);
    expect((await control.call("DELETE", `/api/v1/tokens/${id}`)).status).toBe(404);
    const ended = (await control.call("POST", "/api/v1/tokens", { name: "ci", role: "viewer", ttlSeconds: 60 })).json;
    await control.sql(`UPDATE tokens SET expires_at = 1 WHERE id = '${ended["id"]}'`);
    expect((await control.call("GET", RULES, undefined, { token: ended["token"] ?? "" })).status).toBe(401);
    expect((await control.call("POST", "/api/v1/tokens", { name: "ci", role: "root" })).status).toBe(400);
  });

  it("lets viewers read, editors write in their namespaces, and the mesh's own be the administrator's", async () => {
    await control.call("POST", "/k8s/api/v1/namespaces", {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: "shop" },
    });
    const token = async (role: string, namespace?: string) =>
      String((await control.call("POST", "/api/v1/tokens", { name: role, role, namespace })).json["token"]);
    const [viewer, editor, shop] = [await token("viewer"), await token("editor"), await token("editor", "shop")];
    const status = async (who: string, method: string, path: string, body?: unknown) =>
      (await control.call(method, path, body, { token: who })).status;
    const SHOP = RULES.replace("default", "shop");
    const SYSTEM = RULES.replace("default", "istio-system");
    expect(await status(viewer, "POST", RULES, rule("v"))).toBe(403);
    expect(await status(viewer, "DELETE", `${RULES}/v`)).toBe(403);
    expect(await status(editor, "POST", RULES, rule("e"))).toBe(201);
    expect(await status(editor, "POST", SYSTEM, rule("e"))).toBe(403);
    expect(
      await status(editor, "POST", "/k8s/api/v1/namespaces", {
        apiVersion: "v1",
        kind: "Namespace",
        metadata: { name: "n" },
      }),
    ).toBe(403);
    expect(await status(editor, "POST", "/api/v1/tokens", { name: "x", role: "admin" })).toBe(403);
    expect(await status(editor, "POST", "/api/v1/join-tokens", { namespace: "default", serviceAccount: "x" })).toBe(
      403,
    );
    expect(await status(editor, "GET", "/api/v1/audit")).toBe(403);
    expect(await status(shop, "POST", SHOP, rule("s"))).toBe(201);
    expect(await status(shop, "POST", RULES, rule("s"))).toBe(403);
    expect(await status(shop, "GET", RULES)).toBe(403);
    expect(await status(shop, "GET", "/k8s/apis/networking.istio.io/v1/destinationrules")).toBe(403);
    expect(await status(shop, "POST", RULES, rule("s", {}, { namespace: "shop" }))).toBe(403);
    const crossing = await control.call("POST", "/api/v1/apply", rule("s2", {}, { namespace: "default" }), {
      token: shop,
    });
    expect([crossing.status, crossing.json["results"]?.[0]?.["status"]?.["code"]]).toEqual([422, 403]);
    const mesh = {
      apiVersion: "tulle.dev/v1alpha1",
      kind: "MeshConfig",
      metadata: { name: "default", namespace: "istio-system" },
      spec: {},
    };
    expect((await control.call("POST", "/api/v1/apply", mesh, { token: editor })).status).toBe(422);
  });

  it("refuses writes from a browser's page, and bodies of another type or too large", async () => {
    const origin = { origin: "https://evil.test", "content-type": "application/json" };
    expect((await control.raw("POST", "/api/v1/apply", origin, "{}")).status).toBe(403);
    const form = await control.call("POST", "/api/v1/apply", "a=b", { type: "application/x-www-form-urlencoded" });
    expect([form.status, form.json["reason"]]).toEqual([415, "UnsupportedMediaType"]);
    expect((await control.call("POST", RULES, "a", { type: "text/plain" })).status).toBe(415);
    const large = await control.apply(`# ${"x".repeat(1_100_000)}`);
    expect([large.status, large.json["reason"]]).toEqual([413, "RequestEntityTooLarge"]);
  });

  it.each([
    { name: "59 KiB", kib: 59, status: 200 },
    { name: "not 61 KiB", kib: 61, status: 431 },
    { name: "not 61 KiB, before a token is looked at", kib: 61, status: 431, anonymous: true },
    { name: "what the platform adds beside 59 KiB", kib: 59, status: 200, more: { "cf-ray": "x".repeat(9_000) } },
  ])("takes up to 60 KiB of headers: $name", async ({ kib, status, anonymous = false, more = {} }) => {
    const headers = { ...(anonymous ? {} : control.auth()), ...more, "x-fill": "a".repeat(kib * 1_024) };
    const answer = await control.raw("GET", "/api/v1/status", headers);
    expect(answer.status).toBe(status);
    if (status !== 431) return void (await answer.arrayBuffer());
    expect(answer.headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
    expect(await answer.json()).toMatchObject({ kind: "Status", reason: "RequestHeaderFieldsTooLarge", code: 431 });
  });

  it("gives each object uid, generation and version, and keeps them through a write that changes nothing", async () => {
    const made = (await control.call("POST", RULES, rule("once"))).json;
    expect(made["metadata"]).toMatchObject({ name: "once", namespace: "default", generation: 1 });
    expect(made["metadata"]?.["creationTimestamp"]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    const same = (await control.call("PUT", `${RULES}/once`, rule("once"))).json;
    expect(same).toEqual(made);
    const labelled = (await control.call("PUT", `${RULES}/once`, rule("once", {}, { labels: { a: "b" } }))).json;
    expect(labelled["metadata"]).toMatchObject({ generation: 1, uid: made["metadata"]?.["uid"] });
    expect(Number(labelled["metadata"]?.["resourceVersion"])).toBeGreaterThan(
      Number(made["metadata"]?.["resourceVersion"]),
    );
    const changed = (await control.call("PUT", `${RULES}/once`, rule("once", { host: "y" }))).json;
    expect(changed["metadata"]).toMatchObject({ generation: 2 });
  });

  it.each([
    {
      name: "creating what exists",
      method: "POST",
      path: RULES,
      body: rule("twice"),
      status: 409,
      reason: "AlreadyExists",
    },
    {
      name: "a stale version",
      method: "PUT",
      path: `${RULES}/twice`,
      body: rule("twice", { host: "z" }, { resourceVersion: "1" }),
      status: 409,
      reason: "Conflict",
    },
    {
      name: "another uid",
      method: "PUT",
      path: `${RULES}/twice`,
      body: rule("twice", { host: "z" }, { uid: "other" }),
      status: 409,
      reason: "Conflict",
    },
    {
      name: "a version on creation",
      method: "POST",
      path: RULES,
      body: rule("new", {}, { resourceVersion: "1" }),
      status: 400,
      reason: "BadRequest",
    },
    {
      name: "updating what is not there",
      method: "PUT",
      path: `${RULES}/none`,
      body: rule("none"),
      status: 404,
      reason: "NotFound",
    },
    {
      name: "deleting what is not there",
      method: "DELETE",
      path: `${RULES}/none`,
      body: undefined,
      status: 404,
      reason: "NotFound",
    },
    {
      name: "another name than the URL's",
      method: "PUT",
      path: `${RULES}/twice`,
      body: rule("other"),
      status: 400,
      reason: "BadRequest",
    },
    {
      name: "another namespace than the URL's",
      method: "POST",
      path: RULES,
      body: rule("new", {}, { namespace: "shop" }),
      status: 400,
      reason: "BadRequest",
    },
    {
      name: "another kind than the URL's",
      method: "POST",
      path: RULES.replace("destinationrules", "virtualservices"),
      body: rule("new"),
      status: 400,
      reason: "BadRequest",
    },
    {
      name: "a kind that nobody knows",
      method: "GET",
      path: RULES.replace("destinationrules", "nothings"),
      body: undefined,
      status: 404,
      reason: "NotFound",
    },
    {
      name: "a version that nobody knows",
      method: "GET",
      path: RULES.replace("/v1/", "/v9/"),
      body: undefined,
      status: 404,
      reason: "NotFound",
    },
    { name: "no JSON", method: "POST", path: RULES, body: "{", status: 400, reason: "BadRequest" },
    { name: "two documents", method: "POST", path: RULES, body: "[{},{}]", status: 400, reason: "BadRequest" },
    {
      name: "an object without a name",
      method: "POST",
      path: RULES,
      body: { apiVersion: "networking.istio.io/v1", kind: "DestinationRule", spec: {} },
      status: 422,
      reason: "Invalid",
    },
    {
      name: "a patch of no type",
      method: "PATCH",
      path: `${RULES}/twice`,
      body: {},
      status: 415,
      reason: "UnsupportedMediaType",
    },
    {
      name: "a watch from no version",
      method: "GET",
      path: `${RULES}?watch=true&resourceVersion=abc`,
      body: undefined,
      status: 400,
      reason: "BadRequest",
    },
    {
      name: "a watch with initial events that wants no bookmark",
      method: "GET",
      path: `${RULES}?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan`,
      body: undefined,
      status: 422,
      reason: "Invalid",
    },
    {
      name: "a list of a version that is not kept",
      method: "GET",
      path: `${RULES}?resourceVersion=1&resourceVersionMatch=Exact`,
      body: undefined,
      status: 410,
      reason: "Expired",
    },
    {
      name: "an Event, which the mesh itself writes",
      method: "POST",
      path: "/k8s/api/v1/namespaces/default/events",
      body: { apiVersion: "v1", kind: "Event", metadata: { name: "x" } },
      status: 405,
      reason: "MethodNotAllowed",
    },
    {
      name: "the status of a kind that has none",
      method: "GET",
      path: "/k8s/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/x/status",
      body: undefined,
      status: 404,
      reason: "NotFound",
    },
    {
      name: "a dry run of another kind",
      method: "POST",
      path: `${RULES}?dryRun=Some`,
      body: rule("new"),
      status: 400,
      reason: "BadRequest",
    },
    {
      name: "a method that nobody knows here",
      method: "POST",
      path: `${RULES}/twice`,
      body: rule("twice"),
      status: 405,
      reason: "MethodNotAllowed",
    },
    {
      name: "a selector that is none",
      method: "GET",
      path: `${RULES}?labelSelector=a%3D%3D%3Db`,
      body: undefined,
      status: 400,
      reason: "BadRequest",
    },
    {
      name: "a field that cannot be selected by",
      method: "GET",
      path: `${RULES}?fieldSelector=spec.host%3Dx`,
      body: undefined,
      status: 400,
      reason: "BadRequest",
    },
    {
      name: "deleting a namespace that the mesh needs",
      method: "DELETE",
      path: "/k8s/api/v1/namespaces/default",
      body: undefined,
      status: 403,
      reason: "Forbidden",
    },
  ])("refuses $name", async ({ method, path, body, status, reason }) => {
    await control.call("POST", RULES, rule("twice"));
    const before = await control.sql("SELECT rv FROM meta");
    const answer = await control.call(method, path, body);
    expect([answer.status, answer.json["reason"], answer.json["kind"]]).toEqual([status, reason, "Status"]);
    expect(await control.sql("SELECT rv FROM meta")).toEqual(before);
  });

  it.each([
    { method: "GET", path: "/api/v1/apply", allow: "POST" },
    { method: "GET", path: "/api/v1/decide", allow: "POST" },
    { method: "PUT", path: "/api/v1/tokens", allow: "POST, GET" },
    { method: "POST", path: "/api/v1/revisions/1", allow: "GET" },
  ])("answers $method $path with 405 and the methods that there are", async ({ method, path, allow }) => {
    const answer = await control.call(method, path);
    expect([answer.status, answer.headers.get("allow")]).toEqual([405, allow]);
  });

  it("lists by namespace, label, name and in pages, in the version that was asked for", async () => {
    await control.apply(
      ["l1", "l2", "l3"]
        .map((name, at) => JSON.stringify(rule(name, {}, { labels: { part: String(at % 2), set: "l" } })))
        .join("\n---\n"),
    );
    const names = async (query: string) =>
      (
        (await control.call("GET", `${RULES}?${query}`)).json["items"] as unknown as { metadata: { name: string } }[]
      ).map(({ metadata }) => metadata.name);
    expect(await names("labelSelector=set%3Dl")).toEqual(["l1", "l2", "l3"]);
    expect(await names("labelSelector=set%3Dl%2Cpart!%3D0")).toEqual(["l2"]);
    expect(await names("labelSelector=set%20in%20(l)%2Cpart%20notin%20(1)")).toEqual(["l1", "l3"]);
    expect(await names("labelSelector=part%2C!missing&fieldSelector=metadata.name%3Dl3")).toEqual(["l3"]);
    const first = (await control.call("GET", `${RULES}?labelSelector=set%3Dl&limit=2`)).json;
    expect(first["items"]).toHaveLength(2);
    const token = encodeURIComponent(String(first["metadata"]?.["continue"]));
    expect(await names(`labelSelector=set%3Dl&limit=2&continue=${token}`)).toEqual(["l3"]);
    expect((await control.call("GET", `${RULES}?continue=x`)).status).toBe(400);
    const old = (await control.call("GET", `${RULES.replace("/v1/", "/v1beta1/")}/l1`)).json;
    expect(old["apiVersion"]).toBe("networking.istio.io/v1beta1");
    const alias = (await control.call("GET", RULES.replace("networking.istio.io", "networking.example.com"))).json;
    expect(alias["apiVersion"]).toBe("networking.example.com/v1");
  });

  it("stores all documents of an apply or none, Namespaces first, each with its own version", async () => {
    const namespace = JSON.stringify({ apiVersion: "v1", kind: "Namespace", metadata: { name: "late" } });
    const inside = JSON.stringify(rule("inside", {}, { namespace: "late" }));
    const answer = await control.apply(`${inside}\n---\n${namespace}`);
    expect(answer.status).toBe(200);
    const results = answer.json["results"] as unknown as { name: string; action: string; resourceVersion: string }[];
    expect(results.map(({ name, action }) => `${name} ${action}`)).toEqual(["inside created", "late created"]);
    expect(new Set(results.map(({ resourceVersion }) => resourceVersion)).size).toBe(2);
    const again = await control.apply(`${inside}\n---\n${namespace}`);
    expect(again.json["results"]).toMatchObject([{ action: "unchanged" }, { action: "unchanged" }]);
    expect(again.json["generation"]).toBe(answer.json["generation"]);

    const bad = await control.apply(
      `${JSON.stringify(rule("good"))}\n---\n${JSON.stringify(rule("bad", {}, { namespace: "nowhere" }))}`,
    );
    expect(bad.status).toBe(422);
    expect(bad.json["results"]).toMatchObject([{ name: "good" }, { name: "bad", line: 3, status: { code: 404 } }]);
    expect((await control.call("GET", `${RULES}/good`)).status).toBe(404);
  });

  it("deletes a namespace with its content", async () => {
    await control.apply(
      `${JSON.stringify({ apiVersion: "v1", kind: "Namespace", metadata: { name: "gone" } })}\n---\n${JSON.stringify(rule("in", {}, { namespace: "gone" }))}`,
    );
    expect((await control.call("DELETE", "/k8s/api/v1/namespaces/gone")).json).toMatchObject({ status: "Success" });
    expect(await control.sql("SELECT * FROM objects WHERE namespace = 'gone'")).toEqual([]);
    const deleted = await control.sql(
      "SELECT rv, type, kind FROM changes WHERE type = 'DELETED' ORDER BY rv DESC LIMIT 2",
    );
    expect(deleted.map(({ kind }) => kind)).toEqual(["DestinationRule", "Namespace"]);
    expect(new Set(deleted.map(({ rv }) => rv)).size).toBe(2);
  });

  it("deletes under preconditions, and a collection by its labels", async () => {
    const made = (await control.call("POST", RULES, rule("pre", {}, { labels: { sweep: "1" } }))).json;
    const wrong = await control.call("DELETE", `${RULES}/pre`, { preconditions: { uid: "other" } });
    expect([wrong.status, wrong.json["reason"]]).toEqual([409, "Conflict"]);
    const { uid } = made["metadata"] as unknown as { uid: string };
    const right = await control.call("DELETE", `${RULES}/pre`, { preconditions: { uid } });
    expect(right.json).toMatchObject({ status: "Success", details: { uid } });
    await control.call("POST", RULES, rule("swept", {}, { labels: { sweep: "1" } }));
    expect((await control.call("DELETE", `${RULES}?labelSelector=sweep%3D1`)).json["items"]).toHaveLength(1);
    expect((await control.call("GET", `${RULES}/swept`)).status).toBe(404);
  });

  it.each(["- a list", '"text"'])("says of a document that is no object what it must be: %s", async (text) => {
    const { status, json } = await control.apply(text);
    expect([status, json["message"]]).toEqual([
      422,
      "nothing was stored: line 1: the document is invalid: must be an object with `apiVersion`, `kind` and `metadata`",
    ]);
  });

  it("answers warnings as headers and in the apply's results, and a dry run as if, storing nothing", async () => {
    const made = await control.call("POST", `${RULES}?dryRun=All`, rule("warned", { host: "nobody" }));
    expect(made.status).toBe(201);
    expect(made.headers.get("warning")).toContain("there is no service");
    expect((await control.call("GET", `${RULES}/warned`)).status).toBe(404);
  });

  it("chains the audit: every write has its row, and none can be changed unseen", async () => {
    const before = (await control.sql("SELECT count(*) AS n FROM audit"))[0]?.["n"];
    await control.apply(JSON.stringify(rule("audited")));
    await control.call("DELETE", `${RULES}/audited`);
    const rows = (await control.sql("SELECT * FROM audit ORDER BY id")) as unknown as (Parameters<
      typeof auditHash
    >[0] & { hash: string })[];
    expect(rows).toHaveLength(Number(before) + 2);
    expect(rows.at(-1)).toMatchObject({
      actor: "admin",
      verb: "delete",
      targets: '["networking.istio.io/DestinationRule/default/audited"]',
    });
    let previous = "";
    for (const row of rows) {
      expect(row.previous).toBe(previous);
      expect(await auditHash(row)).toBe(row.hash);
      previous = row.hash;
    }
    expect(await auditHash({ ...rows[0]!, actor: "somebody" })).not.toBe(rows[0]?.hash);
  });

  it("applies nothing where the audit cannot be written, answers 503, and goes on when it can", async () => {
    await control.sql("ALTER TABLE audit RENAME TO audit_away");
    const failed = await control.apply(JSON.stringify(rule("lost")));
    expect([failed.status, failed.json["reason"]]).toEqual([503, "ServiceUnavailable"]);
    await control.sql("ALTER TABLE audit_away RENAME TO audit");
    expect((await control.call("GET", `${RULES}/lost`)).status).toBe(404);
    expect((await control.apply(JSON.stringify(rule("lost")))).status).toBe(200);
  });

  it("refuses what is wrong among other objects with its place, and stores nothing", async () => {
    const entry = {
      apiVersion: "networking.istio.io/v1",
      kind: "WorkloadEntry",
      metadata: { name: "outside" },
      spec: { address: "10.1.2.3" },
    };
    const answer = await control.call("POST", RULES.replace("destinationrules", "workloadentries"), entry);
    expect(answer.status).toBe(422);
    expect(answer.json["details"]?.["causes"]?.[0]).toMatchObject({
      field: "spec.address",
      reason: "FieldValueInvalid",
    });
    expect(await control.sql("SELECT * FROM objects WHERE name = 'outside'")).toEqual([]);
  });

  it("takes who listens for a Gateway into its status alone", async () => {
    const gateways = RULES.replace("destinationrules", "gateways");
    const spec = {
      selector: { a: "b" },
      servers: [{ port: { number: 80, name: "http", protocol: "HTTP" }, hosts: ["a.test"] }],
    };
    const made = await control.call("POST", gateways, {
      apiVersion: "networking.istio.io/v1",
      kind: "Gateway",
      metadata: { name: "front" },
      spec,
    });
    expect(made.json["status"]).toMatchObject({
      conditions: [
        { type: "Accepted", status: "True", observedGeneration: 1 },
        { type: "Programmed", status: "False", reason: "Pending" },
      ],
    });
    const before = (await control.call("GET", "/api/v1/status")).json["generation"];
    const listening = { addresses: ["127.0.1.1"], boundPorts: { "80": 20_080 }, failed: [] };
    const path = "/api/v1/gateways/default/front/listeners";
    expect((await control.call("POST", path, listening)).status).toBe(204);
    const after = (await control.call("GET", `${gateways}/front`)).json;
    expect(after["status"]).toMatchObject({
      addresses: [{ type: "IPAddress", value: "127.0.1.1" }],
      conditions: [
        { type: "Accepted", status: "True" },
        { type: "Programmed", status: "True" },
      ],
    });
    expect(after["metadata"]).toMatchObject({ generation: 1, annotations: { "tulle.dev/bound-ports": "80=20080" } });
    expect((await control.call("GET", "/api/v1/status")).json["generation"]).toBe(before);
    expect((await control.call("POST", path, { addresses: "x" })).status).toBe(400);
    expect((await control.call("POST", path.replace("front", "none"), listening)).status).toBe(404);
  });
});

describe("what gateways get", () => {
  let control: RunningControl;
  const registration = { bindings: ["EP_DEFAULT_REVIEWS_V1", "CERT_OURS", "OTHER"], hasPrivate: false, format: 2 };
  const payload = async (gateway: string) => {
    const answer = await control.root(gateway);
    if (answer.kind !== "root") throw new Error(answer.kind);
    return JSON.parse(answer.root.payload) as { generation: number; scopes: Record<string, Record<string, string>> };
  };
  beforeAll(async () => {
    control = await RunningControl.start();
    await control.apply(`${service("reviews", { versions: ["v1", "v2"] })}\n---\n${service("ratings")}`);
  });
  afterAll(() => control.stop());

  it("is nothing before they register, and nothing ever without props", async () => {
    expect(await control.root("all")).toEqual({ kind: "unknown" });
    await expect(control.rpc("NOBODY", "register", registration)).rejects.toThrow("props");
    await expect(control.rpc("ALL", "register", { bindings: 1 })).rejects.toThrow("registration");
  });

  it("is their own root: the services that they front, without endpoints that they cannot reach", async () => {
    await control.rpc("ALL", "register", registration);
    await control.rpc("ONE", "register", registration);
    expect(Object.keys((await payload("all")).scopes["mesh/default"] ?? {})).toEqual(["ratings", "reviews"]);
    const { scopes } = await payload("one");
    expect(Object.keys(scopes["mesh/default"] ?? {})).toEqual(["reviews"]);
    const id = scopes["mesh/default"]?.["reviews"] ?? "";
    const texts = (await control.rpc("STATE", "slices", "one", [id, "0".repeat(64)])) as Record<string, string>;
    expect(Object.keys(texts)).toEqual([id]);
    expect(texts[id]).toContain("EP_DEFAULT_REVIEWS_V1");
    expect(texts[id]).not.toContain("EP_DEFAULT_REVIEWS_V2");
  });

  it("lacks endpoints and client certificates whose binding no gateway has, and who writes of them is told", async () => {
    const told = async (yaml: string) => {
      const { json } = await control.apply(yaml, "?dryRun=All");
      return JSON.stringify(json).match(/no registered gateway has the binding `\w+`/g) ?? [];
    };
    const entry = (binding: string) => `
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: more }
spec: { address: "binding:${binding}", labels: { app: reviews } }`;
    const tls = (name: string) => `{ tls: { mode: MUTUAL, credentialName: ${name} } }`;
    const rule = (name: string) => `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: outside }
spec: { host: reviews, trafficPolicy: ${tls(name)}, subsets: [{ name: v1, labels: { version: v1 }, trafficPolicy: ${tls(`${name}.v1`)} }] }`;
    expect(await told(entry("EP_NOBODYS"))).toEqual(["no registered gateway has the binding `EP_NOBODYS`"]);
    expect(await told(rule("ours"))).toEqual(["no registered gateway has the binding `CERT_OURS_V1`"]);
    expect(await told(rule("nobodys"))).toEqual([
      "no registered gateway has the binding `CERT_NOBODYS`",
      "no registered gateway has the binding `CERT_NOBODYS_V1`",
    ]);
  });

  it("gives no gateway the slices of another", async () => {
    const id = (await payload("all")).scopes["mesh/default"]?.["ratings"] ?? "";
    expect(await control.rpc("STATE", "slices", "one", [id])).toEqual({});
    expect(await control.rpc("STATE", "slices", "nobody", [id])).toEqual({});
  });

  it("moves only the roots that a change touches", async () => {
    const [all, one] = [await payload("all"), await payload("one")];
    await control.apply(`
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: ratings }
spec: { host: ratings, trafficPolicy: { connectionPool: { tcp: { maxConnections: 3 } } } }`);
    expect((await payload("all")).generation).toBeGreaterThan(all.generation);
    expect(await payload("one")).toEqual(one);
  });

  it("says nothing new to who has the newest", async () => {
    const answer = await control.root("all");
    if (answer.kind !== "root") throw new Error(answer.kind);
    const { generation, issuedAt } = JSON.parse(answer.root.payload) as { generation: number; issuedAt: number };
    expect(await control.rpc("STATE", "root", "all", { generation, issuedAt })).toEqual({ kind: "current" });
  });

  it("is told by the status as the oldest generation that one of their isolates serves, with what these refused", async () => {
    const refused = { code: "snapshot_unsigned", count: 2 };
    await control.rpc("STATE", "root", "all", null, { location: "FRA", serving: 3, refused });
    await control.rpc("STATE", "root", "all", null, { location: "CDG", serving: 2, refused: null });
    const status = await control.call("GET", "/api/v1/status");
    expect(status.json["gateways"]).toContainEqual(expect.objectContaining({ gateway: "all", have: 2, refused }));
    await control.rpc("STATE", "root", "all", null, { location: "CDG", serving: 4, refused: null });
    await control.rpc("STATE", "root", "all", null, { location: "FRA", serving: 4, refused: null });
    const later = await control.call("GET", "/api/v1/status");
    expect(later.json["gateways"]).toContainEqual(expect.objectContaining({ gateway: "all", have: 4, refused: null }));
  });

  it("is told with the versions of all that the mesh is made of, and the migrations of its database", async () => {
    const status = async () => {
      const { json } = await control.call("GET", "/api/v1/status");
      const gateways = json["gateways"] as unknown as readonly {
        gateway: string;
        version: string;
        stateVersions: string[];
      }[];
      return { ...json, gateway: gateways.find(({ gateway }) => gateway === "one") };
    };
    const before = await status();
    expect(before).toMatchObject({ version: VERSION, gateway: { version: null, stateVersions: [] } });
    expect(before).toHaveProperty("migrations", MIGRATIONS);
    await control.rpc("ONE", "register", { ...registration, version: "1.2.3" });
    const seen = { serving: 4, refused: null };
    for (const [location, state] of Object.entries({ FRA: "1.2.2", CDG: "1.2.3", OSL: "1.2.3" }))
      await control.rpc("STATE", "root", "one", null, { location, state, ...seen });
    expect(await status()).toMatchObject({ gateway: { version: "1.2.3", stateVersions: ["1.2.2", "1.2.3"] } });
    // Whatever is no version is not kept.
    await control.rpc("ONE", "register", { ...registration, version: "<b>" });
    expect(await status()).toMatchObject({ gateway: { version: null } });
  });

  it("sums each metric report once", async () => {
    const report = {
      source: "s",
      sequence: 1,
      metrics: [{ labels: JSON.stringify(["source"]), requests: 2, durationMsSum: 3, durationBuckets: [2] }],
      dropped: {},
      counts: { [JSON.stringify(["tulle_ejections_total", "-", 'c"', "e", "x"])]: 3 },
    };
    await control.rpc("STATE", "report", report);
    await control.rpc("STATE", "report", report);
    const text = String((await control.call("GET", "/metrics")).json["text"]);
    expect(text).toMatch(/istio_requests_total\{reporter="source".*\} 2$/m);
    expect(text).toContain('tulle_ejections_total{source_principal="-",cluster="c\\"",endpoint="e",cause="x"} 3\n');
  });

  it("shows bodies, routes and, in OpenMetrics, a trace of a bucket", async () => {
    const traceId = "0af7651916cd43dd8448eb211c80319c";
    const one = { requests: 2, durationMsSum: 45, durationBuckets: [0, 0, 1, 0, 0, 1] };
    const exemplar = { traceId, durationMs: 40, at: 1_700_000_000_000 };
    const metrics = [
      {
        ...one,
        labels: JSON.stringify(["source", "of-bodies"]),
        responseBytes: { sum: 9, buckets: [0, 0, 1, 1] },
        exemplar,
      },
    ];
    const routes = [{ ...one, labels: JSON.stringify(["default/shop/0"]) }];
    await control.rpc("STATE", "report", { source: "bodies", sequence: 1, metrics, routes, dropped: {} });
    const plain = await control.raw("GET", "/metrics", control.auth());
    expect(plain.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    const text = await plain.text();
    expect(text).toMatch(/^istio_response_bytes_bucket\{.*="of-bodies".*,le="10"\} 2$/m);
    expect(text).not.toMatch(/^istio_request_bytes_bucket\{.*="of-bodies"/m);
    expect(text).toMatch(/^tulle_route_requests_total\{route="default\/shop\/0",.*\} 2$/m);
    expect(text).toMatch(/^tulle_route_request_duration_seconds_sum\{route="default\/shop\/0",.*\} 0.045$/m);
    const accept = { accept: "application/openmetrics-text;version=1.0.0,text/plain;q=0.5" };
    const open = await control.raw("GET", "/metrics", { ...control.auth(), ...accept });
    expect(open.headers.get("content-type")).toBe("application/openmetrics-text; version=1.0.0; charset=utf-8");
    const lines = (await open.text()).trimEnd().split("\n");
    expect(lines.filter((line) => line.includes(traceId))).toEqual([
      expect.stringContaining('le="50"} 2 # {trace_id="'),
    ]);
    expect(lines.at(-1)).toBe("# EOF");
  });

  it("shows what control itself does: writes, roots and slices that were handed out, refusals, certificates", async () => {
    const text = async () => String((await control.call("GET", "/metrics")).json["text"]);
    const value = (shown: string, series: string): number =>
      Number(
        shown
          .split("\n")
          .find((line) => line.startsWith(`${series} `))
          ?.slice(series.length + 1) ?? 0,
      );
    const added = 'pilot_k8s_cfg_events{type="DestinationRule",event="add"}';
    const failed = 'galley_validation_failed{group="networking.istio.io",kind="DestinationRule",reason="Invalid"}';
    const passed = 'galley_validation_passed{group="networking.istio.io",kind="DestinationRule"}';
    const rejects = 'pilot_total_xds_rejects{type="root"}';
    const refused = { code: "snapshot_unsigned", count: 2 };
    const have = { generation: 1, issuedAt: 1_700_000_000_000 };
    /** Counts are handed over a second later, all that there are. */
    const counted = async (since: string, location: string) => {
      await control.rpc("STATE", "root", "all", have, { location, serving: 1, refused, state: VERSION });
      // A part of control that does not answer in time is told as missing.
      return until("the counts, whole", async () => {
        const shown = await text();
        return value(shown, rejects) >= value(since, rejects) + 2 && !/_incomplete\{.*\} 1$/m.test(shown) && shown;
      });
    };
    // What was written before is counted by then.
    const before = await counted(await text(), "OSL");
    await control.apply(`
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: measured }
spec: { host: reviews, trafficPolicy: { connectionPool: { tcp: { maxConnections: 3 } } } }`);
    await control.apply(
      "{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: bad}, spec: {host: 3}}",
    );
    const after = await counted(before, "AMS");
    expect(value(after, added)).toBe(value(before, added) + 1);
    expect(value(after, passed)).toBe(value(before, passed) + 1);
    expect(value(after, failed)).toBe(value(before, failed) + 1);
    for (const [series, least] of [
      ['pilot_xds_pushes{type="root"}', 1],
      ['pilot_push_triggers{type="config"}', 1],
      ['pilot_push_triggers{type="gateway"}', 1],
      ['pilot_xds_config_size_bytes_count{type="root"}', 1],
      ['pilot_xds_push_time_count{type="root"}', 1],
      ["pilot_xds", 1],
      [`istio_build{component="pilot",tag="${VERSION}"}`, 1],
      [`istio_build{component="state",tag="${VERSION}"}`, 1],
      ["tulle_configuration_generation", 1],
      ['tulle_gateway_published_generation{gateway="all"}', 1],
      ['tulle_gateway_serving_generation{gateway="all",location="AMS"}', 1],
      ['tulle_gateway_root_issued_timestamp_seconds{gateway="all",location="AMS"}', 1_700_000_000],
      ['tulle_gateway_refuses_root{gateway="all",location="AMS"}', 1],
    ] as const)
      expect(value(after, series), series).toBeGreaterThanOrEqual(least);
    const ends = [...after.matchAll(/^tulle_ca_certificate_expiry_timestamp_seconds\{role="(\w+)",.*\} ([\d.]+)$/gm)];
    expect(ends.map(([, role]) => role)).toContain("root");
    for (const [, , end] of ends) expect(Number(end)).toBeGreaterThan(Date.now() / 1_000);
    expect(after).toContain('\ntulle_scrape_incomplete{part="hub"} 0\n');
    expect(after).toContain('\ntulle_workload_certificates{state="overdue"} 0\n');
  });

  it("keeps 5,000 series of ejections, and counts what it had to drop", async () => {
    const counts = Object.fromEntries(
      Array.from({ length: 5_001 }, (_, at) => [
        JSON.stringify(["tulle_ejections_total", "-", "c", String(at), "x"]),
        2,
      ]),
    );
    await control.rpc("STATE", "report", { source: "many", sequence: 1, metrics: [], dropped: {}, counts });
    const text = String((await control.call("GET", "/metrics")).json["text"]);
    expect(text.match(/^tulle_ejections_total\{/gm)).toHaveLength(5_000);
    // One series was there before.
    expect(text).toContain('tulle_telemetry_dropped_total{reason="counter_limit"} 4\n');
  });
});
