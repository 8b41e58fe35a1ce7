import { describe, expect, it } from "vitest";
import { decide } from "../../src/decide/decide.ts";
import { type Step, traceInto } from "../../src/decide/steps.ts";
import type { ShadowNote } from "../../src/policy/shadow.ts";
import type { RequestFacts } from "../../src/request/facts.ts";
import type { LinkedSlice } from "../../src/snapshot/link.ts";
import type { AuthorizationPolicyModel, PolicySet } from "../../src/snapshot/model.ts";
import { cluster, decided, endpoint, facts, headers, OPEN, slice } from "./requests.ts";

const deletes: AuthorizationPolicyModel = {
  name: "shop/deletes",
  rules: [{ to: [{ methods: [{ kind: "exact", value: "DELETE" }] }] }],
};
const admins: AuthorizationPolicyModel = {
  name: "shop/admins",
  rules: [{ when: [{ key: { kind: "header", name: "x-role" }, values: [{ kind: "exact", value: "admin" }] }] }],
};
const tried = (policy: AuthorizationPolicyModel): AuthorizationPolicyModel => ({ ...policy, dryRun: true });

const guarded = (set: Partial<PolicySet>): LinkedSlice => slice({ policySets: [{ ...OPEN, ...set }] });

function told(of: LinkedSlice, request: Partial<RequestFacts>): readonly string[] {
  return (decided(of, facts(request)).notes ?? []).map(text);
}

function text({ stage, action, dryRun, result, policy }: ShadowNote): string {
  return `${stage} ${action}${dryRun ? " dry-run" : ""} ${result} ${policy ?? "none"}`;
}

describe("AUDIT", () => {
  const of = guarded({ audit: [deletes] });

  it("tells of what it matches, and lets it pass", () => {
    expect(decided(of, facts({ method: "DELETE" })).effect).toBe("forward");
    expect(told(of, { method: "DELETE" })).toEqual(["destination AUDIT matched shop/deletes"]);
  });

  it("tells nothing of what it does not match", () => {
    expect(decided(of, facts())).not.toHaveProperty("notes");
  });

  it("tells of what a DENY refuses", () => {
    const both = guarded({ audit: [deletes], deny: [deletes] });
    expect(decided(both, facts({ method: "DELETE" }))).toMatchObject({ code: "rbac_denied_matched_policy" });
    expect(told(both, { method: "DELETE" })).toEqual(["destination AUDIT matched shop/deletes"]);
  });
});

describe("a dry run", () => {
  it.each([
    { action: "DENY", set: { deny: [tried(deletes)] }, yes: "denied shop/deletes", no: "allowed none" },
    { action: "ALLOW", set: { allow: [tried(deletes)] }, yes: "allowed shop/deletes", no: "denied none" },
    { action: "AUDIT", set: { audit: [tried(deletes)] }, yes: "matched shop/deletes", no: null },
    {
      action: "CUSTOM",
      set: { custom: [{ ...tried(deletes), provider: "opa" }] },
      yes: "asked shop/deletes",
      no: null,
    },
  ])("of $action enforces nothing and tells what it would have done", ({ action, set, yes, no }) => {
    const of = guarded(set);
    for (const [method, result] of [
      ["DELETE", yes],
      ["GET", no],
    ] as const) {
      expect(decided(of, facts({ method })).effect).toBe("forward");
      expect(told(of, { method })).toEqual(result === null ? [] : [`destination ${action} dry-run ${result}`]);
    }
  });

  it("of the only ALLOW leaves the workload open, beside others it adds nothing", () => {
    expect(decided(guarded({ allow: [tried(admins)] }), facts()).effect).toBe("forward");
    const both = guarded({ allow: [tried(deletes), admins] });
    expect(decided(both, facts({ method: "DELETE" }))).toMatchObject({ code: "rbac_denied_no_allow" });
    expect(told(both, { method: "DELETE" })).toEqual(["destination ALLOW dry-run allowed shop/deletes"]);
  });

  it("sees headers that other spellings stand for as policies do that count", () => {
    expect(guarded({ deny: [tried(admins)] }).headers.names).toContain("x-role");
  });
});

describe("what is told", () => {
  it("is told once of endpoints with the same policies among others", () => {
    const of = slice({
      clusters: { a: cluster("a", [endpoint("EP_A", 0), endpoint("EP_B", 1)]) },
      policySets: [
        { ...OPEN, audit: [deletes] },
        { ...OPEN, audit: [deletes], deny: [admins] },
      ],
    });
    expect(told(of, { method: "DELETE" })).toHaveLength(1);
  });

  it("is told at a Gateway of the request as it came, at the destination as it will be sent", () => {
    const of = slice({
      front: {
        gateway: "shop/gate",
        workload: { name: "gate", namespace: "shop", principal: null, app: "gate", version: "v1" },
        policySet: 0,
        clientCertificate: "none",
      },
      routes: [
        {
          name: "r",
          matches: [],
          destinations: [{ cluster: "a", weight: 1, request: { set: [["x-role", "admin"]] } }],
        },
      ],
      policySets: [{ ...OPEN, audit: [admins] }],
    });
    expect(told(of, { entrance: "public" })).toEqual(["destination AUDIT matched shop/admins"]);
    const sent = headers({ "x-role": "admin" });
    expect(told(of, { entrance: "public", headers: sent })).toEqual([
      "gateway AUDIT matched shop/admins",
      "destination AUDIT matched shop/admins",
    ]);
  });

  it("stands among the steps of an explanation", () => {
    const steps: Step[] = [];
    decide(guarded({ audit: [deletes], deny: [tried(deletes)] }), facts({ method: "DELETE" }), traceInto(steps));
    expect(steps).toContainEqual({ stage: "destination", name: "shop/deletes", outcome: "audit" });
    expect(steps).toContainEqual({ stage: "destination", name: "shop/deletes", outcome: "dry-run DENY denied" });
  });
});
