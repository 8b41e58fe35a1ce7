import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { readProject } from "../../project/read-project.ts";

const folders: string[] = [];

/** A folder with these files. */
function folder(files: Readonly<Record<string, string>>): string {
  const made = mkdtempSync(join(tmpdir(), "tulle-project-"));
  folders.push(made);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(made, name)), { recursive: true });
    writeFileSync(join(made, name), text);
  }
  return made;
}

afterEach(() => {
  for (const made of folders.splice(0)) rmSync(made, { recursive: true });
});

const WEB = `name = "web"
main = "index.ts"
compatibility_date = "2026-10-01"
services = [{ binding = "ORDERS", service = "orders", entrypoint = "Admin", props = { role = "web" } }]
`;
const ORDERS = `{
  // Comments stay.
  "name": "orders", "main": "index.ts", "compatibility_date": "2026-10-01",
  "env": { "v2": { "vars": { "V": "2" } } },
}`;
const MESH = `{
  "mesh": "shop",
  // A mesh of two.
  "namespaces": { "default": { "services": {
    "web": { "versions": { "v1": { "config": "web/wrangler.toml" } } },
    "orders": { "versions": { "v1": { "config": "orders/wrangler.jsonc" },
      "v2": { "config": "orders/wrangler.jsonc", "environment": "v2" } } },
  } } },
}`;

async function refusal(files: Readonly<Record<string, string>>): Promise<string> {
  const from = folder(files);
  try {
    await readProject({ from });
  } catch (error) {
    return (error as Error).message.replaceAll(from, ".");
  }
  throw new Error("nothing is wrong");
}

describe("readProject", () => {
  it("finds the tsconfig of a Worker and of its environments, wherever it is called from", async () => {
    const config = {
      name: "web",
      main: "index.ts",
      compatibility_date: "2026-10-01",
      tsconfig: "tsconfig.web.json",
      env: { next: {}, own: { tsconfig: "deep/tsconfig.json" } },
    };
    const of = (name: string, environment: string) => [name, { config: "wrangler.json", environment }];
    const versions = Object.fromEntries([["v1", { config: "wrangler.json" }], of("v2", "next"), of("v3", "own")]);
    const made = folder({
      "tulle.jsonc": JSON.stringify({ mesh: "shop", namespaces: { default: { services: { web: { versions } } } } }),
      "wrangler.json": JSON.stringify(config),
      "tsconfig.web.json": "{}",
      "deep/tsconfig.json": "{}",
    });
    const calledFrom = vi.spyOn(process, "cwd");
    try {
      for (const cwd of [process.cwd(), "/", made, join(made, "deep"), join(made, "a/much/deeper/one")]) {
        calledFrom.mockReturnValue(cwd);
        const { configs } = await readProject({ from: made });
        expect([cwd, ...[...configs].map(([name, { config: read }]) => [name, read.tsconfig])]).toEqual([
          cwd,
          ["web", join(made, "tsconfig.web.json")],
          ["web-next", join(made, "tsconfig.web.json")],
          ["web-own", join(made, "deep/tsconfig.json")],
        ]);
      }
    } finally {
      calledFrom.mockRestore();
    }
  });

  it("reads toml and jsonc, with environments, from a folder below the file's too", async () => {
    const made = folder({ "tulle.jsonc": MESH, "web/wrangler.toml": WEB, "orders/wrangler.jsonc": ORDERS });
    const { topology, configs } = await readProject({ from: join(made, "web") });
    expect([...configs.keys()]).toEqual(["web", "orders", "orders-v2"]);
    expect(configs.get("orders-v2")?.config.vars).toEqual({ V: "2" });
    expect(topology.services[0]?.workers[0]?.bindings[0]?.props.entrypoint).toBe("Admin");
    expect(topology.gateways[0]?.endpoints.map(({ worker }) => worker)).toEqual([
      "web",
      "orders",
      "orders",
      "orders-v2",
      "orders-v2",
    ]);
  });

  it("tells line and column of what is wrong in the file", async () => {
    const wrong = MESH.replace(`"mesh": "shop"`, `"mesh": "Shop"`).replace(`"web/wrangler.toml"`, `1`);
    expect(await refusal({ "tulle.jsonc": wrong })).toBe(
      [
        "tulle.jsonc:2:11: mesh: lower-case letters, digits and `-`, at most 63",
        "tulle.jsonc:5:46: namespaces.default.services.web.versions.v1.config: Invalid input: expected string, received number",
      ].join("\n"),
    );
  });

  it.each<[string, Readonly<Record<string, string>>, RegExp]>([
    ["a folder without a mesh file", {}, /^no tulle\.jsonc in this folder or above it: `tulle init` writes one/],
    [
      "a file that is no JSON",
      { "tulle.jsonc": "{\n  oops" },
      /^tulle\.jsonc:2:3: no JSON with comments: InvalidSymbol/,
    ],
    [
      "a service that stands there twice",
      { "tulle.jsonc": MESH.replace(`"web": {`, `"orders": { "versions": {} }, "web": {`) },
      /^tulle\.jsonc:6:5: namespaces\.default\.services\.orders: it stands here twice$/,
    ],
    [
      "a service that is lost to JavaScript",
      { "tulle.jsonc": MESH.replace(`"web": {`, `"__proto__": {`) },
      /^tulle\.jsonc:5:5: namespaces\.default\.services\.__proto__: it cannot be a name$/,
    ],
    [
      "a Worker whose name would lead its files elsewhere",
      {
        "tulle.jsonc": MESH.replace(`"environment": "v2"`, `"environment": "/../../../v2"`),
        "web/wrangler.toml": WEB,
        "orders/wrangler.jsonc": ORDERS.replace(`"v2"`, `"/../../../v2"`),
      },
      /orders\/wrangler\.jsonc: "orders-\/\.\.\/\.\.\/\.\.\/v2" is no name of a Worker/,
    ],
    [
      "a Durable Object of the mesh's own state",
      {
        "tulle.jsonc": MESH,
        "web/wrangler.toml": `${WEB}durable_objects.bindings = [{ name = "CELL", class_name = "Cell", script_name = "shop-state" }]\n`,
        "orders/wrangler.jsonc": ORDERS,
      },
      /web\/wrangler\.toml: `CELL` binds `shop-state`, which is the mesh's own/,
    ],
    [
      "a configuration that is not there",
      { "tulle.jsonc": MESH },
      /^no such wrangler configuration: .*web\/wrangler\.toml/,
    ],
    [
      "an environment that is not there",
      {
        "tulle.jsonc": MESH.replace(`"environment": "v2"`, `"environment": "v3"`),
        "web/wrangler.toml": WEB,
        "orders/wrangler.jsonc": ORDERS,
      },
      /No environment found in configuration with name "v3"/,
    ],
    [
      "a Worker without a name",
      { "tulle.jsonc": MESH, "web/wrangler.toml": `main = "index.ts"`, "orders/wrangler.jsonc": ORDERS },
      /web\/wrangler\.toml: the Worker has no `name`/,
    ],
  ])("refuses %s, with words that help", async (_, files, expected) => {
    expect(await refusal(files)).toMatch(expected);
  });
});
