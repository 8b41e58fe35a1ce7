import { describe, expect, it } from "vitest";
import { parseObject } from "../../src/kinds/parse.ts";
import { type Operation, planOperation } from "../../src/kube/object-rules.ts";
import type { KubeObject } from "../../src/resources/object.ts";
import { planWrite } from "../../src/kube/write-plan.ts";

const AUTHOR = { manager: "test", subresource: "", apiVersion: "networking.istio.io/v1" } as const;
const REF = { group: "networking.istio.io", kind: "DestinationRule", namespace: "shop", name: "a" };

const circumstances = {
  now: "2026-01-01T00:00:00Z",
  uid: "u",
  namespaceExists: (name: string) => name === "shop",
  parse: (value: unknown) => parseObject(value, { local: false }),
};

function rule(metadata: Readonly<Record<string, unknown>>, spec: unknown = { host: "reviews" }): unknown {
  return { apiVersion: "networking.istio.io/v1beta1", kind: "DestinationRule", metadata, spec };
}

function applied(value: unknown): Operation {
  return { verb: "apply", ref: REF, value, author: AUTHOR };
}

describe("a write of a whole object", () => {
  it("is parsed where it is planned: stored as its version, in the namespace that the writer may write", () => {
    const planned = planOperation(null, applied(rule({ name: "a" })), circumstances);
    expect(planned).toMatchObject({
      ok: true,
      value: { action: "created", after: { apiVersion: "networking.istio.io/v1", metadata: { namespace: "shop" } } },
    });
  });

  it.each([
    { name: "another name", value: rule({ name: "b" }) },
    { name: "another namespace", value: rule({ name: "a", namespace: "other" }) },
    {
      name: "another kind",
      value: { apiVersion: "v1", kind: "Service", metadata: { name: "a" }, spec: { ports: [{ port: 80 }] } },
    },
    { name: "a kind without namespace", value: { apiVersion: "v1", kind: "Namespace", metadata: { name: "a" } } },
  ])("is refused where $name comes of it than was judged", ({ value }) => {
    expect(planOperation(null, applied(value), circumstances)).toMatchObject({
      ok: false,
      error: { reason: "BadRequest" },
    });
  });

  it("is refused with the paths of what is wrong, before anything is said of what is there", () => {
    const operation = { ...applied(rule({ name: "a" }, { hots: 1 })), verb: "create" } as Operation;
    const before = { apiVersion: "networking.istio.io/v1", kind: "DestinationRule", metadata: { name: "a" } };
    const planned = planOperation(before, operation, circumstances);
    expect(planned).toMatchObject({ ok: false, error: { reason: "Invalid" } });
    expect(JSON.stringify(planned)).toContain("spec.hots");
  });

  it("has an end that is ahead and no more than a day away, where it rehearses a fault", () => {
    const at = { group: "tulle.dev", kind: "FaultRehearsal", namespace: "shop", name: "a" };
    const written = (endsAt: string) => ({
      apiVersion: "tulle.dev/v1alpha1",
      kind: "FaultRehearsal",
      metadata: { name: "a" },
      spec: { targetRef: { kind: "Service", name: "a" }, abort: { httpStatus: 503 }, endsAt },
    });
    const author = { ...AUTHOR, apiVersion: "tulle.dev/v1alpha1" };
    const plan = (before: KubeObject | null, operation: Partial<Operation>) =>
      planOperation(before, { ref: at, author, ...operation } as Operation, circumstances);
    const created = plan(null, { verb: "create", value: written("2026-01-02T00:00:00Z") });
    if (!created.ok) throw new Error(created.error.message);
    for (const endsAt of ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00.001Z"]) {
      const patch = { type: "merge", body: { spec: { endsAt } } } as const;
      for (const refused of [
        plan(null, { verb: "create", value: written(endsAt) }),
        plan(created.value.after, { verb: "apply", value: written(endsAt) }),
        plan(created.value.after, { verb: "patch", patch }),
      ])
        expect(refused).toMatchObject({ ok: false, error: { details: { causes: [{ field: "spec.endsAt" }] } } });
    }
  });

  it("is refused with the others of its apply: each failure is told, and nothing is changed", () => {
    const plan = planWrite(
      { objects: new Map(), rv: 7 },
      [applied(rule({ name: "a" }, {})), { ...applied(rule({ name: "a" })), ref: { ...REF, namespace: "nowhere" } }],
      { ...circumstances, uid: () => "u" },
    );
    expect(plan.failures.map(({ index, status }) => [index, status.reason])).toEqual([
      [0, "Invalid"],
      [1, "NotFound"],
    ]);
    expect(plan.changes.size).toBe(0);
  });
});
