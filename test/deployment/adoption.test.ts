import { describe, expect, it } from "vitest";
import { type MeshObject, objectsFor, RUNGS, rungsOf } from "../../src/deployment/adoption.ts";

const NEW = { apiVersion: "v1", labels: {}, annotations: {}, resourceVersion: "7" };
const space = (name: string, mode?: string): MeshObject => ({
  ...NEW,
  kind: "Namespace",
  namespace: "",
  name,
  labels: { team: "a", ...(mode !== undefined && { "tulle.dev/mode": mode }) },
  spec: {},
});
const config = (spec: object): MeshObject => ({
  ...NEW,
  kind: "MeshConfig",
  namespace: "istio-system",
  name: "default",
  spec,
});
const peer = (namespace: string, mode: string | null, more: object = {}): MeshObject => ({
  ...NEW,
  kind: "PeerAuthentication",
  namespace,
  name: "default",
  spec: { ...(mode !== null && { mtls: { mode } }), ...more },
});
const policy = (namespace: string, spec: object): MeshObject => ({
  ...NEW,
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
      objects: [{ ...NEW, kind: "VirtualService", namespace: "default", name: "a", spec: {} }],
      is: ["on", "off", "off", "on"],
    },
  ])("tells of $name", ({ objects, is }) => {
    expect(states(...objects)).toEqual(["off", ...is]);
  });

  it.each([
    { name: "the mesh", objects: [config({ mode: "Observe" })], is: "on", by: ["MeshConfig istio-system/default"] },
    { name: "a namespace", objects: [space("a", "observe"), space("b")], is: "in part", by: ["Namespace a"] },
    {
      name: "the mesh but for a namespace",
      objects: [config({ mode: "Observe" }), space("a", "enforce")],
      is: "in part",
      by: ["MeshConfig istio-system/default"],
    },
    { name: "nobody", objects: [config({ mode: "Enforce" }), space("a", "enforce")], is: "off", by: [] },
  ])("tells that $name observes", ({ objects, is, by }) => {
    expect(rungsOf(objects, "istio-system")[0]).toEqual({ rung: "observe", state: is, by });
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

describe("objectsFor", () => {
  const written = (...args: Parameters<typeof objectsFor>) =>
    objectsFor(...args).map(({ kind, namespace, name, labels, resourceVersion, spec }) => ({
      object: `${kind} ${namespace}/${name}`,
      labels,
      resourceVersion,
      spec,
    }));

  it("lets a namespace observe by its label, and keeps its others", () => {
    expect(written("observe", "a", [space("a"), space("b")], "istio-system")).toEqual([
      { object: "Namespace /a", labels: { team: "a", "tulle.dev/mode": "observe" }, resourceVersion: "7", spec: {} },
    ]);
  });

  it("lets the mesh observe by its MeshConfig, and keeps the rest of it", () => {
    const made = { object: "MeshConfig istio-system/default", labels: {} };
    expect(written("observe", null, [config({ trustDomain: "x" })], "istio-system")).toEqual([
      { ...made, resourceVersion: "7", spec: { trustDomain: "x", mode: "Observe" } },
    ]);
    expect(written("observe", null, [], "root")).toEqual([{ ...made, resourceVersion: "", spec: { mode: "Observe" } }]);
  });

  it.each(["permissive", "strict"] as const)(
    "%s ends observing where it is so, and says the mode of the peers",
    (rung) => {
      const spec = { mtls: { mode: rung.toUpperCase() } };
      expect(written(rung, "a", [space("a", "observe")], "istio-system")).toMatchObject([
        { object: "Namespace /a", labels: { team: "a", "tulle.dev/mode": "enforce" } },
        { object: "PeerAuthentication a/default", resourceVersion: "", spec },
      ]);
      expect(written(rung, null, [config({ mode: "Observe" })], "root")).toMatchObject([
        { object: "MeshConfig istio-system/default", spec: { mode: "Enforce" } },
        { object: "PeerAuthentication root/default", spec },
      ]);
      expect(written(rung, "a", [space("a"), config({})], "istio-system")).toHaveLength(1);
    },
  );

  it("changes the PeerAuthentication of all that is there, and none of single workloads", () => {
    const one = { ...peer("a", "STRICT", { selector: { matchLabels: { app: "x" } } }), name: "one" };
    const all = { ...peer("a", "PERMISSIVE", { portLevelMtls: {} }), name: "all" };
    expect(written("strict", "a", [space("a"), one, all], "istio-system")).toEqual([
      {
        object: "PeerAuthentication a/all",
        labels: {},
        resourceVersion: "7",
        spec: { portLevelMtls: {}, mtls: { mode: "STRICT" } },
      },
    ]);
  });
});
