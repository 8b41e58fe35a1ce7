import { describe, expect, it } from "vitest";
import { type MeshObject, RUNGS, rungsOf } from "../../src/deployment/adoption.ts";

const peer = (namespace: string, mode: string | null, more: object = {}): MeshObject => ({
  kind: "PeerAuthentication",
  namespace,
  name: "default",
  spec: { ...(mode !== null && { mtls: { mode } }), ...more },
});
const policy = (namespace: string, spec: object): MeshObject => ({
  kind: "AuthorizationPolicy",
  namespace,
  name: "a",
  spec,
});

/** The rungs' states, in their order. */
function states(...objects: readonly MeshObject[]): readonly string[] {
  return rungsOf(objects, "istio-system").map(({ state }) => state);
}

describe("rungsOf", () => {
  const selector = { selector: { matchLabels: { app: "web" } } };
  it.each([
    { name: "a mesh without policies", objects: [], is: ["on", "off", "off", "off"] },
    { name: "one strict namespace", objects: [peer("default", "STRICT")], is: ["in part", "in part", "off", "off"] },
    {
      name: "one strict workload",
      objects: [peer("istio-system", "STRICT", selector)],
      is: ["in part", "in part", "off", "off"],
    },
    { name: "a strict mesh", objects: [peer("istio-system", "STRICT")], is: ["off", "on", "off", "off"] },
    {
      name: "a strict mesh with a looser namespace",
      objects: [peer("istio-system", "STRICT"), peer("default", "PERMISSIVE")],
      is: ["in part", "in part", "off", "off"],
    },
    {
      name: "one that inherits",
      objects: [peer("istio-system", "STRICT"), peer("default", "UNSET"), peer("a", null)],
      is: ["off", "on", "off", "off"],
    },
    { name: "a policy of one service", objects: [policy("default", selector)], is: ["on", "off", "in part", "off"] },
    {
      name: "a DENY for the mesh",
      objects: [policy("istio-system", { action: "DENY" })],
      is: ["on", "off", "in part", "off"],
    },
    { name: "nothing allowed in the mesh", objects: [policy("istio-system", {})], is: ["on", "off", "on", "off"] },
    {
      name: "a route",
      objects: [{ kind: "VirtualService", namespace: "default", name: "a", spec: {} }],
      is: ["on", "off", "off", "on"],
    },
  ])("tells of $name", ({ objects, is }) => {
    expect(states(...objects)).toEqual(["not built", ...is]);
  });

  it("names the objects that make it so", () => {
    const [, , strict] = rungsOf([peer("default", "STRICT")], "istio-system");
    expect(strict).toEqual({ rung: "strict", state: "in part", by: ["PeerAuthentication default/default"] });
    expect(rungsOf([], "istio-system").map(({ rung }) => rung)).toEqual(Object.keys(RUNGS));
  });

  it("takes the root namespace that the mesh has", () => {
    expect(rungsOf([peer("root", "STRICT")], "root").find(({ rung }) => rung === "strict")?.state).toBe("on");
  });
});
