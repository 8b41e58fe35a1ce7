import { describe, expect, it } from "vitest";
import { describeDecision } from "../../src/decide/describe.ts";
import { decideHypothetical } from "../../src/decide/explain.ts";
import { Explanation } from "../../src/decide/stages.ts";
import { hypotheticalRequest } from "../../src/decide/hypothetical.ts";
import type { HypotheticalFacts } from "../../src/decide/hypothetical-facts.ts";
import type { AuthorizationRule, RouteMatch } from "../../src/snapshot/model.ts";
import { decided, facts, OPEN, slice } from "./requests.ts";

const CALL: HypotheticalFacts = {
  protocol: "workers-rpc",
  method: "POST",
  host: "api.test",
  path: "/default/add",
  query: "",
  headers: {},
  peer: null,
  clientIp: null,
  tokens: [],
  startedAt: 0,
  seed: 0,
};

const ADD: RouteMatch = { uri: { kind: "exact", value: "/default/add" } };

/** Lets Workers RPC alone in. */
const RPC: AuthorizationRule = {
  to: [{ paths: [{ kind: "exact", value: "/default/add" }] }],
  when: [{ key: { kind: "protocol" }, values: [{ kind: "exact", value: "workers-rpc" }] }],
};

describe("a call of Workers RPC that nobody made", () => {
  it("is decided as a gateway would, by its protocol too", () => {
    const of = slice({ policySets: [{ ...OPEN, allow: [{ name: "default/rpc", rules: [RPC] }] }] });
    const told = (asked: HypotheticalFacts) => {
      const request = hypotheticalRequest(asked, null);
      if (!request.ok || "effect" in request.value) throw new Error("no such call");
      const decision = decideHypothetical(of, request.value, 80, asked, new Explanation(of));
      if (!decision.ok) throw new Error(decision.error.message);
      return describeDecision(decision.value);
    };
    expect(told(CALL)).toMatchObject({ effect: "forward" });
    expect(told({ ...CALL, protocol: "http" })).toMatchObject({ code: "rbac_denied_no_allow" });
    expect(told({ ...CALL, path: "/Admin/add" })).toMatchObject({ code: "rbac_denied_no_allow" });
  });

  it("is refused where its route would have another method called", () => {
    const rewritten = (uri: string, protocol: "http" | "workers-rpc") => {
      const of = slice({
        routes: [{ name: "r", matches: [ADD], destinations: [{ cluster: "a", weight: 1 }], rewrite: { uri } }],
      });
      const asked = facts({ protocol, method: "POST", path: "/default/add", forwardPath: "/default/add" });
      return describeDecision(decided(of, asked));
    };
    expect(rewritten("/default/remove", "workers-rpc")).toMatchObject({ code: "rpc_rewritten", status: 501 });
    expect(rewritten("/default/remove", "http")).toMatchObject({ effect: "forward" });
    expect(rewritten("/default/add", "workers-rpc")).toMatchObject({ effect: "forward" });
  });

  it.each([
    { field: "method", change: { method: "GET" } },
    { field: "path", change: { path: "/add" } },
    { field: "path", change: { path: "/default/queue" } },
    { field: "path", change: { path: "/a b/add" } },
    { field: "path", change: { path: "/default/add/x" } },
    { field: "query", change: { query: "a=1" } },
    { field: "headers", change: { headers: { "x-a": "1" } } },
    { field: "authority", change: { authority: "other.test" } },
    { field: "scheme", change: { scheme: "https" as const } },
    {
      field: "tokens",
      change: { tokens: [{ issuer: "i", subject: "s", audiences: [], presenter: null, claims: {} }] },
    },
  ])("cannot have another $field: $change", ({ field, change }) => {
    expect(hypotheticalRequest({ ...CALL, ...change }, null)).toMatchObject({ ok: false, error: { field } });
  });

  it("does not come in by a Gateway", () => {
    expect(hypotheticalRequest(CALL, "gw/default/front/80")).toMatchObject({ ok: false, error: { field: "protocol" } });
  });
});
