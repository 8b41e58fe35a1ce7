import { execFileSync } from "node:child_process";
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { InstalledPackage, registryReached } from "../support/installed-package.ts";
import { send } from "../support/http.ts";
import { RunningMesh } from "../support/mesh.ts";
import { toolPath } from "../support/tools.ts";
import { until } from "../support/until.ts";

const CHECKOUT = join(import.meta.dirname, "../..");
const { version: VERSION, dependencies: OURS } = JSON.parse(readFileSync(join(CHECKOUT, "package.json"), "utf8")) as {
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
};

const IS_REACHED = registryReached();
if (!IS_REACHED) console.log("not run: npm's registry");
const IS_TRACED = toolPath("strace") !== null;

describe.skipIf(!IS_REACHED)("the tarball, installed in an empty folder", () => {
  let installed: InstalledPackage;
  beforeAll(() => {
    installed = InstalledPackage.install();
  });
  afterAll(() => installed?.remove());

  const inPackage = (...path: string[]) => join(installed.project, "node_modules/tulle", ...path);
  const files = () =>
    readdirSync(inPackage(), { recursive: true, withFileTypes: true }).filter((each) => each.isFile());

  it("is built JavaScript, with types, and knows no place of the machine that built it", () => {
    const texts = files().map(({ parentPath, name }) => readFileSync(join(parentPath, name), "utf8"));
    expect(texts.length).toBeGreaterThan(15);
    expect(texts.filter((text) => text.includes(CHECKOUT))).toEqual([]);
    const typeScript = files()
      .map(({ name }) => name)
      .filter((name) => name.endsWith(".ts"));
    expect(typeScript.filter((name) => !name.endsWith(".d.ts"))).toEqual([]);
    expect(typeScript).not.toEqual([]);
  });

  it("has the pages that its code and its README send people to", () => {
    const built = readdirSync(inPackage("dist"), { recursive: true, encoding: "utf8" }).filter((name) =>
      name.endsWith(".js"),
    );
    const texts = built.map((name) => readFileSync(inPackage("dist", name), "utf8"));
    const named = texts.flatMap((text) => text.match(/\bdocs\/[\w-]+\.md\b/g) ?? []);
    expect(named).toContain("docs/findings.md");
    const linked = [...readFileSync(inPackage("README.md"), "utf8").matchAll(/\]\(([^):#]+)\)/g)].map(
      ([, path = ""]) => path,
    );
    expect(linked).toContain("docs/cli.md");
    expect([...new Set([...named, ...linked])].filter((path) => !existsSync(inPackage(path)))).toEqual([]);
  });

  it("depends on what its code imports and runs, at the versions of the checkout, and has nothing for its development", () => {
    const manifest = JSON.parse(readFileSync(inPackage("package.json"), "utf8")) as Record<string, unknown>;
    const { dependencies, engines } = manifest as { dependencies: Record<string, string>; engines: object };
    expect(OURS).toMatchObject(dependencies);
    expect(Object.keys(dependencies)).toEqual(expect.arrayContaining(["miniflare", "wrangler"]));
    expect(engines).toEqual({ node: ">=22.12" });
    for (const absent of ["devDependencies", "optionalDependencies", "scripts", "private"])
      expect(manifest).not.toHaveProperty(absent);
  });

  it("says its version and its commands by npx, and loads neither wrangler nor the runtime for it", async () => {
    const run = (name: string, args: readonly string[]) =>
      installed.run(...installed.traced(join(installed.folder, name), "npx", ["tulle", ...args]));
    expect(run("version.trace", ["--version"])).toMatchObject({ status: 0, stdout: `${VERSION}\n`, stderr: "" });
    const help = run("help.trace", ["--help"]);
    expect(help).toMatchObject({ status: 0, stderr: "" });
    expect(help.stdout).toContain("analyze");
    if (!IS_TRACED) return;
    for (const name of ["version.trace", "help.trace"]) {
      const named = await filesNamed(join(installed.folder, name));
      expect(named.filter((path) => path.startsWith(inPackage("dist/cli.js")))).not.toEqual([]);
      expect(named.filter((path) => /node_modules\/(wrangler|miniflare|workerd)\//.test(path))).toEqual([]);
    }
  });

  it("analyzes a file", () => {
    const manifest = {
      apiVersion: "networking.istio.io/v1",
      kind: "VirtualService",
      metadata: { name: "reviews", namespace: "default" },
      spec: { hosts: ["reviews"], http: [{ route: [{ destination: { host: "nobody" } }] }] },
    };
    writeFileSync(join(installed.project, "reviews.yaml"), JSON.stringify(manifest));
    const command = ["tulle", "analyze", "-f", "reviews.yaml", "-o", "json"];
    const analyzed = installed.run(...installed.traced(join(installed.folder, "analyze.trace"), "npx", command));
    expect(analyzed.stderr).toBe("0 errors, 1 warning, 0 infos in 1 object\n");
    expect(JSON.parse(analyzed.stdout)).toMatchObject({
      findings: [{ name: "UnknownService", object: { name: "reviews" } }],
    });
  });

  it("gives types of what a Worker imports of it", () => {
    writeFileSync(
      join(installed.project, "worker.ts"),
      `import { isMeshError } from "tulle/errors";
export function denied(error: unknown): string | null {
  return isMeshError(error) && error.name === "MeshDenied" ? error.requestId : null;
}
export const misspelt = (error: unknown) => isMeshError(error) && error.name === "MeshDeny";
`,
    );
    const tsc = join(CHECKOUT, "node_modules/.bin/tsc");
    const checked = installed.run(tsc, ["--noEmit", "--strict", "--module", "nodenext", "--types", "", "worker.ts"]);
    expect(checked.stdout.trim().split("\n")).toEqual([expect.stringMatching(/^worker\.ts\(5,\d+\): error TS2367/)]);
    const imported = installed.run("node", [
      "-e",
      'import("tulle/errors").then((all) => console.log(all.isMeshError({})))',
    ]);
    expect(imported).toMatchObject({ status: 0, stdout: "false\n" });
  });

  it("runs a folder of Workers as a mesh, through gateways as small as deployed ones, and ends with npx", async () => {
    const folder = join(installed.project, "accounts");
    cpSync(join(import.meta.dirname, "../projects/accounts"), folder, { recursive: true });
    const traced = (name: string, ...command: string[]) =>
      installed.traced(join(installed.folder, name), "npx", ["tulle", ...command]);
    expect(installed.run(...traced("init.trace", "init", "accounts"))).toMatchObject({ status: 0 });
    const dev = () => installed.start(...traced("dev.trace", "dev", "accounts", "-o", "json", "--port-base", "32500"));
    const mesh = await RunningMesh.start([], join(folder, ".tulle"), dev);
    try {
      const call = async (path: string) => (await send(`${mesh.info.gateway}${path}`)).text;
      // The first of all may come before the gateway knows the service.
      await until("the service", async () => (await call("/whoami")).includes("acme"));
      expect(await call("/deposit")).toBe('{"balance":15}');
      expect(await call("/close")).toContain('"name":"ScopeError"');
      const asked = installed.run("npx", ["tulle", "status", "--kubeconfig", join(folder, ".tulle/kubeconfig")]);
      expect(asked).toMatchObject({ status: 0, stderr: "" });
    } finally {
      await mesh.stop();
    }
    // npx alone got the signal.
    await until("the end of the mesh", () => !isAlive(mesh.info.pid));
  });

  it.skipIf(!IS_TRACED)("reads no file of the checkout in all that", async () => {
    for (const name of ["version.trace", "help.trace", "analyze.trace", "init.trace", "dev.trace"]) {
      const named = await filesNamed(join(installed.folder, name));
      expect(named.length).toBeGreaterThan(50);
      expect(named.filter((path) => `${path}/`.startsWith(`${CHECKOUT}/`))).toEqual([]);
    }
  });
});

it("is not what `npm pack` makes of the checkout itself: that says how to", () => {
  expect(() => execFileSync("npm", ["pack", "--dry-run"], { cwd: CHECKOUT, encoding: "utf8", stdio: "pipe" })).toThrow(
    "`npm run pack` builds it",
  );
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** The absolute paths in a list that `strace` keeps, once its first process has ended. */
async function filesNamed(list: string): Promise<readonly string[]> {
  const lines = await until(`the end of ${list}`, () => {
    const read = readFileSync(list, "utf8").trimEnd().split("\n");
    const first = read[0]?.split(" ", 1)[0];
    return read.some((line) => line.startsWith(`${first} `) && line.includes(" +++ ")) && read;
  });
  return lines.flatMap((line) => [...line.matchAll(/"(\/[^"]*)"/g)].map(([, path = ""]) => path));
}
