import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { KeyedLists } from "../../src/kinds/list-keys.ts";
import { keyedLists } from "../../src/kinds/registry.ts";
import {
  type ManagedFieldsEntry,
  ownedAfterUpdate,
  readManagedFields,
  serverSideApply,
  type Writer,
} from "../../src/kube/managed-fields.ts";
import type { Status } from "../../src/kube/status.ts";
import type { KubeObject } from "../../src/resources/object.ts";
import { canonicalJson } from "../../src/snapshot/canonical.ts";
import { expectEqual } from "../support/equal.ts";
import { times } from "../support/scale.ts";

const SEED = 20_261_101;
const VERSION = "security.istio.io/v1";
const POLICY = keyedLists({ group: "security.istio.io", kind: "AuthorizationPolicy" });
const SERVICE = keyedLists({ group: "", kind: "Service" });
const SERVERS = { uid: "u", resourceVersion: "7", generation: 1, creationTimestamp: "2026-01-01T00:00:00Z" };

function by(manager: string, minute = 0, subresource: "" | "status" = ""): Writer {
  return { manager, subresource, apiVersion: VERSION, time: `2026-01-01T00:${String(minute).padStart(2, "0")}:00Z` };
}

function policy(spec: unknown, metadata: object = {}): KubeObject {
  return {
    apiVersion: VERSION,
    kind: "AuthorizationPolicy",
    metadata: { name: "p", namespace: "shop", ...metadata },
    spec,
  };
}

function service(ports: unknown, more: object = {}): KubeObject {
  return { apiVersion: "v1", kind: "Service", metadata: { name: "s", namespace: "shop" }, spec: { ports, ...more } };
}

function mustApply(
  live: KubeObject | null,
  applied: KubeObject,
  writer: Writer,
  { force = false, lists = POLICY }: { force?: boolean; lists?: KeyedLists } = {},
): KubeObject {
  const result = serverSideApply(live, applied, writer, force, lists);
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
}

function mustRefuse(
  live: KubeObject | null,
  applied: KubeObject,
  writer: Writer,
  { force = false, lists = POLICY }: { force?: boolean; lists?: KeyedLists } = {},
): Status {
  const result = serverSideApply(live, applied, writer, force, lists);
  if (result.ok) throw new Error("was not refused");
  return result.error;
}

function entriesOf(object: KubeObject): readonly ManagedFieldsEntry[] {
  return (object.metadata.managedFields ?? []) as readonly ManagedFieldsEntry[];
}

/** `{"ci/Apply": {…fieldsV1}}` */
function owners(object: KubeObject): Record<string, unknown> {
  return Object.fromEntries(
    entriesOf(object).map(({ manager, operation, subresource, fieldsV1 }) => [
      [manager, operation, ...(subresource ? [subresource] : [])].join("/"),
      fieldsV1,
    ]),
  );
}

describe("serverSideApply", () => {
  it("creates an object owned by its applier", () => {
    const created = mustApply(null, policy({ action: "DENY", rules: [{}] }, { labels: { app: "x" } }), by("ci"));
    expect(created).toEqual(
      policy(
        { action: "DENY", rules: [{}] },
        {
          labels: { app: "x" },
          managedFields: [
            {
              manager: "ci",
              operation: "Apply",
              apiVersion: VERSION,
              time: "2026-01-01T00:00:00Z",
              fieldsType: "FieldsV1",
              fieldsV1: { "f:metadata": { "f:labels": { "f:app": {} } }, "f:spec": { "f:action": {}, "f:rules": {} } },
            },
          ],
        },
      ),
    );
  });

  it("lets two managers share equal values, and own different fields", () => {
    const live = mustApply(null, policy({ action: "DENY", a: 1 }), by("ci"));
    const shared = mustApply(live, policy({ action: "DENY", b: 2 }), by("dev", 1));
    expect(shared.spec).toEqual({ action: "DENY", a: 1, b: 2 });
    expect(owners(shared)).toEqual({
      "ci/Apply": { "f:spec": { "f:action": {}, "f:a": {} } },
      "dev/Apply": { "f:spec": { "f:action": {}, "f:b": {} } },
    });
  });

  it("keeps the server's metadata, names and status, and takes none of them from the body", () => {
    const live = { ...mustApply(null, policy({ a: 1 }), by("ci")), status: { x: 1 } };
    const stored = { ...live, metadata: { ...live.metadata, ...SERVERS } };
    const sent = { ...policy({ a: 2 }, { uid: "other", resourceVersion: "1", generation: 9 }), status: { x: 2 } };
    const after = mustApply(stored, sent, by("ci", 1));
    expect(after).toEqual({ ...stored, spec: { a: 2 } });
  });

  describe("a conflict", () => {
    const live = mustApply(null, policy({ action: "DENY", a: 1 }), by("ci"));

    it("with an applier names it and the field", () => {
      expect(mustRefuse(live, policy({ action: "ALLOW" }), by("dev"))).toEqual({
        kind: "Status",
        apiVersion: "v1",
        metadata: {},
        status: "Failure",
        message: 'Apply failed with 1 conflict: conflict with "ci": .spec.action',
        reason: "Conflict",
        details: {
          name: "p",
          group: "security.istio.io",
          kind: "authorizationpolicies",
          causes: [{ reason: "FieldManagerConflict", message: 'conflict with "ci"', field: ".spec.action" }],
        },
        code: 409,
      });
    });

    it("with others is told by manager", () => {
      const more = ownedAfterUpdate(live, { ...live, spec: { action: "DENY", a: 1, b: 1 } }, by("edit", 1), POLICY);
      const { message, details } = mustRefuse(more, policy({ action: "ALLOW", a: 2, b: 2 }), by("dev"));
      expect(message).toBe(
        [
          'Apply failed with 3 conflicts: conflicts with "ci":',
          "- .spec.a",
          "- .spec.action",
          'conflicts with "edit" using security.istio.io/v1:',
          "- .spec.b",
        ].join("\n"),
      );
      expect(details?.causes?.map(({ field, message }) => [field, message])).toEqual([
        [".spec.a", 'conflict with "ci"'],
        [".spec.action", 'conflict with "ci"'],
        [".spec.b", 'conflict with "edit" using security.istio.io/v1'],
      ]);
    });

    it("with one's own Update entry is one, as in Kubernetes", () => {
      const put = ownedAfterUpdate(null, policy({ a: 1 }), by("ci"), POLICY);
      expect(mustRefuse(put, policy({ a: 2 }), by("ci")).details?.causes).toMatchObject([{ field: ".spec.a" }]);
      expect(owners(mustApply(put, policy({ a: 2 }), by("ci"), { force: true }))).toEqual({
        "ci/Apply": { "f:spec": { "f:a": {} } },
      });
    });

    it("is over when it is forced: the others lose the field", () => {
      const forced = mustApply(live, policy({ action: "ALLOW" }), by("dev", 1), { force: true });
      expect(forced.spec).toEqual({ action: "ALLOW", a: 1 });
      expect(owners(forced)).toEqual({
        "ci/Apply": { "f:spec": { "f:a": {} } },
        "dev/Apply": { "f:spec": { "f:action": {} } },
      });
      // Losing a field is no deed of the loser's.
      expect(entriesOf(forced).map(({ time }) => time)).toEqual(["2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z"]);
    });

    it("is none on an object that nobody owns", () => {
      expect(mustApply(policy({ a: 1, b: 1 }), policy({ a: 2 }), by("ci")).spec).toEqual({ a: 2, b: 1 });
    });

    it.each([
      {
        name: "a scalar over a map",
        has: { a: { x: 1, y: 1 } },
        applies: { a: 5 },
        fields: [".spec.a.x", ".spec.a.y"],
      },
      { name: "a map over a scalar", has: { a: 5 }, applies: { a: { x: 1 } }, fields: [".spec.a"] },
      { name: "an empty map over a scalar", has: { a: 5 }, applies: { a: {} }, fields: [".spec.a"] },
      { name: "a scalar over an empty map", has: { a: {} }, applies: { a: 5 }, fields: [".spec.a"] },
      { name: "a list over a map", has: { a: { x: 1 } }, applies: { a: [1] }, fields: [".spec.a.x"] },
      { name: "a list over another list", has: { a: [1] }, applies: { a: [1, 2] }, fields: [".spec.a"] },
    ])("arises from $name", ({ has, applies, fields }) => {
      const live = mustApply(null, policy(has), by("ci"));
      const { details } = mustRefuse(live, policy(applies), by("dev"));
      expect(details?.causes?.map(({ field }) => field)).toEqual(fields);
      const forced = mustApply(live, policy(applies), by("dev"), { force: true });
      expect(forced.spec).toEqual(applies);
      expect(Object.keys(owners(forced))).toEqual(["dev/Apply"]);
    });

    it.each([
      { name: "an empty map over a map", has: { a: { x: 1 } }, applies: { a: {} }, after: { a: { x: 1 } } },
      { name: "a field in an empty map", has: { a: {} }, applies: { a: { x: 1 } }, after: { a: { x: 1 } } },
    ])("does not arise from $name", ({ has, applies, after }) => {
      expect(mustApply(mustApply(null, policy(has), by("ci")), policy(applies), by("dev")).spec).toEqual(after);
    });
  });

  describe("removes what its applier applies no more", () => {
    it("unless somebody else owns it", () => {
      const first = mustApply(null, policy({ a: 1, b: 1, c: 1 }), by("ci"));
      const shared = mustApply(first, policy({ b: 1 }), by("dev", 1));
      const after = mustApply(shared, policy({ c: 1 }), by("ci", 2));
      expect(after.spec).toEqual({ b: 1, c: 1 });
      expect(owners(after)).toEqual({
        "dev/Apply": { "f:spec": { "f:b": {} } },
        "ci/Apply": { "f:spec": { "f:c": {} } },
      });
    });

    it("with the maps that become empty by it", () => {
      const live = mustApply(null, policy({ a: { b: { c: 1 } }, d: 1 }, { labels: { x: "1" } }), by("ci"));
      const after = mustApply(live, policy({ d: 1 }), by("ci", 1));
      expect(after.spec).toEqual({ d: 1 });
      expect(after.metadata).not.toHaveProperty("labels");
    });

    it("but not an empty map that somebody else owns, or what nobody owns", () => {
      const live = mustApply(null, policy({ a: { b: 1 }, c: { d: 1 } }), by("ci"));
      const shared = mustApply(live, policy({ a: {} }), by("dev"));
      const put = ownedAfterUpdate(shared, { ...shared, spec: { a: { b: 1 }, c: { d: 1, e: 1 } } }, by("edit"), POLICY);
      const unowned = mustApply(put, policy({}), by("edit"));
      expect(mustApply(unowned, policy({ x: 1 }), by("ci")).spec).toEqual({ a: {}, c: { e: 1 }, x: 1 });
    });

    it("an empty map that it applied as such", () => {
      const live = mustApply(null, policy({ a: {}, b: 1 }), by("ci"));
      expect(mustApply(live, policy({ b: 1 }), by("ci")).spec).toEqual({ b: 1 });
    });

    it("all of it, when nothing is applied, and its entry too", () => {
      const live = mustApply(null, policy({ a: 1 }), by("ci"));
      const { spec: _, ...nothing } = policy({});
      const after = mustApply(live, nothing, by("ci"));
      expect(after).toEqual(nothing);
    });

    it("not what was taken from it since", () => {
      const live = mustApply(null, policy({ a: 1, b: 1 }), by("ci"));
      const put = ownedAfterUpdate(live, { ...live, spec: { a: 2, b: 1 } }, by("edit", 1), POLICY);
      expect(mustApply(put, policy({ b: 1 }), by("ci")).spec).toEqual({ a: 2, b: 1 });
    });
  });

  describe("an apply that changes nothing", () => {
    const live = mustApply(null, policy({ a: 1, m: {}, l: [{ x: 1 }] }, { labels: { app: "x" } }), by("ci"));
    const stored = { ...live, metadata: { ...live.metadata, ...SERVERS }, status: { ok: true } };

    it("gives what is there, whatever the time and version", () => {
      const again = { ...by("ci", 9), apiVersion: "security.istio.io/v1beta1" };
      expect(mustApply(stored, policy({ l: [{ x: 1 }], m: {}, a: 1 }, { labels: { app: "x" } }), again)).toEqual(
        stored,
      );
    });

    it("takes a new time when it owns one field more", () => {
      const more = ownedAfterUpdate(
        stored,
        { ...stored, spec: { ...(stored.spec as object), b: 1 } },
        by("e", 1),
        POLICY,
      );
      const after = mustApply(
        more,
        policy({ a: 1, b: 1, m: {}, l: [{ x: 1 }] }, { labels: { app: "x" } }),
        by("ci", 2),
      );
      expect({ ...after, metadata: {} }).toEqual({ ...more, metadata: {} });
      expect(entriesOf(after).map(({ manager, time }) => [manager, time?.slice(14, 16)])).toEqual([
        ["ci", "02"],
        ["e", "01"],
      ]);
    });
  });

  describe("a keyed list", () => {
    const http = { port: 80, targetPort: 8080 };
    const dns = { port: 53, protocol: "UDP", targetPort: 5353 };
    const live = mustApply(null, service([http, dns]), by("ci"), { lists: SERVICE });

    it("is owned member by member, with the key's defaults", () => {
      expect(owners(live)).toEqual({
        "ci/Apply": {
          "f:spec": {
            "f:ports": {
              'k:{"port":80,"protocol":"TCP"}': { ".": {}, "f:port": {}, "f:targetPort": {} },
              'k:{"port":53,"protocol":"UDP"}': { ".": {}, "f:port": {}, "f:protocol": {}, "f:targetPort": {} },
            },
          },
        },
      });
    });

    it("is merged by key: members there stay in place, new ones follow", () => {
      const https = { port: 443, targetPort: 8443 };
      const named = { port: 53, protocol: "UDP", name: "dns" };
      const after = mustApply(live, service([https, named]), by("dev"), { lists: SERVICE });
      expect(after.spec).toEqual({ ports: [http, { ...dns, name: "dns" }, https] });
    });

    it("stands in the applier's order where all members are its", () => {
      const after = mustApply(live, service([dns, http]), by("ci"), { lists: SERVICE });
      expect(after.spec).toEqual({ ports: [dns, http] });
      const fewer = mustApply(
        mustApply(null, service([http, dns, { port: 1 }]), by("ci"), { lists: SERVICE }),
        service([{ port: 1 }, http]),
        by("ci"),
        { lists: SERVICE },
      );
      expect(fewer.spec).toEqual({ ports: [{ port: 1 }, http] });
      expect(mustApply(fewer, service([{ port: 1 }, http]), by("ci", 5), { lists: SERVICE })).toEqual(fewer);
    });

    it("has conflicts in its members", () => {
      const { details } = mustRefuse(live, service([{ port: 80, protocol: "TCP", targetPort: 1 }]), by("dev"), {
        lists: SERVICE,
      });
      expect(details).toMatchObject({
        kind: "services",
        causes: [{ field: '.spec.ports[port=80,protocol="TCP"].targetPort' }],
      });
    });

    it("loses a member that its applier gives no more, with all that nobody owns in it", () => {
      const more = { ...live, spec: { ports: [{ ...http, nodePort: 1 }, dns] } };
      expect(mustApply(more, service([dns]), by("ci"), { lists: SERVICE }).spec).toEqual({ ports: [dns] });
    });

    it("keeps a member, with its key, in which somebody else owns something", () => {
      const put = ownedAfterUpdate(live, service([http, { ...dns, name: "dns" }], {}), by("edit"), SERVICE);
      const after = mustApply(put, service([http]), by("ci"), { lists: SERVICE });
      expect(after.spec).toEqual({ ports: [http, { port: 53, protocol: "UDP", name: "dns" }] });
      expect(owners(after)).toMatchObject({
        "edit/Update": { "f:spec": { "f:ports": { 'k:{"port":53,"protocol":"UDP"}': { "f:name": {} } } } },
      });
    });

    it("goes when it becomes empty, unless it was applied as empty", () => {
      expect(mustApply(live, service([], { x: 1 }), by("ci"), { lists: SERVICE }).spec).toEqual({ ports: [], x: 1 });
      const { spec: _, ...rest } = service([]);
      const none = { ...rest, spec: { x: 1 } };
      expect(mustApply(live, none, by("ci"), { lists: SERVICE }).spec).toEqual({ x: 1 });
    });

    it.each([
      {
        name: "the same key twice",
        ports: [{ port: 80 }, { port: 80, protocol: "TCP" }],
        cause: { reason: "FieldValueDuplicate", field: "spec.ports[1]" },
      },
      {
        name: "no key",
        ports: [{ port: 80 }, { protocol: "TCP" }],
        cause: { reason: "FieldValueRequired", field: "spec.ports[1].port" },
      },
      {
        name: "a null key",
        ports: [{ port: null, name: "x" }],
        cause: { reason: "FieldValueRequired", field: "spec.ports[0].port" },
      },
      { name: "no object", ports: [80], cause: { reason: "FieldValueInvalid", field: "spec.ports[0]" } },
    ])("with $name is refused", ({ ports, cause }) => {
      expect(mustRefuse(live, service(ports), by("ci"), { lists: SERVICE })).toMatchObject({
        code: 422,
        reason: "Invalid",
        details: { kind: "Service", name: "s", causes: [cause] },
      });
    });

    it("is refused in members of members with its path", () => {
      const pod = {
        ...service([]),
        kind: "Pod",
        spec: { containers: [{ name: "a", env: [{ name: "x" }, { value: "y" }] }] },
      };
      const lists = keyedLists({ group: "", kind: "Pod" });
      expect(mustRefuse(null, pod, by("ci"), { lists }).details?.causes).toMatchObject([
        { field: "spec.containers[0].env[1].name" },
      ]);
    });

    it("whose stored members cannot be told apart is one value", () => {
      const odd = ownedAfterUpdate(null, service([{ port: 80 }, { port: 80 }]), by("edit"), SERVICE);
      expect(owners(odd)).toEqual({ "edit/Update": { "f:spec": { "f:ports": {} } } });
      expect(mustRefuse(odd, service([{ port: 80 }]), by("ci"), { lists: SERVICE }).details?.causes).toMatchObject([
        { field: ".spec.ports" },
      ]);
    });
  });

  describe("the status subresource", () => {
    const live = { ...mustApply(null, policy({ a: 1 }), by("ci")), status: { x: 1 } };

    it("owns and changes status alone", () => {
      const sent = {
        ...policy({ a: 2 }, { labels: { no: "no" } }),
        status: { conditions: [{ type: "Ready", status: "True" }] },
      };
      const after = mustApply(live, sent, by("controller", 1, "status"));
      expect({ ...after, metadata: {} }).toEqual({ ...live, metadata: {}, status: { x: 1, ...sent.status } });
      expect(owners(after)).toEqual({
        "ci/Apply": { "f:spec": { "f:a": {} } },
        "controller/Apply/status": {
          "f:status": { "f:conditions": { 'k:{"type":"Ready"}': { ".": {}, "f:status": {}, "f:type": {} } } },
        },
      });
    });

    it("is told in conflicts", () => {
      const after = mustApply(live, { ...policy({}), status: { y: 1 } }, by("controller", 1, "status"));
      const { message } = mustRefuse(after, { ...policy({}), status: { y: 2 } }, by("other", 1, "status"));
      expect(message).toBe(
        'Apply failed with 1 conflict: conflict with "controller" with subresource "status": .status.y',
      );
    });

    it("prunes its own entry only", () => {
      const owned = mustApply(live, { ...policy({}), status: { y: 1 } }, by("ci", 1, "status"));
      const after = mustApply(owned, policy({ b: 1 }), by("ci", 2));
      expect(after).toMatchObject({ spec: { b: 1 }, status: { x: 1, y: 1 } });
      const { status: _, ...none } = policy({});
      expect(mustApply(after, none as KubeObject, by("ci", 3, "status"))).toMatchObject({
        spec: { b: 1 },
        status: { x: 1 },
      });
    });

    it("of no object is not found", () => {
      expect(mustRefuse(null, { ...policy({}), status: {} }, by("ci", 0, "status"))).toMatchObject({ code: 404 });
    });
  });

  describe("after kubectl's client-side apply", () => {
    const LAST = "kubectl.kubernetes.io/last-applied-configuration";
    const last = policy({ action: "DENY", rules: [] });
    const client = by("kubectl-client-side-apply");
    const recorded = (text: string) => policy(last.spec, { annotations: { [LAST]: text } });
    const made = ownedAfterUpdate(null, recorded(JSON.stringify(last)), client, POLICY);
    const wanted = policy({ action: "ALLOW", rules: [] });

    it("is kubectl without conflict, and keeps the record of what was applied", () => {
      const after = mustApply(made, wanted, by("kubectl", 1));
      expect(after.spec).toEqual(wanted.spec);
      expect(JSON.parse(after.metadata.annotations?.[LAST] ?? "")).toMatchObject({ spec: wanted.spec });
      expect(mustApply(after, wanted, by("kubectl", 2))).toEqual(after);
    });

    it("has others in conflict, and leaves them the record", () => {
      expect(mustRefuse(made, wanted, by("ci", 1)).code).toBe(409);
      const forced = mustApply(made, wanted, by("ci", 1), { force: true });
      expect(forced.metadata.annotations).toEqual(made.metadata.annotations);
    });

    it("does not take over what was changed since", () => {
      const changed = ownedAfterUpdate(made, { ...made, spec: { action: "CUSTOM", rules: [] } }, by("ci", 1), POLICY);
      const { details } = mustRefuse(changed, wanted, by("kubectl", 2));
      expect(details?.causes?.map(({ field }) => field)).toEqual([".spec.action"]);
    });

    it.each([
      { name: "a brace", text: "{" },
      { name: "a number", text: "7" },
      { name: "null", text: "null" },
      { name: "an object without metadata", text: "{}" },
      { name: "metadata that are none", text: '{"metadata":7}' },
      { name: "a deep list", text: "[".repeat(100_000) + "]".repeat(100_000) },
    ])("goes by no record that is $name", ({ text }) => {
      const odd = ownedAfterUpdate(null, recorded(text), client, POLICY);
      expect(mustRefuse(odd, wanted, by("kubectl", 1)).code).toBe(409);
    });

    it("makes no record that was not there, and none that is too long", () => {
      const plain = mustApply(null, wanted, by("kubectl"));
      expect(plain.metadata.annotations).toBe(undefined);
      const long = policy({ action: "ALLOW", rules: ["x".repeat(262_144)] });
      expect(mustApply(made, long, by("kubectl", 1)).metadata.annotations).toEqual({ [LAST]: "" });
    });
  });

  it("refuses a body with managedFields, unless they are null", () => {
    expect(mustRefuse(null, policy({}, { managedFields: [] }), by("ci"))).toMatchObject({
      code: 400,
      reason: "BadRequest",
    });
    expect(mustApply(null, policy({ a: 1 }, { managedFields: null }), by("ci")).spec).toEqual({ a: 1 });
  });

  it("leaves out nulls", () => {
    const live = mustApply(
      null,
      policy({ a: 1, b: null, l: [{ c: null }, null] }, { creationTimestamp: null }),
      by("ci"),
    );
    expect(live).toMatchObject({ spec: { a: 1, l: [{}, null] } });
    expect(live.metadata).not.toHaveProperty("creationTimestamp");
    expect(owners(live)).toEqual({ "ci/Apply": { "f:spec": { "f:a": {}, "f:l": {} } } });
    expect(mustApply(live, policy({ a: null, l: [{}, null] }), by("ci")).spec).toEqual({ l: [{}, null] });
  });

  it("takes `__proto__` and its like for names", () => {
    const spec: unknown = JSON.parse('{"__proto__":{"polluted":1},"constructor":{"x":1},"toString":1}');
    const live = mustApply(null, policy(spec), by("ci"));
    expect(JSON.stringify(live.spec)).toBe(JSON.stringify(spec));
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
    expect(
      mustRefuse(live, policy(JSON.parse('{"__proto__":{"polluted":2}}')), by("dev")).details?.causes,
    ).toMatchObject([{ field: ".spec.__proto__.polluted" }]);
    expect(mustApply(live, policy({ a: 1 }), by("ci")).spec).toEqual({ a: 1 });
  });
});

describe("ownedAfterUpdate", () => {
  const created = ownedAfterUpdate(null, policy({ a: 1, m: { x: 1 }, e: {} }), by("edit"), POLICY);

  it("gives the writer all of what it creates", () => {
    expect(entriesOf(created)).toEqual([
      {
        manager: "edit",
        operation: "Update",
        apiVersion: VERSION,
        time: "2026-01-01T00:00:00Z",
        fieldsType: "FieldsV1",
        fieldsV1: { "f:spec": { "f:a": {}, "f:m": { "f:x": {} }, "f:e": {} } },
      },
    ]);
  });

  it("gives it what it adds or changes, and takes from all what is changed or gone", () => {
    const live = mustApply(created, policy({ a: 1, m: { x: 1 }, k: 1 }), by("ci", 1));
    const after = ownedAfterUpdate(live, { ...live, spec: { a: 2, m: {}, e: {}, k: 1, n: 1 } }, by("put", 2), POLICY);
    expect(owners(after)).toEqual({
      "ci/Apply": { "f:spec": { "f:k": {} } },
      "edit/Update": { "f:spec": { "f:e": {} } },
      "put/Update": { "f:spec": { "f:a": {}, "f:n": {} } },
    });
  });

  it("takes a changed field from the writer's own Apply entry too", () => {
    const live = mustApply(null, policy({ a: 1, b: 1 }), by("ci"));
    expect(owners(ownedAfterUpdate(live, { ...live, spec: { a: 2, b: 1 } }, by("ci", 1), POLICY))).toEqual({
      "ci/Apply": { "f:spec": { "f:b": {} } },
      "ci/Update": { "f:spec": { "f:a": {} } },
    });
  });

  it.each([
    { name: "a scalar over a map", spec: { a: 1, m: 5, e: {} }, edit: { "f:a": {}, "f:e": {} }, put: { "f:m": {} } },
    {
      name: "a map over a scalar",
      spec: { a: { y: 1 }, m: { x: 1 }, e: {} },
      edit: { "f:e": {}, "f:m": { "f:x": {} } },
      put: { "f:a": { "f:y": {} } },
    },
    {
      name: "a field into an empty map",
      spec: { a: 1, m: { x: 1 }, e: { z: 1 } },
      edit: { "f:a": {}, "f:m": { "f:x": {} }, "f:e": {} },
      put: { "f:e": { "f:z": {} } },
    },
  ])("follows $name", ({ spec, edit, put }) => {
    expect(owners(ownedAfterUpdate(created, { ...created, spec }, by("put", 1), POLICY))).toEqual({
      "edit/Update": { "f:spec": edit },
      "put/Update": { "f:spec": put },
    });
  });

  it("changes no entry when no field changes, whether the client sends managedFields back or not", () => {
    const live = mustApply(created, policy({ a: 1 }), by("ci", 1));
    const { managedFields: _, ...metadata } = live.metadata;
    expect(ownedAfterUpdate(live, live, by("put", 2), POLICY)).toEqual(live);
    expect(ownedAfterUpdate(live, { ...live, metadata }, by("edit", 2), POLICY)).toEqual(live);
    const touched = { ...live, metadata: { ...metadata, resourceVersion: "8", generation: 3, uid: "x" } };
    expect(ownedAfterUpdate(live, touched, by("edit", 2), POLICY).metadata.managedFields).toEqual(
      live.metadata.managedFields,
    );
  });

  it("does not see the order of a keyed list's members", () => {
    const live = ownedAfterUpdate(null, service([{ port: 80 }, { port: 81 }]), by("edit"), SERVICE);
    const turned = { ...live, spec: { ports: [{ port: 81 }, { port: 80 }] } };
    expect(ownedAfterUpdate(live, turned, by("put", 1), SERVICE)).toEqual(turned);
  });

  it("counts status on the subresource alone", () => {
    const live = { ...created, status: { x: 1 } };
    expect(owners(ownedAfterUpdate(created, live, by("put", 1), POLICY))).toEqual(owners(created));
    const after = ownedAfterUpdate(created, live, by("controller", 1, "status"), POLICY);
    expect(owners(after)).toEqual({ ...owners(created), "controller/Update/status": { "f:status": { "f:x": {} } } });
    expect(owners(ownedAfterUpdate(after, { ...after, spec: {} }, by("controller", 2, "status"), POLICY))).toEqual(
      owners(after),
    );
  });

  describe("managedFields of the client", () => {
    const live = mustApply(created, policy({ a: 1 }), by("ci", 1));
    const sent = (managedFields: unknown, spec: unknown = live.spec) =>
      ownedAfterUpdate(live, { ...live, metadata: { ...live.metadata, managedFields }, spec }, by("put", 2), POLICY);

    it.each([[[]], [[{}]]])("%j forget all ownership", (managedFields) => {
      expect(sent(managedFields).metadata).not.toHaveProperty("managedFields");
      expect(owners(sent(managedFields, { ...(live.spec as object), a: 2 }))).toEqual({
        "put/Update": { "f:spec": { "f:a": {} } },
      });
    });

    it("replace what was recorded, as kubectl does on its way from client-side apply", () => {
      const migrated = entriesOf(live)
        .filter(({ operation }) => operation === "Update")
        .map((entry) => ({ ...entry, manager: "kubectl", operation: "Apply" as const }));
      expect(sent(migrated).metadata.managedFields).toEqual(migrated);
      expect(owners(sent(migrated, { ...(live.spec as object), a: 2 }))).toEqual({
        "kubectl/Apply": { "f:spec": { "f:m": { "f:x": {} }, "f:e": {} } },
        "put/Update": { "f:spec": { "f:a": {} } },
      });
    });

    it("are put in order, twins as one and without those that own nothing", () => {
      const [apply, update] = entriesOf(live);
      const managedFields = [
        { ...update, fieldsV1: { "f:spec": { "f:a": {} } } },
        { ...apply, fieldsV1: {} },
        { ...update, fieldsV1: { "f:spec": { "f:e": {} } } },
        { ...apply, manager: "z" },
      ];
      expect(sent(managedFields).metadata.managedFields).toEqual([
        { ...apply, manager: "z" },
        { ...update, fieldsV1: { "f:spec": { "f:a": {}, "f:e": {} } } },
      ]);
    });

    it("are left aside when malformed, and on a subresource", () => {
      expect(sent([{ manager: "x" }])).toEqual(live);
      const after = { ...live, metadata: { ...live.metadata, managedFields: [] } };
      expect(ownedAfterUpdate(live, after, by("put", 2, "status"), POLICY)).toEqual(live);
    });

    it("may own what does not exist, and a map as such", () => {
      const [entry] = entriesOf(created);
      const claimed = sent([{ ...entry, fieldsV1: { "f:spec": { "f:ghost": {}, "f:m": { ".": {}, "f:x": {} } } } }]);
      expect(mustRefuse(claimed, policy({ ghost: 1 }), by("ci")).details?.causes).toMatchObject([
        { field: ".spec.ghost" },
      ]);
      const emptied = ownedAfterUpdate(claimed, { ...claimed, spec: { a: 1, m: {}, e: {} } }, by("put"), POLICY);
      expect(owners(emptied)).toEqual({ "edit/Update": { "f:spec": { "f:ghost": {}, "f:m": {} } } });
    });
  });
});

describe("readManagedFields", () => {
  const entry = {
    manager: "ci",
    operation: "Apply",
    apiVersion: "v1",
    time: "2026-01-01T00:00:00Z",
    fieldsType: "FieldsV1",
    fieldsV1: { "f:spec": { "f:a": {} } },
  };
  const { time: _, ...timeless } = entry;

  it.each([
    { name: "nothing", value: undefined, want: [] },
    { name: "null", value: null, want: [] },
    { name: "no entries", value: [], want: [] },
    { name: "an empty entry", value: [{}], want: [] },
    {
      name: "entries",
      value: [entry, { ...entry, subresource: "status" }],
      want: [entry, { ...entry, subresource: "status" }],
    },
    { name: "one without time", value: [timeless], want: [timeless] },
  ])("takes $name", ({ value, want }) => {
    expect(readManagedFields(value)).toEqual({ ok: true, value: want });
  });

  it("takes entries of one manager as one, and any number of them in time that grows with what they hold", () => {
    const owning = (manager: string, first: number, count: number) => {
      const names = Array.from({ length: count }, (_, at) => [`f:k${first + at}`, {}]);
      return {
        ...entry,
        manager,
        fieldsV1: { "f:metadata": { "f:annotations": Object.fromEntries(names) as object } },
      };
    };
    const single = (of: (at: number) => string) =>
      Array.from({ length: 300 }, (_, at) => owning(of(at), 10_000 + at, 1));
    // Each put to what was there before would take minutes, and run into the timeout.
    const twins = readManagedFields([owning("ci", 0, 10_000), ...single(() => "ci")]);
    expect(twins).toEqual(readManagedFields([owning("ci", 0, 10_300)]));
    const annotations = Object.fromEntries(Array.from({ length: 10_300 }, (_, at) => [`k${at}`, "v"]));
    const managedFields = [owning("ci", 0, 10_000), ...single((at) => `m${at}`)] as ManagedFieldsEntry[];
    const object: KubeObject = { apiVersion: "v1", kind: "Service", metadata: { name: "a", annotations } };
    const live = { ...object, metadata: { ...object.metadata, managedFields } };
    const writer = { manager: "new", subresource: "", apiVersion: "v1", time: entry.time } as const;
    expect(serverSideApply(live, object, writer, false, SERVICE).ok).toBe(true);
  });

  it.each([
    { name: "no list", value: {} },
    { name: "an empty entry beside others", value: [entry, {}] },
    { name: "no object", value: ["x"] },
    { name: "null as an entry", value: [null] },
    { name: "an unknown operation", value: [{ ...entry, operation: "Patch" }] },
    { name: "an unknown type of fields", value: [{ ...entry, fieldsType: "FieldsV2" }] },
    { name: "no version", value: [{ ...entry, apiVersion: "" }] },
    { name: "no time of day", value: [{ ...entry, time: "yesterday" }] },
    { name: "a long name", value: [{ ...entry, manager: "x".repeat(129) }] },
    { name: "an unknown field", value: [{ ...entry, owner: "x" }] },
    { name: "no fields", value: [{ ...entry, fieldsV1: undefined }] },
    { name: "malformed fields", value: [entry, { ...entry, manager: "b", fieldsV1: { spec: {} } }] },
  ])("refuses $name", ({ value }) => {
    expect(readManagedFields(value)).toMatchObject({ ok: false, error: { code: 400, reason: "BadRequest" } });
  });
});

/**
 * A naive model: every path of an object with its value and its owners, path by path. Paths are `/spec/ports/80-TCP/name`;
 * maps, keyed lists and their members stand in it with a mark for a value.
 */
interface Cell {
  value: string;
  owners: Set<string>;
}
type Model = Map<string, Cell>;
type Flat = Map<string, string>;

const [MAP, LIST, MEMBER] = ["<map>", "<list>", "<member>"];
const MARKS = new Set([MAP, LIST, MEMBER]);

function portKey({ port, protocol = "TCP" }: Record<string, unknown>): string {
  return `${String(port)}-${String(protocol)}`;
}

function flatten({ metadata: { labels }, spec }: KubeObject): Flat {
  const flat: Flat = new Map();
  const walk = (path: string, value: unknown, mark = MAP): void => {
    if (path === "/spec/ports" && Array.isArray(value)) {
      flat.set(path, LIST);
      for (const member of value as Record<string, unknown>[]) walk(`${path}/${portKey(member)}`, member, MEMBER);
    } else if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      flat.set(path, mark);
      for (const [name, below] of Object.entries(value)) walk(`${path}/${name}`, below);
    } else flat.set(path, JSON.stringify(value));
  };
  if (labels !== undefined) walk("/metadata/labels", labels);
  if (spec !== undefined) walk("/spec", spec);
  return flat;
}

function hasBelow(flat: ReadonlyMap<string, unknown>, path: string): boolean {
  return [...flat.keys()].some((other) => other.startsWith(`${path}/`));
}

function isLeaf(flat: Flat, path: string): boolean {
  const value = flat.get(path) ?? "";
  return !MARKS.has(value) || value === MEMBER || !hasBelow(flat, path);
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}

function valuesOf(model: Model): Flat {
  return new Map([...model].map(([path, { value }]) => [path, value]));
}

/** Brings the model to other values; whoever owned a path with another value owns it no more. */
function moveTo(model: Model, next: Flat): Model {
  return new Map(
    [...next].map(([path, value]) => {
      const cell = model.get(path);
      return [path, { value, owners: cell?.value === value ? new Set(cell.owners) : new Set<string>() }];
    }),
  );
}

function modelUpdate(model: Model, next: Flat, me: string): Model {
  const after = moveTo(model, next);
  for (const [path, { value, owners }] of after)
    if (model.get(path)?.value !== value && isLeaf(next, path)) owners.add(me);
  return after;
}

function modelApply(
  model: Model,
  applied: Flat,
  me: string,
  force: boolean,
): { conflicts: string[] } | { after: Model } {
  const leaves = [...applied.keys()].filter((path) => isLeaf(applied, path));
  const next = valuesOf(model);
  const isWanted = (path: string) => {
    const reaches = (other: string) => other === path || other.startsWith(`${path}/`);
    return (
      leaves.some(reaches) ||
      [...model].some(([other, { owners }]) => reaches(other) && [...owners].some((owner) => owner !== me))
    );
  };
  const isBare = (path: string) => [MAP, LIST].includes(next.get(path) ?? "") && !hasBelow(next, path);

  const mine = [...model].filter(([path, { owners }]) => owners.has(me) && !leaves.includes(path));
  const deepestFirst = mine.map(([path]) => path).sort((a, b) => b.split("/").length - a.split("/").length);
  for (const path of deepestFirst) {
    const value = next.get(path) ?? "";
    if (!next.has(path) || isWanted(path) || /^\/spec\/ports\/[^/]+\/(port|protocol)$/.test(path)) continue;
    if ([MAP, LIST].includes(value) && !isBare(path)) continue;
    for (const other of next.keys()) if (other === path || other.startsWith(`${path}/`)) next.delete(other);
    for (let above = parentOf(path); isBare(above) && !isWanted(above); above = parentOf(above)) next.delete(above);
  }

  for (const [path, value] of applied) {
    if (next.get(path) !== value) for (const other of next.keys()) if (other.startsWith(`${path}/`)) next.delete(other);
    next.set(path, value);
  }

  const conflicts = [...model].flatMap(([path, { value, owners }]) =>
    next.get(path) === value ? [] : [...owners].filter((owner) => owner !== me).map((owner) => `${owner} ${path}`),
  );
  if (conflicts.length > 0 && !force) return { conflicts: conflicts.sort() };
  const after = moveTo(model, next);
  for (const [path, { owners }] of after) {
    owners.delete(me);
    if (leaves.includes(path)) owners.add(me);
  }
  return { after };
}

function ownersInModel(model: Model): Record<string, string[]> {
  const owned = [...model].filter(([, { owners }]) => owners.size > 0);
  return Object.fromEntries(owned.map(([path, { owners }]) => [path, [...owners].sort()]));
}

/** Owners by path, as managedFields say it: read here by hand. */
function ownersByPath(object: KubeObject): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  const walk = (owner: string, path: string, fields: object): void => {
    const below = Object.entries(fields) as [string, object][];
    if (path !== "" && (below.length === 0 || "." in fields)) (found[path] ??= []).push(owner);
    for (const [element, fields] of below) {
      if (element === ".") continue;
      const name = element.slice(2);
      walk(owner, `${path}/${element.startsWith("k:") ? portKey(JSON.parse(name)) : name}`, fields);
    }
  };
  for (const { manager, operation, fieldsV1 } of entriesOf(object)) walk(`${manager} ${operation}`, "", fieldsV1);
  for (const owners of Object.values(found)) owners.sort();
  return found;
}

/** `.spec.ports[port=80,protocol="TCP"].name` as a path of the model. */
function modelPath(field: string): string {
  return field.replace(/\[port=(\d+),protocol="(\w+)"\]/g, ".$1-$2").replaceAll(".", "/");
}

function conflictsIn({ details }: Status): string[] {
  const told = details?.causes?.map(({ field, message }) => {
    const [, manager = "", using] = /^conflict with "(\w+)"( using v1)?$/.exec(message) ?? [];
    return `${manager} ${using ? "Update" : "Apply"} ${modelPath(field)}`;
  });
  return (told ?? []).sort();
}

// Mostly the same, so that managers often agree.
const small = fc.constantFrom(1, 1, 1, 2);
const mapOf = (fields: readonly string[], value: fc.Arbitrary<unknown>) =>
  fc.record(Object.fromEntries(fields.map((field) => [field, value])), { requiredKeys: [] });
const ports = fc.uniqueArray(
  fc.record(
    { port: fc.constantFrom(80, 443), protocol: fc.constantFrom("TCP", "UDP"), name: small, targetPort: small },
    { requiredKeys: ["port"] },
  ),
  { maxLength: 3, selector: portKey },
);
/** Fields of a spec: each may be missing, and `a` may be all sorts of things. */
const fields = fc.record(
  {
    a: fc.oneof(small, mapOf(["x", "y"], small), fc.constant([1])),
    b: small,
    c: mapOf(["d"], mapOf(["e", "f"], small)),
    list: fc.constantFrom([1], [1], [1, 2], [{ k: 1 }]),
    ports,
  },
  { requiredKeys: [] },
);
const labels = mapOf(["l", "m"], small);
const manager = fc.constantFrom("x", "y", "z");
const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      does: fc.constant("apply" as const),
      manager,
      fields,
      labels: fc.option(labels),
      force: fc.constantFrom(false, false, true),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ does: fc.constant("put" as const), manager, fields, labels: fc.option(labels) }),
  },
  { weight: 2, arbitrary: fc.record({ does: fc.constant("remove" as const), manager, which: fc.nat(50) }) },
);

function objectOf(spec: object, labels: unknown): KubeObject {
  const metadata = { name: "s", namespace: "shop", ...(labels ? { labels } : {}) };
  return { apiVersion: "v1", kind: "Service", metadata, spec } as KubeObject;
}

/** The object without one of its fields, or a member of its list. */
function without(object: KubeObject, which: number): KubeObject {
  const copy = structuredClone(object) as { metadata: Record<string, unknown>; spec?: unknown };
  const cuts: (() => void)[] = [];
  const walk = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    for (const [key, below] of Object.entries(value)) {
      const isKey = "port" in value && (key === "port" || key === "protocol");
      if (Array.isArray(value)) cuts.push(() => value.splice(Number(key), 1));
      else if (!isKey) cuts.push(() => delete (value as Record<string, unknown>)[key]);
      walk(below);
    }
  };
  walk(copy.spec);
  walk(copy.metadata.labels);
  cuts[which % Math.max(1, cuts.length)]?.();
  return copy as unknown as KubeObject;
}

it(`agrees with the naive model over any course of applies, updates and removals (seed ${SEED})`, () => {
  const seen = { applied: 0, forced: 0, conflicts: 0, updates: 0 };
  fc.assert(
    fc.property(fc.array(step, { minLength: 5, maxLength: 35, size: "max" }), (steps) => {
      let live: KubeObject | null = null;
      let model: Model = new Map();
      for (const [minute, each] of steps.entries()) {
        const writer = { ...by(each.manager, minute), apiVersion: "v1" };
        if (each.does === "apply") {
          const body = objectOf(each.fields, each.labels);
          const result = serverSideApply(live, body, writer, each.force, SERVICE);
          const expected = modelApply(model, flatten(body), `${each.manager} Apply`, each.force);
          if ("conflicts" in expected) {
            seen.conflicts += 1;
            expect(result.ok ? "applied" : conflictsIn(result.error)).toEqual(expected.conflicts);
            continue;
          }
          if (!result.ok) throw new Error(`refused: ${result.error.message}`);
          seen[each.force ? "forced" : "applied"] += 1;
          live = result.value;
          model = expected.after;
          const again = serverSideApply(live, body, { ...writer, time: "2027-01-01T00:00:00Z" }, false, SERVICE);
          expectEqual(again, { ok: true, value: live });
        } else {
          if (live === null && each.does === "remove") continue;
          const there: KubeObject = live ?? objectOf({}, null);
          const put =
            each.does === "remove"
              ? without(there, each.which)
              : {
                  ...there,
                  metadata: {
                    ...there.metadata,
                    ...(each.labels && { labels: each.labels as Record<string, string> }),
                  },
                  spec: { ...(there.spec as object | undefined), ...each.fields },
                };
          seen.updates += 1;
          model = modelUpdate(model, flatten(put), `${each.manager} Update`);
          live = ownedAfterUpdate(live, put, writer, SERVICE);
          expectEqual(ownedAfterUpdate(live, live, { ...writer, time: "2027-01-01T00:00:00Z" }, SERVICE), live);
        }
        expectEqual(Object.fromEntries(flatten(live)), Object.fromEntries(valuesOf(model)));
        expectEqual(ownersByPath(live), ownersInModel(model));
        expectEqual(readManagedFields(live.metadata.managedFields), { ok: true, value: entriesOf(live) });
      }
    }),
    { seed: SEED, numRuns: times(300, 3_000) },
  );
  // The course went where it should.
  expect(Math.min(...Object.values(seen))).toBeGreaterThan(times(300, 3_000));
});

it("takes 2,000 fields of ten managers from all of them at once", () => {
  const spec = (value: number) => ({
    groups: Object.fromEntries(
      Array.from({ length: 40 }, (_, g) => [
        `g${g}`,
        Object.fromEntries(Array.from({ length: 50 }, (_, f) => [`f${f}`, value])),
      ]),
    ),
  });
  let live: KubeObject | null = null;
  for (let index = 0; index < 10; index++) live = mustApply(live, policy(spec(1)), by(`m${index}`));
  live = mustApply(live, policy(spec(2)), by("m0", 1), { force: true });
  live = ownedAfterUpdate(live, { ...live, spec: spec(3) }, by("put"), POLICY);
  expect(canonicalJson(live.spec)).toBe(canonicalJson(spec(3)));
  expect(Object.keys(owners(live))).toEqual(["put/Update"]);
});
