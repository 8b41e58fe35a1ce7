import { describe, expect, it } from "vitest";
import { clusterId } from "../../src/compile/clusters.ts";
import { mergeRoutes } from "../../src/compile/istio/merge.ts";
import type { CompiledRoutes } from "../../src/compile/world.ts";
import type { RouteMatch } from "../../src/snapshot/model.ts";

const prefix = (value: string): RouteMatch => ({ uri: { kind: "prefix", value } });
const regex = (value: string): RouteMatch => ({ uri: { kind: "regex", value } });
const API = prefix("/api");

/** The rules of one VirtualService, each to a service of its own name. */
function part(rules: Readonly<Record<string, readonly RouteMatch[]>>): CompiledRoutes {
  const targets = Object.keys(rules).map((host) => ({ host, port: 80, subset: undefined }));
  const routes = Object.entries(rules).map(([name, matches]) => ({
    name,
    matches,
    destinations: [{ cluster: clusterId(name, 80, undefined), weight: 1 }],
  }));
  return { routes, targets };
}

const merged = (...parts: readonly CompiledRoutes[]): readonly (readonly [string, readonly RouteMatch[]])[] =>
  mergeRoutes(parts).routes.map(({ name, matches }) => [name, matches]);

describe("the routes of several VirtualServices of one host", () => {
  it.each<{ name: string; block: RouteMatch }>([
    { name: "an empty block", block: {} },
    { name: "prefix /", block: prefix("/") },
    { name: "prefix / in any case", block: { uri: { kind: "prefix", value: "/", ignoreCase: true } } },
    { name: "the empty prefix", block: prefix("") },
    { name: "regex .*", block: regex(".*") },
  ])("end with $name", ({ block }) => {
    expect(merged(part({ old: [block] }), part({ new: [API] }))).toEqual([
      ["new", [API]],
      ["old", [block]],
    ]);
  });

  it.each<{ name: string; block: RouteMatch }>([
    { name: "a longer prefix", block: prefix("/a") },
    { name: "another regex", block: regex("/.*") },
    { name: "the exact root", block: { uri: { kind: "exact", value: "/" } } },
    { name: "prefix / with a method", block: { ...prefix("/"), method: { kind: "exact", value: "GET" } } },
    { name: "regex .* with a header", block: { ...regex(".*"), headers: [{ name: "x", match: { kind: "present" } }] } },
    { name: "only an authority", block: { authority: { kind: "exact", value: "a.test" } } },
    { name: "only a scheme", block: { scheme: { kind: "exact", value: "https" } } },
  ])("keep their age where the older has $name", ({ block }) => {
    expect(merged(part({ old: [block] }), part({ new: [API] })).map(([name]) => name)).toEqual(["old", "new"]);
  });

  it("are moved block by block: what stands before a catch-all in its rule stays where it is", () => {
    expect(merged(part({ old: [prefix("/old"), prefix("/")] }), part({ new: [API] }))).toEqual([
      ["old", [prefix("/old")]],
      ["new", [API]],
      ["old", [prefix("/")]],
    ]);
  });

  it("lose what stands behind a catch-all in its own VirtualService, blocks and rules, with their clusters", () => {
    const result = mergeRoutes([part({ old: [prefix("/"), prefix("/a")], dead: [API] }), part({ new: [API] })]);
    expect(result.routes.map(({ name, matches }) => [name, matches])).toEqual([
      ["new", [API]],
      ["old", [prefix("/")]],
    ]);
    expect(result.targets.map(({ host }) => host)).toEqual(["old", "new"]);
  });

  it("have several catch-alls in the order of their age", () => {
    expect(merged(part({ a: [] }), part({ b: [regex(".*")] }), part({ c: [API] })).map(([name]) => name)).toEqual([
      "c",
      "a",
      "b",
    ]);
  });
});
