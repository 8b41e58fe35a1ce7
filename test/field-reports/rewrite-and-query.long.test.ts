import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EchoMesh, policy, routes } from "./echo-mesh.ts";

const to = (name: string) => [{ destination: { host: name } }];
const QUERY = routes(
  "query",
  [
    { match: [{ queryParams: { q: { exact: "a%20b" } } }], rewrite: { uri: "/escaped" }, route: to("query") },
    { match: [{ queryParams: { q: { exact: "a+b" } } }], rewrite: { uri: "/plus" }, route: to("query") },
    { match: [{ queryParams: { q: { exact: "a b" } } }], rewrite: { uri: "/decoded" }, route: to("query") },
    { match: [{ queryParams: { q: { prefix: "x=" } } }], rewrite: { uri: "/equals" }, route: to("query") },
    { match: [{ queryParams: { "k%5B%5D": { exact: "1" } } }], rewrite: { uri: "/key" }, route: to("query") },
    { match: [{ queryParams: { flag: {} } }], rewrite: { uri: "/flag" }, route: to("query") },
    { rewrite: { uri: "/none" }, route: to("query") },
  ].map((rule) => ({ ...rule, match: (rule.match ?? [{}]).map((block) => ({ uri: { exact: "/" }, ...block })) })),
);

describe("a rewrite of the path", () => {
  let mesh: EchoMesh;

  beforeAll(async () => {
    const byHeader = [{ headers: { "x-v": { exact: "2" } } }];
    mesh = await EchoMesh.start(
      12_400,
      ["header", "nothing", "bare", "guarded", "several", "query"],
      [
        routes("header", [{ match: byHeader, rewrite: { uri: "/v2/" }, route: to("header") }, { route: to("header") }]),
        routes("nothing", [{ rewrite: { uri: "/v2/" }, route: to("nothing") }]),
        routes("bare", [{ match: byHeader, rewrite: { uri: "/v2" }, route: to("bare") }]),
        routes("guarded", [
          { match: byHeader, rewrite: { uri: "/v2/" }, route: to("guarded") },
          { route: to("guarded") },
        ]),
        policy("guarded", "DENY", { to: [{ operation: { paths: ["/v2/admin"] } }] }),
        routes("several", [
          { match: [{ uri: { prefix: "/api/" } }, ...byHeader], rewrite: { uri: "/v2/" }, route: to("several") },
        ]),
        QUERY,
      ],
    );
  });
  afterAll(() => mesh.stop());

  it.each([
    { name: "header", target: "/a/b", want: "/v2/a/b" },
    { name: "header", target: "/", want: "/v2/" },
    { name: "header", target: "/a/?q=1", want: "/v2/a/?q=1" },
    { name: "header", target: "/a%2Db/%C3%A9", want: "/v2/a-b/%C3%A9" },
    { name: "nothing", target: "/a/b", want: "/v2/a/b" },
    { name: "bare", target: "/a/b", want: "/v2a/b" },
    { name: "several", target: "/api/a", want: "/v2/a" },
    { name: "several", target: "/a/b", want: "/v2/a/b" },
    { name: "guarded", target: "/other", want: "/v2/other" },
  ])("of a match without uri swaps the prefix `/`: $name $target to $want", async ({ name, target, want }) => {
    const { arrived } = await mesh.send(name, target, { headers: [["x-v", "2"]] });
    expect(arrived?.target).toBe(want);
  });

  it("is what the service's policies see", async () => {
    expect((await mesh.send("guarded", "/admin", { headers: [["x-v", "2"]] })).status).toBe(403);
    expect((await mesh.send("guarded", "/admin")).status).toBe(200);
  });

  it.each([
    { query: "q=a%20b", route: "escaped" },
    { query: "q=a+b", route: "plus" },
    { query: "q=a%2Bb", route: "none" },
    { query: "q=%61+b", route: "none" },
    { query: "%71=a+b", route: "none" },
    { query: "q=x=y", route: "equals" },
    { query: "x=1&q=a%20b&q=a+b", route: "escaped" },
    { query: "k%5B%5D=1", route: "key" },
    { query: "k[]=1", route: "none" },
    { query: "flag", route: "flag" },
    { query: "a&flag=", route: "flag" },
    { query: "flags=1", route: "none" },
  ])("a query is matched and forwarded as it stands: ?$query to $route", async ({ query, route }) => {
    const { arrived } = await mesh.send("query", `/?${query}`);
    expect(arrived?.target).toBe(`/${route}?${query}`);
  });
});
