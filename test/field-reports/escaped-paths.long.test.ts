import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EchoMesh, policy } from "./echo-mesh.ts";

const PATHS = (paths: readonly string[]) => ({ to: [{ operation: { paths } }] });

describe("characters of a path, escaped in one way or another", () => {
  let mesh: EchoMesh;

  beforeAll(async () => {
    mesh = await EchoMesh.start(
      12_200,
      ["root", "names", "allowed", "template", "accent", "capitals", "open"],
      [
        policy("root", "DENY", PATHS(["/~root/*"])),
        policy("names", "DENY", PATHS(["/a-b", "/c.d", "/e_f", "/Zz09"])),
        policy("allowed", "ALLOW", PATHS(["/~me", "/caf%C3%A9"])),
        policy("template", "DENY", PATHS(["/users/{*}/~keys"])),
        policy("accent", "DENY", PATHS(["/caf%C3%A9/*"])),
        policy("capitals", "DENY", PATHS(["/caf%c3%a9/*"])),
      ],
    );
  });
  afterAll(() => mesh.stop());

  it.each([
    ["root", "/~root/x"],
    ["root", "/%7Eroot/x"],
    ["root", "/%7eroot/x"],
    ["root", "/%7E%72%6F%6f%74/x"],
    ["root", "/a/..%2F~root/x"],
    ["root", "/a/%2E%2e/%7Eroot/x"],
    ["names", "/a%2Db"],
    ["names", "/c%2ed"],
    ["names", "/e%5Ff"],
    ["names", "/%5Az%30%39"],
    ["template", "/users/7/%7ekeys"],
    ["accent", "/caf%C3%A9/x"],
    ["accent", "/caf%c3%a9/x"],
    ["accent", "/c%61f%c3%A9/x"],
    ["capitals", "/caf%C3%A9/x"],
    ["capitals", "/caf%c3%a9/x"],
    ["allowed", "/%7Eyou"],
    ["allowed", "/%257Eme"],
    ["allowed", "/caf%C3%A8"],
  ])("%s: %s is refused as the plain or usual spelling is", async (name, target) => {
    const { status } = await mesh.send(name, target);
    // An escaped slash is refused before any rule is asked.
    expect(status).toBe(/%2f/i.test(target) ? 400 : 403);
  });

  it.each([
    ["allowed", "/%7Eme", "/~me"],
    ["allowed", "/%7e%6d%65", "/~me"],
    ["allowed", "/caf%C3%A9", "/caf%C3%A9"],
    ["open", "/%41%7A%30%2D%2e%5F%7E?q=%7E", "/Az0-._~?q=%7E"],
    ["allowed", "/caf%c3%a9", "/caf%c3%a9"],
    ["open", "/a%20b%25%3Fc", "/a%20b%25%3Fc"],
    ["open", "/%257E", "/%257E"],
    ["open", "/%21%24%26%28", "/%21%24%26%28"],
  ])("%s: %s is forwarded as %s", async (name, target, want) => {
    const { status, arrived } = await mesh.send(name, target);
    expect([status, arrived?.target]).toEqual([200, want]);
  });

  it.each([
    { path: "/%7Eroot/*", warned: true },
    { path: "/a%2Db", warned: true },
    { path: "/~root/*", warned: false },
    { path: "/caf%C3%A9", warned: false },
    { path: "/a%20b", warned: false },
  ])("a rule for $path is warned of as one that never matches: $warned", async ({ path, warned }) => {
    const answer = await mesh.mesh.apply(policy("open", "DENY", PATHS([path])), "?dryRun=All");
    expect(answer.status).toBe(200);
    expect(answer.text.includes("never matches")).toBe(warned);
  });
});
