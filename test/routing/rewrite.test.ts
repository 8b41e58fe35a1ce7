import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { rewritePath } from "../../src/routing/rewrite.ts";
import type { RouteMatch, StringMatch } from "../../src/snapshot/model.ts";

const uri = (kind: "exact" | "prefix" | "regex", value: string): RouteMatch => ({
  uri: { kind, value } satisfies StringMatch,
});
const byHeader: RouteMatch = { headers: [{ name: "x-a", match: { kind: "present" } }] };

describe("rewritePath", () => {
  it.each<{ name: string; path: string; to: string; match: RouteMatch; want: string }>([
    { name: "swaps the prefix", path: "/api/a", to: "/v2/", match: uri("prefix", "/api/"), want: "/v2/a" },
    { name: "takes no uri for the prefix `/`", path: "/a/b", to: "/v2/", match: {}, want: "/v2/a/b" },
    { name: "a header alone too", path: "/a/b", to: "/v2/", match: byHeader, want: "/v2/a/b" },
    { name: "joins without a slash, as Istio", path: "/a/b", to: "/v2", match: byHeader, want: "/v2a/b" },
    { name: "keeps the path of `/` to `/`", path: "/a/b", to: "/", match: byHeader, want: "/a/b" },
    { name: "of the root is the new path", path: "/", to: "/v2/", match: byHeader, want: "/v2/" },
    {
      name: "passes over params",
      path: "/api;v=1/a;w=2/b",
      to: "/v2/",
      match: uri("prefix", "/api/"),
      want: "/v2/a;w=2/b",
    },
    { name: "keeps params at the end", path: "/api;v=1/a", to: "/v2", match: uri("prefix", "/api"), want: "/v2;v=1/a" },
    { name: "passes over all of them", path: "/a;v;w/b;x/c", to: "/", match: uri("prefix", "/a/b/"), want: "/c" },
    { name: "replaces an exact path", path: "/a/b", to: "/v2/", match: uri("exact", "/a/b"), want: "/v2/" },
    { name: "replaces what a pattern matched", path: "/a/b", to: "/v2/", match: uri("regex", "/a.*"), want: "/v2/" },
  ])("$name", ({ path, to, match, want }) => {
    expect(rewritePath({ forwardPath: path }, { uri: to }, match)).toBe(want);
  });

  it("takes from any path just what was matched", () => {
    const segment = fc.constantFrom("a", "bc", "a;v=1", "b;x;y", "");
    const paths = fc.array(segment, { minLength: 1, maxLength: 5 }).map((all) => `/${all.join("/")}`);
    const cut = (path: string): string => path.replace(/;[^/]*/g, "");
    fc.assert(
      fc.property(paths, fc.nat(12), (forwardPath, length) => {
        const value = cut(forwardPath).slice(0, length);
        const left = rewritePath({ forwardPath }, { uri: "" }, uri("prefix", value));
        return left !== null && cut(left) === cut(forwardPath).slice(value.length) && forwardPath.endsWith(left);
      }),
    );
  });

  it("leaves the path alone where only the authority is rewritten", () => {
    expect(rewritePath({ forwardPath: "/a" }, { authority: "x" }, {})).toBeNull();
  });
});
