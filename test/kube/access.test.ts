import { describe, expect, it } from "vitest";
import {
  type Account,
  forbidden,
  isVerb,
  mayDo,
  mayGetPath,
  mayUse,
  permissionFor,
  permissionsOf,
  review,
  rulesFor,
  type Verb,
} from "../../src/kube/access.ts";
import { KINDS } from "../../src/kinds/registry.ts";
import { ACCOUNTS, type Place, placeOf, PLACES, READS, ROOTS, tableSays, WRITES } from "./access-table.ts";

const VERBS: readonly Verb[] = [...READS, ...WRITES];
const ofTheMesh = ACCOUNTS.filter(({ namespace }) => namespace === null);
const ofOne = ACCOUNTS.filter(({ namespace }) => namespace !== null);
const account = (name: string): Account => {
  const found = ACCOUNTS.find((each) => each.name === name);
  if (!found) throw new Error(`no account ${name}`);
  return found;
};

describe.each(ACCOUNTS.map((each) => ({ each, name: each.name })))("$name", ({ each }) => {
  it.each(KINDS.map((info) => ({ info, kind: info.kind })))("may do with a $kind what the table says", ({ info }) => {
    for (const verb of VERBS)
      for (const at of info.namespaced ? PLACES : (["", "shop", "istio-system"] as const)) {
        const place = placeOf(info.kind, verb, at);
        for (const resource of [info.plural, `${info.plural}/status`]) {
          const wish = { verb, group: info.group, resource, namespace: place };
          expect([verb, at, resource, mayDo(each, wish, ROOTS)]).toEqual([
            verb,
            at,
            resource,
            tableSays(each, verb, place, info.kind),
          ]);
        }
      }
  });

  it.each(KINDS.map((info) => ({ info, kind: info.kind })))("is told the same of a $kind by a review", ({ info }) => {
    for (const verb of VERBS)
      for (const at of PLACES) {
        const place = placeOf(info.kind, verb, at);
        const served = info.readOnly ? READS.some((read) => read === verb) : true;
        const want = served && tableSays(each, verb, place, info.kind);
        const names = info.kind === "Namespace" ? { name: at } : { namespace: at, name: "x" };
        const groups = [info.group, ...info.aliases.map((alias) => alias.split("/", 1)[0] ?? "")];
        for (const group of groups) {
          const said = review(each, { verb, group, resource: info.plural, ...names }, ROOTS);
          expect([verb, at, group, said.allowed]).toEqual([verb, at, group, want]);
          expect(said.reason).not.toBe("");
        }
        const status = review(
          each,
          { verb, group: info.group, resource: info.plural, subresource: "status", ...names },
          ROOTS,
        );
        const inStatus = info.hasStatus && ["get", "update", "patch"].includes(verb);
        expect(["status", verb, at, status.allowed]).toEqual(["status", verb, at, inStatus && want]);
      }
  });

  it("is listed in each namespace exactly what it may do there", () => {
    for (const namespace of PLACES.filter((place) => place !== "")) {
      const rules = rulesFor(each, namespace, ROOTS);
      for (const info of KINDS) {
        const listed = rules.find(
          ({ apiGroups, resources }) => apiGroups.includes(info.group) && resources.includes(info.plural),
        );
        const want = VERBS.filter((verb) => {
          const served = info.readOnly ? READS.some((read) => read === verb) : true;
          return served && tableSays(each, verb, placeOf(info.kind, verb, namespace), info.kind);
        });
        expect([info.kind, namespace, listed?.verbs ?? []]).toEqual([info.kind, namespace, want]);
      }
    }
  });
});

describe("what an account of one namespace may read of Namespaces", () => {
  it.each(ofOne.map((each) => ({ each, name: each.name })))("is its own alone, for $name", ({ each }) => {
    const own = each.namespace ?? "";
    const say = (verb: string, name: string, namespace = "") =>
      review(each, { verb, group: "", resource: "namespaces", name, namespace }, ROOTS).allowed;
    expect(say("get", own)).toBe(true);
    // Neither a list nor a watch is of one name, whatever a client selects.
    expect([say("list", own), say("watch", own)]).toEqual([false, false]);
    expect([say("get", ""), say("get", "other", own), say("get", `${own}x`)]).toEqual([false, false, false]);
    const rule = rulesFor(each, own, ROOTS).find(({ resources }) => resources.includes("namespaces"));
    expect(rule).toMatchObject({ verbs: ["get"], resourceNames: [own] });
  });
});

describe("a review", () => {
  it.each([
    { name: "a kind that is not served", attributes: { verb: "get", group: "", resource: "nodes" } },
    { name: "a kind of another group", attributes: { verb: "get", group: "apps", resource: "pods" } },
    { name: "a Kind for a plural", attributes: { verb: "get", group: "", resource: "Pod" } },
    { name: "a verb that is none", attributes: { verb: "impersonate", group: "", resource: "pods" } },
    { name: "no verb", attributes: { group: "", resource: "pods" } },
    { name: "no resource", attributes: { verb: "get" } },
    { name: "nothing", attributes: {} },
    { name: "a subresource that is not served", attributes: { verb: "get", resource: "pods", subresource: "log" } },
    { name: "every subresource", attributes: { verb: "get", resource: "pods", subresource: "*" } },
    { name: "creating a status", attributes: { verb: "create", resource: "pods", subresource: "status" } },
    { name: "deleting a status", attributes: { verb: "delete", resource: "pods", subresource: "status" } },
    { name: "a name of Object's", attributes: { verb: "constructor", group: "__proto__", resource: "toString" } },
    {
      name: "the status of a kind without one",
      attributes: { verb: "get", group: "discovery.k8s.io", resource: "endpointslices", subresource: "status" },
    },
    { name: "writing an Event", attributes: { verb: "create", resource: "events", namespace: "shop" } },
  ])("refuses even the administrator $name", ({ attributes }) => {
    const said = review(account("admin"), attributes, ROOTS);
    expect(said.allowed).toBe(false);
    expect(said.reason).not.toBe("");
  });

  it.each([
    { verb: "*", group: "", resource: "pods", namespace: "shop" },
    { verb: "get", group: "*", resource: "pods", namespace: "shop" },
    { verb: "get", group: "", resource: "*", namespace: "shop" },
    { verb: "*", group: "*", resource: "*", namespace: "shop" },
  ])("grants all of something to the mesh's administrator alone: %j", (attributes) => {
    const granted = ACCOUNTS.filter((each) => review(each, attributes, ROOTS).allowed);
    expect(granted.map(({ name }) => name)).toEqual(["admin"]);
  });

  it("takes the root namespaces from its caller, and no others", () => {
    const editor = account("editor");
    const say = (roots: readonly string[], namespace: string) =>
      review(editor, { verb: "create", resource: "services", namespace }, new Set(roots)).allowed;
    expect(say(["istio-system"], "mesh-root")).toBe(true);
    expect(say(["istio-system", "mesh-root"], "mesh-root")).toBe(false);
    expect(say([], "istio-system")).toBe(true);
  });
});

describe("what no role has", () => {
  it("is a word that is no verb", () => {
    for (const verb of VERBS) expect(isVerb(verb)).toBe(true);
    for (const word of ["", "GET", "Get", "head", "post", "*", "toString", "__proto__", "get "])
      expect(isVerb(word)).toBe(false);
  });

  it("is a namespace that only looks like its own", () => {
    for (const each of ofOne)
      for (const namespace of ["SHOP", "shop ", "shop/", "sho", "shopp", "shop\0", "*", "default", "__proto__"]) {
        const wish = { verb: "get" as const, group: "", resource: "pods", namespace };
        expect([each.name, namespace, mayDo(each, wish, ROOTS)]).toEqual([each.name, namespace, false]);
      }
  });
});

describe("a refusal", () => {
  it("says who cannot do what, of which group, and where", () => {
    const wish = {
      verb: "patch",
      group: "security.istio.io",
      resource: "authorizationpolicies",
      namespace: "shop",
    } as const;
    const refused = forbidden(account("viewer"), wish);
    expect(refused).toMatchObject({ reason: "Forbidden", code: 403, status: "Failure" });
    expect(refused.details).toEqual({ group: "security.istio.io", kind: "authorizationpolicies" });
    for (const part of ["viewer", "patch", "authorizationpolicies.security.istio.io", '"shop"'])
      expect(refused.message).toContain(part);
  });

  it("says so of what stands in no namespace, and of the core group, which has no name", () => {
    const refused = forbidden(account("editor"), { verb: "create", group: "", resource: "namespaces", namespace: "" });
    expect(refused.details).toEqual({ kind: "namespaces" });
    expect(refused.message).toContain("at the cluster scope");
  });

  it("has words for everything that the table refuses", () => {
    const refusals = ACCOUNTS.flatMap((each) =>
      KINDS.flatMap(({ group, plural, kind }) =>
        VERBS.flatMap((verb) =>
          PLACES.filter((place) => !tableSays(each, verb, place, kind)).map((namespace: Place) =>
            forbidden(each, { verb, group, resource: plural, namespace }),
          ),
        ),
      ),
    );
    expect(refusals.length).toBeGreaterThan(1_000);
    expect(new Set(refusals.map(({ message }) => message)).size).toBe(refusals.length);
  });
});

describe("paths that are no resources", () => {
  const DISCOVERY = [
    "/api",
    "/api/v1",
    "/apis",
    "/apis/networking.istio.io",
    "/apis/networking.istio.io/v1",
    "/openapi/v2",
    "/api/v1/openapi.json",
    "/openapi/v3",
    "/openapi/v3/apis/networking.istio.io/v1",
    "/version",
  ];
  const OF_THE_MESH = ["/metrics", "/api/v1/status"];
  const OF_THE_ADMINISTRATOR = [
    "/api/v1/audit",
    "/api/v1/tokens",
    "/api/v1/tokens/x",
    "/api/v1/revisions",
    "/api/v1/revisions/1",
    "/api/v1/rollback",
    "/api/v1/join-tokens",
    "/anything",
    "/",
    "",
    "/metrics/",
    "/metricsx",
    "/api/v1/status/",
    "/API/v1/status",
    "/versionx",
    "/openapi",
    "/openapix/v2",
    "/api/v2",
    "/apis/a/b/c",
    "//api",
  ];

  it("are everybody's where a client learns what is served", () => {
    for (const each of ACCOUNTS)
      for (const path of DISCOVERY) expect([each.name, path, mayGetPath(each, path)]).toEqual([each.name, path, true]);
  });

  it("are for tokens of all namespaces where they tell of all namespaces", () => {
    for (const path of OF_THE_MESH) {
      for (const each of ofTheMesh) expect([mayUse(each, path), mayGetPath(each, path)]).toEqual([true, true]);
      for (const each of ofOne) expect([mayUse(each, path), mayGetPath(each, path)]).toEqual([false, false]);
    }
  });

  it("are for the mesh's administrator everywhere else", () => {
    for (const each of ACCOUNTS)
      for (const path of OF_THE_ADMINISTRATOR) {
        const want = each.name === "admin";
        expect([each.name, path, mayUse(each, path)]).toEqual([each.name, path, want]);
        expect([each.name, path, mayGetPath(each, path)]).toEqual([each.name, path, want]);
      }
  });

  it("are for whoever has the permission where they tell of requests, and administrators have each", () => {
    expect(["/api/v1/tail", "/api/v1/explain", "/api/v1/records"].map(permissionFor)).toEqual([
      "tail",
      "explain",
      "explain",
    ]);
    expect(["/api/v1/tail/", "/api/v1/status", "/metrics", "constructor"].map(permissionFor)).toEqual(
      Array.from({ length: 4 }, () => null),
    );
    for (const each of ACCOUNTS)
      for (const permissions of [[], ["tail"], ["explain"], ["tail", "explain"]] as const) {
        const who = { ...each, permissions };
        const has = (permission: "tail" | "explain") =>
          each.role === "admin" || permissions.some((one) => one === permission);
        expect([each.name, permissions, mayUse(who, "/api/v1/tail")]).toEqual([each.name, permissions, has("tail")]);
        expect([each.name, mayUse(who, "/api/v1/explain")]).toEqual([each.name, has("explain")]);
        expect([each.name, mayUse(who, "/api/v1/records")]).toEqual([each.name, has("explain")]);
        // It opens nothing else.
        expect(mayUse(who, "/api/v1/tokens")).toBe(mayUse(each, "/api/v1/tokens"));
        expect(mayUse(who, "/metrics")).toBe(mayUse(each, "/metrics"));
      }
    expect(permissionsOf(account("viewer"))).toEqual([]);
    expect(permissionsOf(account("editor-of-shop"))).toEqual([]);
    expect(permissionsOf(account("admin-of-shop"))).toEqual(["tail", "explain"]);
  });

  it("are not discovery beside the Kubernetes API: nobody uses them for having a token", () => {
    for (const each of ofOne) for (const path of DISCOVERY) expect(mayUse(each, path)).toBe(false);
  });
});
