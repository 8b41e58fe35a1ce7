import { METHODS as NODE_METHODS } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { METHODS } from "../../src/match/methods.ts";
import { EchoMesh, policy, routes } from "./echo-mesh.ts";

const to = (name: string) => [{ destination: { host: name } }];
/** Those that the client and the local edge, both Node, can carry too. */
const CARRIED = [...METHODS].filter((method) => NODE_METHODS.includes(method));

describe("what a rule may name", () => {
  let mesh: EchoMesh;

  beforeAll(async () => {
    mesh = await EchoMesh.start(
      12_600,
      ["methods", "guarded", "authority"],
      [
        routes(
          "methods",
          CARRIED.map((method) => ({
            match: [{ method: { exact: method } }],
            headers: { request: { set: { "x-route": method } } },
            route: to("methods"),
          })),
        ),
        policy("guarded", "DENY", { to: [{ operation: { methods: ["PROPFIND", "M*"] } }] }),
        routes("authority", [
          { match: [{ authority: { exact: "Authority.TEST" } }], rewrite: { uri: "/exact/" }, route: to("authority") },
          { rewrite: { uri: "/none/" }, route: to("authority") },
        ]),
      ],
    );
  });
  afterAll(() => mesh.stop());

  it.each(CARRIED)("a request of method %s is routed by it", async (method) => {
    const { status, arrived } = await mesh.send("methods", "/", { method });
    expect(status).toBe(200);
    if (method !== "HEAD") expect(arrived).toMatchObject({ method, headers: { "x-route": method } });
  });

  it.each(["PROPFIND", "MKCOL", "MOVE"])("a denial of %s denies it, and no other method", async (method) => {
    expect((await mesh.send("guarded", "/", { method })).status).toBe(403);
    expect((await mesh.send("guarded", "/", { method: "PROPPATCH" })).status).toBe(200);
  });

  it.each(["LINK", "MKCALENDAR"])("the runtime refuses %s before any rule is asked", async (method) => {
    expect((await mesh.send("methods", "/", { method })).status).toBe(501);
  });

  it("an authority that a route writes in capitals is the same host", async () => {
    expect((await mesh.send("authority", "/a")).arrived?.target).toBe("/exact/a");
  });

  const matching = (match: unknown) => routes("methods", [{ match: [match], route: to("methods") }]);
  const denying = (operation: unknown) => policy("guarded", "DENY", { to: [{ operation }] });
  it.each<readonly [string, string, string | null]>([
    ["a method in small letters", matching({ method: { exact: "get" } }), "in capitals"],
    ["a method that no Worker gets", matching({ method: { exact: "LINK" } }), "no request with `LINK`"],
    ["a pattern of such methods", matching({ method: { regex: "get|post" } }), "never matches"],
    ["a path with a blank", matching({ uri: { prefix: "/a b" } }), "%20"],
    ["a path with a letter unescaped", matching({ uri: { exact: "/café" } }), "%C3%A9"],
    ["a scheme in capitals", matching({ scheme: { exact: "HTTPS" } }), "never matches"],
    ["a denied method in small letters", denying({ methods: ["delete"] }), "in capitals"],
    ["a denied path with a letter unescaped", denying({ paths: ["/café/*"] }), "%C3%A9"],
    ["a method of WebDAV", matching({ method: { exact: "PROPFIND" } }), null],
    ["an escaped path", matching({ uri: { exact: "/caf%C3%A9" } }), null],
    ["an authority in capitals", matching({ authority: { exact: "API.test" } }), null],
  ])("applying %s is answered with a warning where it never matches", async (_, yaml, says) => {
    const answer = await mesh.mesh.apply(yaml, "?dryRun=All");
    expect(answer.status).toBe(200);
    if (says === null) expect(answer.text).not.toContain("never matches");
    else expect(answer.text).toContain(says);
  });
});
