import { describe, expect, it } from "vitest";
import { answerOf } from "../../src/decide/answers.ts";
import { meshErrorOf } from "../../src/decide/rpc-errors.ts";

describe("what a caller of Workers RPC gets for an answer of the gateway's own", () => {
  it.each([
    { code: "rbac_denied_no_allow", name: "MeshDenied", message: "RBAC: access denied" },
    { code: "jwt_invalid", name: "MeshDenied", message: "Jwt verification fails" },
    { code: "response_timeout", name: "MeshTimeout", message: "upstream request timeout" },
    { code: "no_healthy_upstream", name: "MeshUnavailable", message: "no healthy upstream" },
    { code: "internal_error", name: "MeshUnavailable", message: "the mesh answers with status 500" },
    { code: "no_route", name: "MeshUnsupported", message: "the mesh answers with status 404" },
    { code: "rpc_endpoint", name: "MeshUnsupported", message: "a Workers RPC call needs a Worker at its other end" },
    { code: "redirect", name: "MeshUnsupported", message: "the mesh answers with status 301" },
  ] as const)("$code: $name", ({ code, ...error }) => {
    expect(meshErrorOf(answerOf(code))).toEqual(error);
  });

  it("is MeshUnavailable for a fault's 429, and has no bytes of a page in it", () => {
    const fault = { ...answerOf("fault_filter_abort"), status: 429, body: "fault filter abort" };
    expect(meshErrorOf(fault)).toEqual({ name: "MeshUnavailable", message: "fault filter abort" });
    const page = { ...answerOf("direct_response"), body: new Uint8Array([1, 2]) };
    expect(meshErrorOf(page)).toEqual({ name: "MeshUnsupported", message: "the mesh answers with status 200" });
  });
});
