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
    { name: "replaces an exact path", path: "/a/b", to: "/v2/", match: uri("exact", "/a/b"), want: "/v2/" },
    { name: "replaces what a pattern matched", path: "/a/b", to: "/v2/", match: uri("regex", "/a.*"), want: "/v2/" },
  ])("$name", ({ path, to, match, want }) => {
    expect(rewritePath(path, { uri: to }, match)).toBe(want);
  });

  it("leaves the path alone where only the authority is rewritten", () => {
    expect(rewritePath("/a", { authority: "x" }, {})).toBeNull();
  });
});
