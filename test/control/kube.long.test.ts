import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { KINDS } from "../../src/kinds/registry.ts";
import { withoutProgrammed } from "../../src/kube/programmed.ts";
import type { KubeObject } from "../../src/resources/object.ts";
import { RunningControl } from "./running.ts";

const RULES = "/k8s/apis/networking.istio.io/v1/namespaces/default/destinationrules";
const SERVICES = "/k8s/api/v1/namespaces/default/services";
const MERGE = "application/merge-patch+json";
const JSON_PATCH = "application/json-patch+json";
const STRATEGIC = "application/strategic-merge-patch+json";
const APPLY = "application/apply-patch+yaml";

function rule(name: string, spec: Record<string, unknown> = { host: "x" }) {
  return { apiVersion: "networking.istio.io/v1", kind: "DestinationRule", metadata: { name }, spec };
}

function service(name: string, ports: readonly object[], more: Record<string, unknown> = {}) {
  return { apiVersion: "v1", kind: "Service", metadata: { name }, spec: { ports, ...more } };
}

describe("the Kubernetes API", () => {
  let control: RunningControl;
  beforeAll(async () => {
    control = await RunningControl.start();
  });
  afterAll(() => control.stop());

  async function get(path: string, headers: Record<string, string> = {}): Promise<Response> {
    return control.raw("GET", path, { ...control.auth(), ...headers });
  }

  it.each([
    {
      how: "created",
      write: async (name: string, object: object) => control.call("POST", RULES, { ...rule(name), ...object }),
    },
    {
      how: "applied by a document",
      write: async (name: string, object: object) =>
        control.call("POST", "/api/v1/apply", { ...rule(name), ...object }),
    },
    {
      how: "replaced",
      write: async (name: string, object: object) => {
        await control.call("POST", RULES, rule(name));
        return control.call("PUT", `${RULES}/${name}`, { ...rule(name), ...object });
      },
    },
  ])(
    "reads a label and an annotation that are null as empty ones, as Kubernetes does: $how",
    async ({ how, write }) => {
      const name = `nulls-${how.split(" ", 1)[0]}`;
      const { status } = await write(name, {
        metadata: { name, labels: { a: null, b: "c" }, annotations: { d: null } },
      });
      expect([200, 201]).toContain(status);
      const { metadata } = (await control.call("GET", `${RULES}/${name}`)).json;
      expect(metadata).toMatchObject({ labels: { a: "", b: "c" }, annotations: { d: "" } });
    },
  );

  it("has no definitions of further kinds, which is where kubectl looks for one that it does not know", async () => {
    const { status, json } = await control.call("GET", "/k8s/apis/apiextensions.k8s.io/v1/customresourcedefinitions");
    expect([status, json["kind"], json["items"]]).toEqual([200, "CustomResourceDefinitionList", []]);
    const groups = (await control.call("GET", "/k8s/apis")).json["groups"] as unknown as readonly { name: string }[];
    expect(groups.map(({ name }) => name)).not.toContain("apiextensions.k8s.io");
  });

  describe("patches", () => {
    const path = `${RULES}/patched`;
    const patch = async (type: string, body: unknown, query = "") =>
      control.call("PATCH", `${path}${query}`, body, { type });
    /** Without the condition that is worked out at each read, and is left out where that takes long. */
    const stored = async () => withoutProgrammed((await control.call("GET", path)).json as unknown as KubeObject);

    it("merges, by RFC 7396", async () => {
      await control.call("POST", RULES, rule("patched", { host: "x", subsets: [{ name: "v1" }] }));
      const merged = await patch(MERGE, { metadata: { labels: { a: "b" } }, spec: { subsets: null, host: "y" } });
      expect([merged.status, merged.json["spec"]]).toEqual([200, { host: "y" }]);
      expect(merged.json["metadata"]).toMatchObject({ labels: { a: "b" }, generation: 2 });
      const same = await patch(MERGE, { spec: { host: "y" } });
      expect(same.json).toEqual(merged.json);
    });

    it("runs operations, by RFC 6902", async () => {
      const done = await patch(JSON_PATCH, [
        { op: "test", path: "/spec/host", value: "y" },
        { op: "replace", path: "/spec/host", value: "z" },
      ]);
      expect(done.json["spec"]).toEqual({ host: "z" });
    });

    it("writes the status alone at /status, and everything but the status elsewhere", async () => {
      const before = (await control.call("GET", path)).json;
      const body = { spec: { host: "no" }, status: { mine: "yes" } };
      const status = await control.call("PATCH", `${path}/status`, body, { type: MERGE });
      expect([status.json["spec"], status.json["status"]?.["mine"]]).toEqual([before["spec"], "yes"]);
      const object = await patch(MERGE, { status: { mine: "no" } });
      expect(object.json["status"]?.["mine"]).toBe("yes");
    });

    it("stores nothing in a dry run", async () => {
      const before = await stored();
      const tried = await patch(MERGE, { spec: { host: "dry" } }, "?dryRun=All");
      expect(tried.json["spec"]).toEqual({ host: "dry" });
      // It has no version of its own: a client would show a difference in it.
      expect(tried.json["metadata"]?.["resourceVersion"]).toBe(before.metadata.resourceVersion);
      expect(await stored()).toEqual(before);
      const made = await control.call("POST", `${RULES}?dryRun=All`, rule("never"));
      expect([made.status, made.json["metadata"]?.["resourceVersion"]]).toEqual([201, undefined]);
    });

    it("tells why an operation failed among the causes, which is all that older clients print", async () => {
      const failed = await patch(JSON_PATCH, [{ op: "test", path: "/spec/host", value: "no" }]);
      expect(failed.json["details"]).toMatchObject({
        name: "patched",
        kind: "DestinationRule",
        causes: [{ reason: "FieldValueInvalid", field: "patch" }],
      });
    });

    it.each([
      { name: "a stale precondition", type: MERGE, body: { metadata: { resourceVersion: "1" } }, status: 409 },
      { name: "another name", type: MERGE, body: { metadata: { name: "other" } }, status: 400 },
      { name: "another namespace", type: MERGE, body: { metadata: { namespace: "other" } }, status: 400 },
      { name: "another kind", type: MERGE, body: { kind: "VirtualService" }, status: 400 },
      { name: "a misspelt field", type: MERGE, body: { spec: { hots: "x" } }, status: 422 },
      { name: "what leaves no object", type: JSON_PATCH, body: [{ op: "replace", path: "", value: 7 }], status: 400 },
      {
        name: "a failed test",
        type: JSON_PATCH,
        body: [{ op: "test", path: "/spec/host", value: "no" }],
        status: 422,
      },
      { name: "operations that are none", type: JSON_PATCH, body: [{ op: "jump" }], status: 400 },
      { name: "a strategic patch of a mesh kind", type: STRATEGIC, body: { spec: {} }, status: 415 },
      { name: "a repeated field", type: MERGE, body: '{"spec":{"host":"a","host":"b"}}', status: 400 },
      { name: "owners that are none", type: MERGE, body: { metadata: { managedFields: [{}, 7] } }, status: 400 },
    ])("refuses $name", async ({ type, body, status }) => {
      const before = await stored();
      expect((await patch(type, body)).status).toBe(status);
      expect(await stored()).toEqual(before);
    });

    it("answers 404 to a patch of what is not there", async () => {
      expect((await control.call("PATCH", `${RULES}/none`, {}, { type: MERGE })).status).toBe(404);
    });

    it("merges a Service's ports by their number, and removes those that it is told to", async () => {
      await control.call(
        "POST",
        SERVICES,
        service("strategic", [
          { name: "a", port: 80 },
          { name: "b", port: 81 },
        ]),
      );
      const one = await control.call(
        "PATCH",
        `${SERVICES}/strategic`,
        { spec: { "$setElementOrder/ports": [{ port: 81 }, { port: 80 }], ports: [{ port: 81, targetPort: 8081 }] } },
        { type: STRATEGIC },
      );
      expect(one.json["spec"]?.["ports"]).toEqual([
        { name: "b", port: 81, targetPort: 8081 },
        { name: "a", port: 80 },
      ]);
      const gone = await control.call(
        "PATCH",
        `${SERVICES}/strategic`,
        { spec: { ports: [{ $patch: "delete", port: 80 }] } },
        { type: STRATEGIC },
      );
      expect(gone.json["spec"]?.["ports"]).toEqual([{ name: "b", port: 81, targetPort: 8081 }]);
    });
  });

  describe("server-side apply", () => {
    const path = `${RULES}/applied`;
    const apply = async (manager: string, body: unknown, force = false, at = path) =>
      control.call("PATCH", `${at}?fieldManager=${manager}&force=${force}`, JSON.stringify(body), { type: APPLY });

    it("creates, and says who owns what", async () => {
      const made = await apply("ci", rule("applied", { host: "x", exportTo: ["."] }));
      expect(made.status).toBe(201);
      const owners = made.json["metadata"]?.["managedFields"] as unknown as { manager: string }[];
      expect(owners.find(({ manager }) => manager === "ci")).toMatchObject({
        operation: "Apply",
        fieldsV1: { "f:spec": { "f:host": {}, "f:exportTo": {} } },
      });
    });

    it("refuses what another manager owns, names it, and takes it by force", async () => {
      const conflict = await apply("ops", rule("applied", { host: "y" }));
      expect([conflict.status, conflict.json["reason"]]).toEqual([409, "Conflict"]);
      expect(conflict.json["details"]?.["causes"]).toMatchObject([
        { reason: "FieldManagerConflict", field: ".spec.host", message: expect.stringContaining("ci") },
      ]);
      const forced = await apply("ops", rule("applied", { host: "y" }), true);
      expect([forced.status, forced.json["spec"]]).toEqual([200, { host: "y", exportTo: ["."] }]);
    });

    it("removes what its owner no longer applies, and keeps what others own", async () => {
      const left = await apply("ci", rule("applied", { host: "y" }));
      expect(left.json["spec"]).toEqual({ host: "y" });
      const same = await apply("ci", rule("applied", { host: "y" }));
      expect(same.json).toEqual(left.json);
    });

    it("tells a Service's ports apart by number and protocol", async () => {
      const at = `${SERVICES}/keyed`;
      const port = (number: number, more = {}) => ({ port: number, name: `p${number}`, ...more });
      await apply("one", service("keyed", [port(80)]), false, at);
      await apply("two", service("keyed", [port(443), { port: 53, name: "dns", protocol: "UDP" }]), false, at);
      const both = (await control.call("GET", at)).json["spec"]?.["ports"] as unknown as { port: number }[];
      expect(both.map(({ port: number }) => number)).toEqual([80, 443, 53]);
      const renamed = await apply("two", service("keyed", [port(443), { ...port(80), name: "mine" }]), false, at);
      expect([renamed.status, renamed.json["details"]?.["causes"]?.[0]?.["field"]]).toEqual([
        409,
        '.spec.ports[port=80,protocol="TCP"].name',
      ]);
      const less = await apply("two", service("keyed", [port(443)]), false, at);
      expect(
        ((less.json["spec"]?.["ports"] ?? []) as unknown as { port: number }[]).map(({ port: number }) => number),
      ).toEqual([80, 443]);
    });

    it("applies to the status alone at /status", async () => {
      const body = { ...rule("applied"), status: { mine: "yes" } };
      const done = await control.call("PATCH", `${path}/status?fieldManager=watcher`, JSON.stringify(body), {
        type: APPLY,
      });
      expect([done.status, done.json["spec"], done.json["status"]?.["mine"]]).toEqual([200, { host: "y" }, "yes"]);
    });

    it("reads older versions of a kind as the same object", async () => {
      const old = { ...rule("applied", { host: "y" }), apiVersion: "networking.istio.io/v1beta1" };
      const done = await apply("ci", old, false, path.replace("/v1/", "/v1beta1/"));
      expect([done.status, done.json["apiVersion"]]).toEqual([200, "networking.istio.io/v1beta1"]);
    });

    it.each([
      { name: "without a manager", query: "", body: rule("applied"), status: 400 },
      {
        name: "of managedFields",
        query: "?fieldManager=x",
        body: { ...rule("applied"), metadata: { name: "applied", managedFields: [] } },
        status: 400,
      },
      { name: "of another object", query: "?fieldManager=x", body: rule("other"), status: 400 },
      { name: "of a misspelt field", query: "?fieldManager=x", body: rule("applied", { hots: "x" }), status: 422 },
      {
        name: "of what leaves a required field out",
        query: "?fieldManager=x",
        body: rule("incomplete", {}),
        status: 422,
        at: "incomplete",
      },
    ])("refuses one $name", async ({ query, body, status, at = "applied" }) => {
      const done = await control.call("PATCH", `${RULES}/${at}${query}`, JSON.stringify(body), { type: APPLY });
      expect(done.status).toBe(status);
    });
  });

  describe("fields of Kubernetes' own kinds", () => {
    const odd = service("odd", [{ port: 80 }], { sessionAffinity: "None", colour: "red" });

    it("are kept where we do not read them, those that nobody knows with a warning", async () => {
      const made = await control.call("POST", SERVICES, odd);
      expect([made.status, made.json["spec"]?.["colour"]]).toEqual([201, "red"]);
      expect(made.headers.get("warning")).toBe('299 - "unknown field \\"spec.colour\\""');
    });

    it("are refused by Strict where nobody knows them, and passed over in silence by Ignore", async () => {
      const strict = await control.call("PUT", `${SERVICES}/odd?fieldValidation=Strict`, odd);
      expect([strict.status, strict.json["message"]]).toEqual([
        400,
        expect.stringContaining('unknown field "spec.colour"'),
      ]);
      const ignored = await control.call("PUT", `${SERVICES}/odd?fieldValidation=Ignore`, odd);
      expect([ignored.status, ignored.headers.get("warning")]).toEqual([200, null]);
      const known = await control.call(
        "POST",
        `${SERVICES}?fieldValidation=Strict`,
        service("even", [{ port: 80, nodePort: 30_000 }]),
      );
      expect(known.status).toBe(201);
      expect((await control.call("PUT", `${SERVICES}/odd?fieldValidation=Maybe`, odd)).status).toBe(400);
    });

    it("are refused in a mesh kind whatever the client says", async () => {
      const path = `${RULES}?fieldValidation=Ignore`;
      expect((await control.call("POST", path, rule("loose", { host: "x", colour: "red" }))).status).toBe(422);
    });
  });

  describe("forms of an answer", () => {
    const TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io";

    it("are a Table, metadata alone, or the objects", async () => {
      await control.call("POST", RULES, rule("formed"));
      const table = (await (await get(RULES, { accept: TABLE })).json()) as { kind: string; rows: unknown[] };
      expect([table.kind, table.rows.length > 0]).toEqual(["Table", true]);
      const whole = (await (await get(`${RULES}/formed?includeObject=Object`, { accept: TABLE })).json()) as {
        rows: { object: { spec: unknown } }[];
      };
      expect(whole.rows[0]?.object.spec).toEqual({ host: "x" });
      const accept = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io";
      expect(Object.keys(await (await get(`${RULES}/formed`, { accept })).json())).not.toContain("spec");
      const browser = await get(RULES, { accept: "text/html,*/*;q=0.1" });
      expect((await browser.json<{ kind: string }>()).kind).toBe("DestinationRuleList");
      expect((await get(RULES, { accept: "application/vnd.kubernetes.protobuf" })).status).toBe(406);
      expect((await get(`${RULES}?includeObject=Some`, { accept: TABLE })).status).toBe(400);
    });

    it.each([
      "/k8s/version",
      "/k8s/api",
      "/k8s/apis",
      "/k8s/apis/networking.istio.io/v1",
      "/k8s/openapi/v3",
      "/k8s/openapi/v3/api/v1",
      "/k8s/openapi/v2",
    ])("of %s are not sent again to whom they are known", async (path) => {
      const first = await get(path);
      const etag = first.headers.get("etag") ?? "";
      expect([first.status, (await first.text()).length > 10]).toEqual([200, true]);
      expect((await get(path, { "if-none-match": etag })).status).toBe(304);
      expect((await get(path, { "if-none-match": '"other"' })).status).toBe(200);
    });

    it("of discovery are plain or aggregated, and name the same kinds", async () => {
      const accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
      const answer = await get("/k8s/apis", { accept });
      expect(answer.headers.get("content-type")).toContain("as=APIGroupDiscoveryList");
      const { items } = (await answer.json()) as { items: { metadata: { name: string } }[] };
      const plain = (await (await get("/k8s/apis")).json()) as { groups: { name: string }[] };
      expect(items.map(({ metadata }) => metadata.name)).toEqual(plain.groups.map(({ name }) => name));
      expect((await get("/k8s/apis/nothing.test")).status).toBe(404);
      expect((await get("/k8s/apis/nothing.test/v1")).status).toBe(404);
      expect((await get("/k8s/openapi/v3/apis/nothing.test/v1")).status).toBe(404);
    });

    it("of OpenAPI v2 are protobuf for kubectl", async () => {
      const accept = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
      const answer = await get("/k8s/openapi/v2", { accept });
      expect(answer.headers.get("content-type")).toBe("application/com.github.proto-openapi.spec.v2.v1.0+protobuf");
      expect((await answer.arrayBuffer()).byteLength).toBeGreaterThan(10_000);
    });
  });

  describe("lists", () => {
    it("come in pages as of the first one's version, and not from a token that is too old", async () => {
      for (const name of ["p1", "p2", "p3"]) await control.call("POST", RULES, rule(name));
      const first = (await control.call("GET", `${RULES}?limit=2`)).json;
      await control.call("POST", RULES, rule("p4"));
      const token = encodeURIComponent(String(first["metadata"]?.["continue"]));
      const second = (await control.call("GET", `${RULES}?limit=2&continue=${token}`)).json;
      expect(second["metadata"]?.["resourceVersion"]).toBe(first["metadata"]?.["resourceVersion"]);
      const old = btoa(JSON.stringify(["default", "a", -1]));
      const expired = await control.call("GET", `${RULES}?continue=${encodeURIComponent(old)}`);
      expect([expired.status, expired.json["reason"]]).toEqual([410, "Expired"]);
      expect((await control.call("GET", `${RULES}?continue=abc`)).status).toBe(400);
    });

    it("are deleted by label, as one generation, and not where it is only tried", async () => {
      for (const name of ["d1", "d2"])
        await control.call("POST", RULES, { ...rule(name), metadata: { name, labels: { gone: "soon" } } });
      const before = Number((await control.call("GET", "/api/v1/status")).json["generation"]);
      const tried = await control.call("DELETE", `${RULES}?labelSelector=gone%3Dsoon`, { dryRun: ["All"] });
      expect(tried.json["items"]).toHaveLength(2);
      expect((await control.call("GET", `${RULES}/d1`)).status).toBe(200);
      const gone = await control.call("DELETE", `${RULES}?labelSelector=gone%3Dsoon`);
      expect(gone.json["items"]).toHaveLength(2);
      expect((await control.call("GET", `${RULES}/d1`)).status).toBe(404);
      expect((await control.call("GET", "/api/v1/status")).json["generation"]).toBe(before + 1);
      expect((await control.call("DELETE", RULES.replace("/namespaces/default", ""))).status).toBe(405);
    });

    it("are deleted though others delete and change them meanwhile", async () => {
      const names = Array.from({ length: 8 }, (_, at) => `race-${at}`);
      const labels = { race: "on" };
      for (const name of names) await control.call("POST", RULES, { ...rule(name), metadata: { name, labels } });
      const collection = async () => control.call("DELETE", `${RULES}?labelSelector=race%3Don`);
      const answers = await Promise.all([
        collection(),
        collection(),
        control.call("DELETE", `${RULES}/race-0`),
        control.call("PATCH", `${RULES}/race-7`, { metadata: { labels: { race: "off" } } }, { type: MERGE }),
      ]);
      expect(answers.slice(0, 2).map(({ status }) => status)).toEqual([200, 200]);
      const left = await control.call("GET", `${RULES}?labelSelector=race%3Don`);
      expect(left.json["items"]).toHaveLength(0);
      // Whoever took it out of the selection in time keeps it.
      const taken = answers[3]?.status === 200;
      expect((await control.call("GET", `${RULES}/race-7`)).status).toBe(taken ? 200 : 404);
    });

    it("hold a precondition of a deletion", async () => {
      const { json } = await control.call("POST", RULES, rule("guarded"));
      const other = { preconditions: { uid: "other" } };
      expect((await control.call("DELETE", `${RULES}/guarded`, other)).status).toBe(409);
      const own = { preconditions: { uid: json["metadata"]?.["uid"] }, propagationPolicy: "Background" };
      expect((await control.call("DELETE", `${RULES}/guarded`, own)).status).toBe(200);
      expect((await control.call("DELETE", `${RULES}/p1`, { dryRun: ["Some"] })).status).toBe(400);
    });
  });

  it.each(KINDS.map((info) => [info.kind, info] as const))("serves %s under all of its names", async (_, info) => {
    for (const apiVersion of [
      ...info.versions.map((version) => (info.group === "" ? version : `${info.group}/${version}`)),
      ...info.aliases,
    ]) {
      const root = info.group === "" ? "api" : "apis";
      const { json, status } = await control.call("GET", `/k8s/${root}/${apiVersion}/${info.plural}`);
      expect([status, json["kind"], json["apiVersion"]]).toEqual([200, `${info.kind}List`, apiVersion]);
      const { json: resources } = await control.call("GET", `/k8s/${root}/${apiVersion}`);
      const names = (resources["resources"] as unknown as { name: string }[]).map(({ name }) => name);
      expect(names).toContain(info.plural);
    }
  });

  it("labels a namespace with its name, whatever a client makes of its labels", async () => {
    const path = "/k8s/api/v1/namespaces";
    const body = { apiVersion: "v1", kind: "Namespace", metadata: { name: "labelled", labels: { a: "b" } } };
    const made = await control.call("POST", path, body);
    expect(made.json["metadata"]?.["labels"]).toEqual({ a: "b", "kubernetes.io/metadata.name": "labelled" });
    const patch = { metadata: { labels: { a: null, "kubernetes.io/metadata.name": "other" } } };
    const patched = await control.call("PATCH", `${path}/labelled`, patch, { type: STRATEGIC });
    expect(patched.json["metadata"]?.["labels"]).toEqual({ "kubernetes.io/metadata.name": "labelled" });
  });

  it.each(["healthz", "livez", "readyz"])("answers /%s, as tools ask before they begin", async (check) => {
    const answer = await get(`/k8s/${check}`);
    expect([answer.status, await answer.text()]).toEqual([200, "ok"]);
    expect((await control.raw("GET", `/k8s/${check}`, {})).status).toBe(401);
  });

  it("warns of a placeholder group, and stores Istio's", async () => {
    const path = RULES.replace("networking.istio.io", "networking.example.com");
    const made = await control.call("POST", path, { ...rule("aliased"), apiVersion: "networking.example.com/v1" });
    expect([made.status, made.json["apiVersion"]]).toEqual([201, "networking.example.com/v1"]);
    expect(made.headers.get("warning")).toContain("placeholder");
    expect((await control.call("GET", `${RULES}/aliased`)).json["apiVersion"]).toBe("networking.istio.io/v1");
  });

  it("refuses to name two writers one: a field manager is 1 to 128 printable characters", async () => {
    for (const manager of ["", "x".repeat(129), "a%0Ab"])
      expect((await control.call("POST", `${RULES}?fieldManager=${manager}`, rule("managed"))).status).toBe(400);
  });

  it("says who asks, and what they may do in a namespace", async () => {
    const me = await control.call("POST", "/k8s/apis/authentication.k8s.io/v1/selfsubjectreviews", {});
    expect(me.json["status"]?.["userInfo"]).toMatchObject({
      username: "admin",
      groups: ["tulle:role:admin", "system:authenticated"],
    });
    const rules = await control.call("POST", "/k8s/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", {
      spec: { namespace: "default" },
    });
    expect(rules.json["status"]?.["resourceRules"]?.["length"]).toBeGreaterThan(10);
    const none = await control.call("POST", "/k8s/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", { spec: {} });
    expect(none.status).toBe(400);
  });
});

describe("kinds that are refused", () => {
  let control: RunningControl;
  beforeAll(async () => {
    control = await RunningControl.start();
  });
  afterAll(() => control.stop());

  const route = { apiVersion: "gateway.networking.k8s.io/v1", kind: "HTTPRoute", metadata: { name: "a" } };
  const routes = "/k8s/apis/gateway.networking.k8s.io/v1/namespaces/default/httproutes";

  it.each([
    ["POST", `${routes}?dryRun=All`, route, "application/json"],
    ["PUT", `${routes}/a`, route, "application/json"],
    ["PATCH", `${routes}/a?fieldManager=test`, route, APPLY],
    [
      "POST",
      "/k8s/apis/networking.istio.io/v1alpha3/namespaces/default/envoyfilters",
      { apiVersion: "networking.istio.io/v1alpha3", kind: "EnvoyFilter", metadata: { name: "a" } },
      "application/json",
    ],
  ])("%s %s says why", async (method, path, body, type) => {
    const { status, json } = await control.call(method, path, body, { type });
    expect(status).toBe(422);
    expect(json).toMatchObject({
      reason: "Invalid",
      details: { kind: body.kind, causes: [{ reason: "FieldValueNotSupported", field: "kind" }] },
    });
  });

  it("are no resources to those who read, and other kinds to nobody", async () => {
    expect((await control.call("GET", routes)).status).toBe(404);
    expect((await control.call("DELETE", `${routes}/a`)).status).toBe(404);
    const other = { apiVersion: "example.com/v1", kind: "Route", metadata: { name: "a" } };
    expect((await control.call("POST", "/k8s/apis/example.com/v1/namespaces/default/routes", other)).status).toBe(404);
    expect((await control.raw("POST", routes, {})).status).toBe(401);
  });
});

describe("the change log", () => {
  let control: RunningControl;
  beforeAll(async () => {
    control = await RunningControl.start();
  });
  afterAll(() => control.stop());

  it("says so where what a watch or a page wants was pruned", async () => {
    for (let at = 0; at < 4; at += 1) await control.call("POST", RULES, rule(`r${at}`));
    const { json } = await control.call("GET", `${RULES}?limit=1`);
    const rv = Number(json["metadata"]?.["resourceVersion"]);
    await control.sql(`UPDATE meta SET compacted = ${rv}`);
    await control.sql(`DELETE FROM changes WHERE rv <= ${rv}`);
    await control.evict();
    const before = await control.call("GET", `${RULES}?watch=true&resourceVersion=${rv - 1}`);
    expect([before.status, before.json["reason"]]).toEqual([410, "Expired"]);
    await control.call("POST", RULES, rule("later"));
    const from = await control.call("GET", `${RULES}?watch=true&timeoutSeconds=1&resourceVersion=${rv}`);
    expect(from.status).toBe(200);
    const events = await control.call("GET", "/k8s/api/v1/namespaces/default/events");
    expect(
      (events.json["items"] as unknown as { involvedObject: { name: string } }[]).map(
        (each) => each.involvedObject.name,
      ),
    ).toEqual(["later"]);
  });
});
