import { rmSync } from "node:fs";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Asked, type FakeControl, refused, startFakeControl } from "./fake-control.ts";
import { folderFor, TOKEN, tulle, write } from "./tulle.ts";

const DAY_MS = 86_400_000;

let control: FakeControl;
let folder: string;

beforeAll(async () => {
  control = await startFakeControl();
  folder = folderFor(control.url, "team");
});
afterAll(async () => {
  await control.close();
  rmSync(folder, { recursive: true });
});
beforeEach(() => {
  control.asked.length = 0;
  control.routes = { "POST /api/v1/tokens": created };
});

function created({ body }: Asked) {
  const { name, role, namespace = null, ttlSeconds } = JSON.parse(body) as Record<string, string | number | undefined>;
  const expiresAt = typeof ttlSeconds === "number" ? Date.now() + ttlSeconds * 1_000 : null;
  return { status: 201, body: { id: "id-1", token: "tulle_new", name, role, namespace, expiresAt } };
}

const wanted = (): unknown => JSON.parse(control.asked[0]?.body ?? "null");

describe("tulle token create", () => {
  it("prints the token alone on stdout, for a day and every namespace where nothing else is said", async () => {
    const { code, stdout, stderr } = await tulle(folder, ["token", "create", "ci", "--role", "viewer"]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: "tulle_new\n" });
    expect(stderr).toBe("token id-1 for ci: viewer, expires in 1d\n");
    expect(wanted()).toEqual({ name: "ci", role: "viewer", ttlSeconds: 86_400 });
  });

  it.each([
    { ttl: "90s", want: { ttlSeconds: 90 } },
    { ttl: "10m", want: { ttlSeconds: 600 } },
    { ttl: "1h30m", want: { ttlSeconds: 5_400 } },
    { ttl: "7d", want: { ttlSeconds: 604_800 } },
    { ttl: "never", want: {} },
  ])("takes --ttl $ttl, and -n", async ({ ttl, want }) => {
    const args = ["token", "create", "ci", "--role", "editor", "-n", "shop", "--ttl", ttl];
    expect((await tulle(folder, args)).code).toBe(0);
    expect(wanted()).toEqual({ name: "ci", role: "editor", namespace: "shop", ...want });
  });

  it("gives what --permit names, each one by one", async () => {
    const args = ["token", "create", "oncall", "--role", "viewer", "--permit", "tail", "explain"];
    const { code, stderr } = await tulle(folder, args);
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: "token id-1 for oncall: viewer, with tail and explain, expires in 1d\n",
    });
    expect(wanted()).toMatchObject({ name: "oncall", permissions: ["tail", "explain"] });
  });

  it("prints a kubeconfig that works", async () => {
    const args = ["token", "create", "ci", "--role", "admin", "-o", "kubeconfig"];
    const { stdout } = await tulle(folder, args);
    const file = write(folder, "ci.kubeconfig", stdout);
    expect(stdout).not.toContain(TOKEN);
    control.routes = { "GET /api/v1/tokens": () => ({ body: { tokens: [] } }) };
    expect((await tulle(folder, ["token", "list", "--kubeconfig", file])).code).toBe(0);
    expect(control.asked.at(-1)?.headers.authorization).toBe("Bearer tulle_new");
  });

  it("prints JSON", async () => {
    const { stdout } = await tulle(folder, ["token", "create", "ci", "--role", "admin", "-o", "json"]);
    expect(JSON.parse(stdout)).toMatchObject({ id: "id-1", token: "tulle_new", namespace: null });
  });

  it.each([
    { name: "no role", args: ["ci"], says: "required option `--role <role>`" },
    { name: "another role", args: ["ci", "--role", "root"], says: "viewer, editor, admin" },
    { name: "another permission", args: ["ci", "--role", "viewer", "--permit", "all"], says: "tail, explain" },
    { name: "a short life", args: ["ci", "--role", "viewer", "--ttl", "59s"], says: "Give 1m to 366d, or never" },
    { name: "a long life", args: ["ci", "--role", "viewer", "--ttl", "367d"], says: "Give 1m to 366d, or never" },
    { name: "no duration", args: ["ci", "--role", "viewer", "--ttl", "1y"], says: "such as 90s, 10m, 24h or 7d" },
    { name: "an odd name", args: ["C I", "--role", "viewer"], says: "`C I` is no name for a token" },
    { name: "no name", args: ["--role", "viewer"], says: "missing required argument `name`" },
  ])("refuses $name", async ({ args, says }) => {
    const ended = await tulle(folder, ["token", "create", ...args]);
    expect(ended).toMatchObject({ code: 2, stdout: "" });
    expect(ended.stderr).toContain(says);
    expect(control.asked).toEqual([]);
  });
});

describe("tulle token list", () => {
  it("prints a line for each, and never a secret", async () => {
    const [past, later] = [Date.UTC(2020, 0, 1), Date.now() + DAY_MS];
    const tokens = [
      {
        id: "1",
        name: "admin",
        role: "admin",
        namespace: null,
        permissions: ["tail", "explain"],
        expiresAt: null,
        revokedAt: null,
      },
      {
        id: "2",
        name: "ci",
        role: "editor",
        namespace: "shop",
        permissions: ["tail"],
        expiresAt: past,
        revokedAt: null,
      },
      { id: "3", name: "old", role: "viewer", namespace: null, expiresAt: later, revokedAt: past },
    ];
    control.routes = { "GET /api/v1/tokens": () => ({ body: { tokens } }) };
    const { code, stdout } = await tulle(folder, ["token", "list"]);
    expect(code).toBe(0);
    const end = new Date(later).toISOString().replace(/\.\d+/, "");
    expect(stdout.split("\n")).toEqual([
      "ID   NAME    ROLE     NAMESPACE   PERMITS        EXPIRES                STATE",
      "1    admin   admin    (all)       tail,explain   never                  active",
      "2    ci      editor   shop        tail           2020-01-01T00:00:00Z   expired",
      `3    old     viewer   (all)       -              ${end}   revoked`,
      "",
    ]);
  });
});

describe("tulle token revoke", () => {
  it("ends one by its id, whatever characters that has", async () => {
    control.routes = { "DELETE /api/v1/tokens/a%2Fb": () => ({ status: 204, body: "" }) };
    expect(await tulle(folder, ["token", "revoke", "a/b"])).toEqual({
      code: 0,
      stdout: "token/a/b revoked\n",
      stderr: "",
    });
  });

  it("says where there is none", async () => {
    control.routes = { "DELETE /api/v1/tokens/x": () => refused("NotFound", "there is no token `x` to revoke") };
    const { code, stderr } = await tulle(folder, ["token", "revoke", "x"]);
    expect({ code, stderr }).toEqual({ code: 1, stderr: "error: there is no token `x` to revoke\n" });
  });
});

describe("tulle token bootstrap", () => {
  it("prints the first administrator's token for the bootstrap secret, or a kubeconfig that holds it", async () => {
    control.routes = { "POST /api/v1/bootstrap": () => ({ status: 201, body: { id: "id-2", token: "tulle_first" } }) };
    const secret = write(folder, "bootstrap-secret", "the-secret\n");
    const args = ["token", "bootstrap", "--server", control.url, "--token-file", secret];
    const { code, stdout, stderr } = await tulle(folder, args);
    expect({ code, stdout }).toEqual({ code: 0, stdout: "tulle_first\n" });
    expect(stderr).not.toContain("the-secret");
    expect(control.asked.at(-1)?.headers.authorization).toBe("Bearer the-secret");
    const config = await tulle(folder, [...args, "-o", "kubeconfig"]);
    expect(config.stdout).toContain("tulle_first");
    expect(config.stdout).toContain(`${control.url}/k8s`);
  });

  it("ends with 1 where the secret is wrong", async () => {
    control.routes = {
      "POST /api/v1/bootstrap": () => refused("Unauthorized", "this needs the bootstrap secret"),
    };
    expect((await tulle(folder, ["token", "bootstrap"])).code).toBe(1);
  });
});
