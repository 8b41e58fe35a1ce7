import { describe, expect, it } from "vitest";
import { describeDecision } from "../../src/decide/describe.ts";
import type { RequestFacts } from "../../src/request/facts.ts";
import type { Redirect, Route, RouteMatch } from "../../src/snapshot/model.ts";
import { decided, facts, headers, slice } from "./requests.ts";

function answer(route: Partial<Route>, request: Partial<RequestFacts> = {}, matches: readonly RouteMatch[] = []) {
  const made = slice({ routes: [{ name: "r", matches, destinations: [], ...route }] });
  const decision = decided(made, facts(request));
  if (decision.effect !== "answer") throw new Error("it was forwarded");
  return decision;
}

const old: RouteMatch = { uri: { kind: "prefix", value: "/old" } };

describe("a redirect", () => {
  it.each<{ name: string; redirect: Omit<Redirect, "status">; request: Partial<RequestFacts>; to: string }>([
    {
      name: "keeps path and query",
      redirect: { authority: "b" },
      request: { path: "/old/a", query: "q=1" },
      to: "http://b/old/a?q=1",
    },
    {
      name: "replaces the whole path",
      redirect: { path: "/x" },
      request: { path: "/old/a", query: "q=1" },
      to: "http://api.test/x?q=1",
    },
    {
      name: "has a query of its own",
      redirect: { path: "/x?y" },
      request: { path: "/old", query: "q=1" },
      to: "http://api.test/x?y",
    },
    {
      name: "swaps the prefix that matched",
      redirect: { prefix: "/new" },
      request: { path: "/old/a", query: "q" },
      to: "http://api.test/new/a?q",
    },
    {
      name: "keeps params behind the prefix",
      redirect: { prefix: "/new" },
      request: { path: "/old/a", forwardPath: "/old/a;v=1" },
      to: "http://api.test/new/a;v=1",
    },
    {
      name: "keeps the port of Host",
      redirect: { path: "/x" },
      request: { path: "/old", authority: "api.test:9080" },
      to: "http://api.test:9080/x",
    },
    {
      name: "takes another port",
      redirect: { port: 81 },
      request: { path: "/old", authority: "api.test:9080" },
      to: "http://api.test:81/old",
    },
    {
      name: "takes the port that was called",
      redirect: { port: "request" },
      request: { path: "/old", port: 85 },
      to: "http://api.test:85/old",
    },
    {
      name: "leaves the scheme's own port out",
      redirect: { port: "request" },
      request: { path: "/old", port: 80 },
      to: "http://api.test/old",
    },
    {
      name: "and keeps it where Host has it",
      redirect: { port: "request" },
      request: { path: "/old", authority: "api.test:80" },
      to: "http://api.test:80/old",
    },
    {
      name: "leaves 443 out for https",
      redirect: { scheme: "https", port: 443 },
      request: { path: "/old" },
      to: "https://api.test/old",
    },
    {
      name: "drops the port of the scheme it leaves",
      redirect: { scheme: "https" },
      request: { path: "/old", authority: "api.test:80" },
      to: "https://api.test/old",
    },
    {
      name: "keeps another one",
      redirect: { scheme: "https" },
      request: { path: "/old", authority: "api.test:8080" },
      to: "https://api.test:8080/old",
    },
    {
      name: "adds a port to another authority",
      redirect: { authority: "b", port: 81 },
      request: { path: "/old" },
      to: "http://b:81/old",
    },
  ])("$name", ({ redirect, request, to }) => {
    expect(answer({ redirect: { status: 302, ...redirect } }, request, [old])).toMatchObject({
      code: "redirect",
      status: 302,
      body: "",
      headers: [["location", to]],
    });
  });

  it("takes no match on the path for the prefix `/`", () => {
    const given = answer({ redirect: { status: 301, prefix: "/new/" } }, { path: "/a" });
    expect(given.headers).toEqual([["location", "http://api.test/new/a"]]);
  });

  it("has the changes of its route, of Location too", () => {
    const response = {
      remove: ["x-none"],
      set: [["location", "/else"]],
      add: [
        ["set-cookie", "a=1"],
        ["set-cookie", "b=2"],
      ],
    } as const;
    expect(answer({ redirect: { status: 303, path: "/x" }, response }).headers).toEqual([
      ["location", "/else"],
      ["set-cookie", "a=1"],
      ["set-cookie", "b=2"],
    ]);
  });
});

it("says nothing of the route's CORS policy, as in Envoy", () => {
  const cors = { origins: [{ kind: "exact", value: "https://app.test" }], unmatched: "FORWARD" } as const;
  const request = { headers: headers({ origin: "https://app.test" }) };
  expect(answer({ redirect: { status: 302, path: "/x" }, cors }, request).headers).toEqual([
    ["location", "http://api.test/x"],
  ]);
});

describe("a direct response", () => {
  it("is as the route says", () => {
    const response = { set: [["content-type", "text/html"]] } as const;
    expect(answer({ direct: { status: 418, body: "tea" }, response })).toMatchObject({
      code: "direct_response",
      status: 418,
      body: "tea",
      headers: [["content-type", "text/html"]],
      flag: "",
    });
  });

  it("may be bytes, which a record holds in base64", () => {
    const given = answer({ direct: { status: 200, body: "/+8=", base64: true } });
    expect(given.body).toEqual(new Uint8Array([255, 239]));
    expect(describeDecision(given)).toMatchObject({ body: "/+8=" });
  });
});
