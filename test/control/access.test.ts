import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Verb } from "../../src/kube/access.ts";
import type { KindInfo } from "../../src/resources/kinds.ts";
import { KINDS } from "../../src/kinds/registry.ts";
import { ACCOUNTS, type Place, placeOf, PLACES, READS, tableSays } from "../kube/access-table.ts";
import { tried } from "../support/scale.ts";
import { collectionOf, sampleOf } from "./kind-samples.ts";
import { RunningControl } from "./running.ts";

/** One of each sort that the table knows. */
const SORTS = new Set(["Namespace", "Secret", "Event", "DestinationRule", "MeshConfig"]);
const TRIED_KINDS = tried(
  KINDS.filter(({ kind }) => SORTS.has(kind)),
  // What stands in no namespace is the mesh administrator's alone: enrol-by-issuer.long.test.ts.
  KINDS.filter(({ kind, namespaced }) => namespaced || kind === "Namespace"),
);

const NAMESPACES = PLACES.filter((place) => place !== "");
/** Names of objects that stand in every namespace, and of those that nobody makes. */
const [HELD, FRESH] = ["held", "fresh"];

let control: RunningControl;
const tokens = new Map<string, string>();

beforeAll(async () => {
  control = await RunningControl.start();
  const objects = [
    ...NAMESPACES.map((name) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } })),
    sampleOf(kindNamed("MeshConfig"), "istio-system", "default"),
    ...KINDS.filter(({ namespaced, readOnly, kind }) => namespaced && !readOnly && kind !== "MeshConfig").flatMap(
      (info) => NAMESPACES.map((namespace) => sampleOf(info, namespace, HELD)),
    ),
  ];
  const answer = await control.call("POST", "/api/v1/apply", objects);
  expect([answer.status, answer.json["message"]]).toEqual([200, undefined]);
  for (const { name, role, namespace } of ACCOUNTS) {
    const made = await control.call("POST", "/api/v1/tokens", { name, role, ...(namespace !== null && { namespace }) });
    tokens.set(name, String(made.json["token"]));
  }
});
afterAll(() => control.stop());

function kindNamed(kind: string): KindInfo {
  const info = KINDS.find((each) => each.kind === kind);
  if (!info) throw new Error(`no kind ${kind}`);
  return info;
}

function tokenOf(name: string): string {
  const token = tokens.get(name);
  if (token === undefined) throw new Error(`no token ${name}`);
  return token;
}

/** One way of doing something with an object, or with all of a kind. */
interface Attempt {
  readonly verb: Verb;
  readonly status: boolean;
  readonly method: string;
  readonly path: string;
  readonly type?: string;
  readonly body?: unknown;
}

const REVIEWS = "/k8s/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
const REVIEW = { kind: "SelfSubjectAccessReview", apiVersion: "authorization.k8s.io/v1" };

const MERGE = "application/merge-patch+json";
const JSON_PATCH = "application/json-patch+json";
const STRATEGIC = "application/strategic-merge-patch+json";
const APPLY = "application/apply-patch+yaml";

/** Every way there is; on what stands there where something must stand there. */
function attempts(info: KindInfo, at: Place): readonly Attempt[] {
  const isNamespace = info.kind === "Namespace";
  const collection = collectionOf(info, isNamespace ? "" : at);
  const way = (verb: Verb, method: string, path: string, more: Partial<Attempt> = {}): Attempt => ({
    verb,
    status: false,
    method,
    path,
    ...more,
  });
  const name = isNamespace ? at : info.kind === "MeshConfig" ? "default" : HELD;
  const held = { ...sampleOf(info, at, name), status: { note: "x" } };
  const fresh = sampleOf(info, at, isNamespace ? `${FRESH}-of-${at}` : FRESH);
  const ofAll = [
    way("list", "GET", collection),
    way("watch", "GET", `${collection}?watch=true&timeoutSeconds=0`),
    way("deletecollection", "DELETE", collection),
  ];
  if (at === "") return ofAll;
  const one = `${collection}/${name}`;
  const labels = { touched: "yes" };
  const operations = [{ op: "add", path: "/metadata/labels", value: labels }];
  const written = [
    way("create", "POST", collection, { body: fresh }),
    way("create", "POST", collection, { type: "application/yaml", body: JSON.stringify(fresh) }),
    way("update", "PUT", one, { body: held }),
    way("patch", "PATCH", one, { type: MERGE, body: { metadata: { labels } } }),
    way("patch", "PATCH", one, { type: JSON_PATCH, body: operations }),
    way("patch", "PATCH", one, { type: STRATEGIC, body: { metadata: { labels } } }),
    way("patch", "PATCH", `${one}?fieldManager=m&force=true`, { type: APPLY, body: sampleOf(info, at, name) }),
    way("patch", "PATCH", `${collection}/${FRESH}?fieldManager=m`, { type: APPLY, body: sampleOf(info, at, FRESH) }),
    way("delete", "DELETE", one),
  ];
  const inStatus = { status: true };
  const ofStatus = [
    way("get", "GET", `${one}/status`, inStatus),
    way("update", "PUT", `${one}/status`, { ...inStatus, body: held }),
    way("patch", "PATCH", `${one}/status`, { ...inStatus, type: MERGE, body: { status: { note: "y" } } }),
    way("patch", "PATCH", `${one}/status`, {
      ...inStatus,
      type: JSON_PATCH,
      body: [{ op: "add", path: "/status", value: { note: "y" } }],
    }),
    way("patch", "PATCH", `${one}/status?fieldManager=m&force=true`, { ...inStatus, type: APPLY, body: held }),
  ];
  return [way("get", "GET", one), ...ofAll, ...written, ...(info.hasStatus ? ofStatus : [])];
}

/** Tokens of all namespaces in each place but the second of its sort; tokens of one at home, abroad and in the mesh's own. */
const TRIED: readonly (readonly [name: string, places: readonly Place[]])[] = [
  ...["viewer", "editor", "admin"].map((name) => [name, ["", "shop", "istio-system", "mesh-root"]] as const),
  ...["viewer", "editor", "admin"].map((role) => [`${role}-of-shop`, ["", "shop", "other", "istio-system"]] as const),
  ["editor-of-mesh-root", ["", "shop", "mesh-root"]],
  ["admin-of-istio-system", ["", "shop", "istio-system"]],
];

/** What the server keeps from whoever may do everything: Events are its own, and it needs its Namespaces. */
function isKept({ kind, readOnly }: KindInfo, verb: Verb, at: Place): boolean {
  const isRead = READS.some((read) => read === verb);
  if (readOnly) return !isRead;
  return kind === "Namespace" && (verb === "deletecollection" || (verb === "delete" && at === "istio-system"));
}

describe.each(TRIED.map(([name, places]) => ({ name, places })))("over HTTP $name", ({ name, places }) => {
  const account = ACCOUNTS.find((each) => each.name === name)!;
  const may = (info: KindInfo, verb: Verb, at: Place) =>
    tableSays(account, verb, placeOf(info.kind, verb, at), info.kind);

  it("gets 403 exactly where the table refuses, and leaves nothing there", async () => {
    const before = await control.dump();
    const token = tokenOf(name);
    const tries = TRIED_KINDS.flatMap((info) =>
      places.flatMap((at) =>
        attempts(info, at).map((attempt) => {
          const isAllowed = may(info, attempt.verb, at);
          const isRead = READS.some((read) => read === attempt.verb);
          // What is allowed is done as if, so that everybody meets the same objects; what is refused must be so in earnest.
          const dry = isAllowed && !isRead ? `${attempt.path.includes("?") ? "&" : "?"}dryRun=All` : "";
          return { ...attempt, info, at, isAllowed, path: attempt.path + dry, token };
        }),
      ),
    );
    const answers = await control.calls(tries);
    for (const [index, { info, at, verb, isAllowed, method, path, type }] of tries.entries()) {
      const { status = 0, json } = answers[index] ?? {};
      const what = `${name}: ${method} ${path} ${type ?? ""} -> ${status} ${json?.["message"]}`;
      if (isKept(info, verb, at)) expect([403, 405], what).toContain(status);
      else if (!isAllowed) expect(status, what).toBe(403);
      else expect([200, 201, ...refusedFor(info, at, type)], what).toContain(status);
      if (status === 403) expect(json, what).toMatchObject({ kind: "Status", reason: "Forbidden" });
    }
    expect(await control.dump()).toBe(before);
  });

  it("is told by a review what then happens", async () => {
    const asked = TRIED_KINDS.flatMap((info) =>
      places.flatMap((at) => {
        const wishes = attempts(info, at).map(({ verb, status }) => `${verb} ${status ? "status" : ""}`);
        return [...new Set(wishes)].map((wish) => ({ info, at, wish }));
      }),
    );
    const answers = await control.calls(
      asked.map(({ info, at, wish }) => {
        const [verb = "", subresource = ""] = wish.split(" ");
        const where = info.kind === "Namespace" ? { name: at } : { namespace: at };
        const spec = { resourceAttributes: { verb, group: info.group, resource: info.plural, subresource, ...where } };
        return { method: "POST", path: REVIEWS, body: { ...REVIEW, spec }, token: tokenOf(name) };
      }),
    );
    const told = asked.map(({ info, at, wish }, index) => [
      wish,
      info.kind,
      at,
      answers[index]?.json["status"]?.["allowed"],
    ]);
    expect(told).toEqual(
      asked.map(({ info, at, wish }) => {
        const [verb] = wish.split(" ") as [Verb];
        return [wish, info.kind, at, may(info, verb, at) && !(info.readOnly && isKept(info, verb, at))];
      }),
    );
  });
});

/** Why what is allowed may fail all the same: a kind's own rules. */
function refusedFor({ kind, core, readOnly }: KindInfo, at: Place, type: string | undefined): readonly number[] {
  if (readOnly) return [404];
  // One namespace at a time.
  if (at === "") return [405];
  // There is one MeshConfig, and no other can be made.
  if (kind === "MeshConfig") return [404, 415, 422];
  if (type === STRATEGIC && !core) return [415];
  return [];
}

describe("what names a namespace", () => {
  const rules = kindNamed("DestinationRule");
  const SHOP = collectionOf(rules, "shop");
  const foreign = sampleOf(rules, "other", HELD);
  const merge = (metadata: object) => ({ method: "PATCH", path: `${SHOP}/${HELD}`, type: MERGE, body: { metadata } });
  const patch = (...operations: object[]) => ({
    method: "PATCH",
    path: `${SHOP}/${HELD}`,
    type: JSON_PATCH,
    body: operations,
  });

  it.each([
    { name: "an object of another namespace posted to its own", method: "POST", path: SHOP, body: foreign },
    { name: "one put there", method: "PUT", path: `${SHOP}/${HELD}`, body: foreign },
    { name: "its status put there", method: "PUT", path: `${SHOP}/${HELD}/status`, body: { ...foreign, status: {} } },
    {
      name: "one applied there",
      method: "PATCH",
      path: `${SHOP}/${HELD}?fieldManager=m`,
      type: APPLY,
      body: foreign,
    },
    { name: "an object of another name", method: "PUT", path: `${SHOP}/${HELD}`, body: sampleOf(rules, "shop", "y") },
    { name: "a merge patch to another namespace", ...merge({ namespace: "other" }) },
    { name: "one to no namespace", ...merge({ namespace: null }) },
    { name: "one to another name", ...merge({ name: "y" }) },
    { name: "a JSON patch of the namespace", ...patch({ op: "replace", path: "/metadata/namespace", value: "other" }) },
    { name: "one of the name", ...patch({ op: "replace", path: "/metadata/name", value: "y" }) },
    { name: "one that takes both away", ...patch({ op: "remove", path: "/metadata" }) },
    { name: "one of the whole object", ...patch({ op: "replace", path: "", value: foreign }) },
    {
      name: "one that moves the name to the namespace",
      ...patch({ op: "copy", from: "/metadata/name", path: "/metadata/namespace" }),
    },
    {
      name: "a patch of the status to another namespace",
      method: "PATCH",
      path: `${SHOP}/${HELD}/status`,
      type: MERGE,
      body: { metadata: { namespace: "other" }, status: {} },
    },
  ])("is the URL's: nobody's $name is taken", async ({ method, path, body, ...more }) => {
    const before = await control.dump();
    for (const name of ["editor-of-shop", "admin-of-shop", "editor", "admin"]) {
      const type = "type" in more ? { type: more.type } : {};
      const answer = await control.call(method, path, body, { token: tokenOf(name), ...type });
      expect([name, answer.status, answer.json["reason"]]).toEqual([name, 400, "BadRequest"]);
    }
    expect(await control.dump()).toBe(before);
  });

  const own = sampleOf(rules, "shop", HELD);
  const { namespace: _, ...nowhere } = own.metadata;
  it.each([
    { name: "another's", body: [foreign] },
    { name: "another's among its own", body: [own, foreign, own] },
    { name: "another's in a List", body: { apiVersion: "v1", kind: "List", items: [own, foreign] } },
    { name: "none, which is `default`", body: [{ ...own, metadata: nowhere }] },
    { name: "one that holds for the mesh", body: [sampleOf(rules, "istio-system", HELD)] },
    {
      name: "another's by the placeholder of articles",
      body: [{ ...foreign, apiVersion: "networking.example.com/v1" }],
    },
    { name: "another's in an older version", body: [{ ...foreign, apiVersion: "networking.istio.io/v1beta1" }] },
    {
      name: "a Namespace, were it its own",
      body: [{ apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } }],
    },
    { name: "the mesh's settings", body: [sampleOf(kindNamed("MeshConfig"), "istio-system", "default")] },
  ])("is each document's in an apply: $name is refused, and all with it", async ({ body }) => {
    const before = await control.dump();
    for (const name of ["editor-of-shop", "admin-of-shop"])
      for (const query of ["", "?dryRun=All"]) {
        const answer = await control.call("POST", `/api/v1/apply${query}`, body, { token: tokenOf(name) });
        const codes = (answer.json["results"] as unknown as { status?: { code: number } }[]).map(
          ({ status }) => status?.code,
        );
        expect([answer.status, codes.filter((code) => code !== undefined)]).toEqual([422, [403]]);
      }
    expect(await control.dump()).toBe(before);
  });

  it("is compared as it is meant, however the URL spells it", async () => {
    const status = async (namespace: string) =>
      (await control.call("GET", collectionOf(rules, namespace), undefined, { token: tokenOf("viewer-of-shop") }))
        .status;
    expect([await status("%73hop"), await status("sh%6Fp")]).toEqual([200, 200]);
    expect([await status("%6fther"), await status("shop%2fother"), await status("shop%00")]).toEqual([403, 403, 403]);
    expect([await status("shop/../other"), await status("shop/%2e%2e/other")]).toEqual([403, 403]);
    // `/SHOP` is no namespace that anybody has; nor is there one without a name.
    expect([await status("SHOP"), await status("shop%20"), await status("*"), await status("%2a")]).toEqual([
      403, 403, 403, 403,
    ]);
    expect([await status("shop/"), await status("/shop")]).toEqual([404, 404]);
  });

  it.each(
    KINDS.filter(({ namespaced, readOnly }) => namespaced && !readOnly).map((info) => ({ info, kind: info.kind })),
  )("is the same under every group and version of a $kind", async ({ info }) => {
    const before = await control.dump();
    const served = [
      ...info.versions.map((version) => (info.group === "" ? version : `${info.group}/${version}`)),
      ...info.aliases,
    ];
    for (const apiVersion of served) {
      const path = collectionOf(info, "other").replace(
        /\/k8s\/apis?\/.*?\/namespaces/,
        apiVersion.includes("/") ? `/k8s/apis/${apiVersion}/namespaces` : `/k8s/api/${apiVersion}/namespaces`,
      );
      const status = async (name: string, method: string, body?: unknown) =>
        (await control.call(method, path, body, { token: tokenOf(name) })).status;
      const body = { ...sampleOf(info, "other", FRESH), apiVersion };
      expect([apiVersion, await status("viewer-of-shop", "GET")]).toEqual([apiVersion, 403]);
      expect([apiVersion, await status("viewer", "GET")]).toEqual([apiVersion, info.kind === "Secret" ? 403 : 200]);
      for (const name of ["viewer", "editor-of-shop", "admin-of-shop"]) {
        expect([apiVersion, name, await status(name, "POST", body)]).toEqual([apiVersion, name, 403]);
        expect([apiVersion, name, await status(name, "DELETE")]).toEqual([apiVersion, name, 403]);
      }
    }
    expect(await control.dump()).toBe(before);
  });

  it("is the Gateway's where somebody says that they listen for it", async () => {
    const body = { addresses: ["10.0.0.1"], boundPorts: {}, failed: [] };
    const before = await control.dump();
    const status = async (name: string, namespace: string) =>
      (await control.call("POST", `/api/v1/gateways/${namespace}/${HELD}/listeners`, body, { token: tokenOf(name) }))
        .status;
    for (const name of ["viewer", "viewer-of-shop"]) expect([name, await status(name, "shop")]).toEqual([name, 403]);
    for (const name of ["editor-of-shop", "admin-of-shop"])
      for (const namespace of ["other", "istio-system", "%6fther", "mesh-root"])
        expect([name, namespace, await status(name, namespace)]).toEqual([name, namespace, 403]);
    expect(await status("editor", "istio-system")).toBe(403);
    expect(await control.dump()).toBe(before);
    expect(await status("editor-of-shop", "shop")).toBe(204);
  });

  it("goes with what a page of a list is continued from, which opens no other", async () => {
    const place = (token: string) => encodeURIComponent(btoa(token));
    const names = async (namespace: string, query: string) => {
      const path = `${collectionOf(rules, namespace)}?${query}`;
      const answer = await control.call("GET", path, undefined, { token: tokenOf("viewer-of-shop") });
      const items = (answer.json["items"] ?? []) as unknown as { metadata: { namespace: string } }[];
      return [answer.status, [...new Set(items.map(({ metadata }) => metadata.namespace))]];
    };
    expect(await names("shop", `continue=${place('["other","",1]')}`)).toEqual([200, ["shop"]]);
    expect(await names("shop", `continue=${place('["a","a",1]')}`)).toEqual([200, ["shop"]]);
    expect(await names("other", `continue=${place('["shop","a",1]')}`)).toEqual([403, []]);
    expect(await names("shop", "fieldSelector=metadata.namespace%3Dother")).toEqual([200, []]);
  });
});

describe("paths beside the Kubernetes API", () => {
  const OF_THE_MESH = [
    { method: "GET", path: "/metrics" },
    { method: "HEAD", path: "/metrics" },
    { method: "GET", path: "/%6detrics" },
    { method: "GET", path: "/api/v1/status" },
    { method: "GET", path: "/api/v1/%73tatus?namespace=shop" },
  ];
  const OF_THE_ADMINISTRATOR = [
    { method: "GET", path: "/api/v1/audit" },
    { method: "HEAD", path: "/api/v1/audit" },
    { method: "GET", path: "/api/v1/audit?after=0&namespace=shop" },
    { method: "GET", path: "/api/v1/tokens" },
    { method: "GET", path: "/api/v1/%74okens" },
    { method: "POST", path: "/api/v1/tokens", body: { name: "x", role: "viewer", namespace: "shop" } },
    { method: "POST", path: "/api/v1/tokens", body: { name: "x", role: "admin" } },
    { method: "DELETE", path: "/api/v1/tokens/x" },
    { method: "GET", path: "/api/v1/revisions" },
    { method: "GET", path: "/api/v1/revisions/1" },
    { method: "POST", path: "/api/v1/rollback", body: { generation: 1 } },
    { method: "POST", path: "/api/v1/rollback?dryRun=All", body: { generation: 1 } },
    { method: "POST", path: "/api/v1/join-tokens", body: { namespace: "shop", serviceAccount: "a" } },
    { method: "POST", path: "/api/v1/join%2Dtokens", body: { namespace: "shop", serviceAccount: "a" } },
  ];

  it("are not for tokens of one namespace, whatever their role, and most for the administrator alone", async () => {
    const before = await control.dump();
    for (const { name, namespace } of ACCOUNTS)
      for (const { method, path, ...more } of [...OF_THE_MESH, ...OF_THE_ADMINISTRATOR]) {
        const isOfTheMesh = OF_THE_MESH.some((each) => each.path === path);
        if (name === "admin" || (namespace === null && isOfTheMesh)) continue;
        const body = "body" in more ? more.body : undefined;
        const answer = await control.call(method, path, body, { token: tokenOf(name) });
        expect([name, method, path, answer.status]).toEqual([name, method, path, 403]);
      }
    expect(await control.dump()).toBe(before);
  });

  it("answer those whom they are for", async () => {
    for (const name of ["viewer", "editor", "admin"])
      for (const { method, path } of OF_THE_MESH)
        expect([name, path, (await control.call(method, path, undefined, { token: tokenOf(name) })).status]).toEqual([
          name,
          path,
          200,
        ]);
    for (const path of ["audit", "tokens", "revisions", "revisions/1"])
      expect((await control.call("GET", `/api/v1/${path}`)).status).toBe(200);
  });

  it("leave nobody a way to change or delete the audit or the history", async () => {
    const before = await control.dump();
    for (const path of ["/audit", "/audit/1", "/revisions", "/revisions/1", "/status", "/tokens"])
      for (const method of ["DELETE", "PUT", "PATCH"])
        expect([method, path, (await control.call(method, `/api/v1${path}`, {})).status]).toEqual([
          method,
          path,
          path === "/audit/1" ? 404 : 405,
        ]);
    for (const path of ["/audit", "/revisions", "/revisions/1", "/status"])
      expect([path, (await control.call("POST", `/api/v1${path}`, {})).status]).toEqual([path, 405]);
    expect(await control.dump()).toBe(before);
  });
});
