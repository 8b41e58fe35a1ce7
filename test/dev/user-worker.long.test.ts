import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { UserWorker } from "../../edge/dev/user-worker.ts";
import { readProject } from "../../project/read-project.ts";
import { until } from "../support/until.ts";

const GOOD = "export const word = 'hello';\n";
const BROKEN = "export const const word = 'hello';\n";
const UNRESOLVED = "export { word } from './made-later.ts';\n";

const FILES = {
  "tulle.jsonc": `{ "mesh": "words", "namespaces": { "default": { "services": {
    "web": { "versions": { "v1": { "config": "web/wrangler.json" } } },
    "api": { "versions": { "v1": { "config": "api/wrangler.json" } } }
  } } } }`,
  "web/wrangler.json": JSON.stringify({
    name: "web",
    main: "index.ts",
    compatibility_date: "2026-10-01",
    services: [{ binding: "API", service: "api" }],
  }),
  "web/index.ts": `import { word } from "../shared/word.ts"; export default { fetch: () => new Response(word) };`,
  "api/wrangler.json": JSON.stringify({ name: "api", main: "index.ts", compatibility_date: "2026-10-01" }),
  "api/index.ts": "export default {};",
};

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "tulle-user-worker-"));
  for (const [path, text] of Object.entries(FILES)) save(path, text);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function save(path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}

it.each([
  {
    name: "a file that it imports from another folder cannot be parsed",
    text: BROKEN,
    reason: /shared\/word\.ts:1:14: /,
  },
  { name: "a module is not there", text: UNRESOLVED, reason: /shared\/word\.ts:1:22: .*made-later/ },
])("builds a Worker that could not be built when it started, once it is mended: $name", async ({ text, reason }) => {
  save("shared/word.ts", text);
  const { configs } = await readProject({ file: join(folder, "tulle.jsonc") });
  const source = configs.get("web");
  if (source === undefined) throw new Error("no Worker `web`");
  let built = 0;
  const failed: string[] = [];
  const user = new UserWorker(source, join(folder, ".tulle/dev"), {
    onBuilt: () => (built += 1),
    onFailed: (why) => failed.push(why),
  });
  try {
    await user.start();
    await until("the failure", () => failed.length > 0);
    // A file written just before may be told twice by its folder.
    for (const why of failed) expect(why).toMatch(reason);
    expect(built).toBe(0);
    save("shared/word.ts", GOOD);
    await until("the version that was mended", () => built > 0);
    // From here on wrangler watches it, as it watches others.
    const before = built;
    save("shared/word.ts", GOOD.replace("hello", "good day"));
    await until("the version after it", () => built > before);
  } finally {
    await user.stop();
  }
});

it("builds by the tsconfig that a configuration names, which an environment inherits, as wrangler in its folder does", async () => {
  const config = { name: "web", main: "index.ts", compatibility_date: "2026-10-01", tsconfig: "tsconfig.web.json" };
  save("web/wrangler.json", JSON.stringify({ ...config, env: { next: { vars: { STAGE: "next" } } } }));
  save("web/tsconfig.web.json", '{ "compilerOptions": { "paths": { "@shared/*": ["../shared/*"] } } }');
  save("web/index.ts", `import { word } from "@shared/word"; export default { fetch: () => new Response(word) };`);
  save("api/wrangler.json", JSON.stringify({ ...config, name: "api", tsconfig: undefined, env: { next: {} } }));
  save("shared/word.ts", GOOD);
  for (const environment of [undefined, "next"]) {
    const { configs } = await readProject({ file: join(folder, "tulle.jsonc"), environment });
    const source = configs.get(environment === undefined ? "web" : "web-next");
    if (source === undefined) throw new Error("no Worker `web`");
    const told: string[] = [];
    const user = new UserWorker(source, join(folder, ".tulle/dev"), {
      onBuilt: () => told.push("built"),
      onFailed: (why) => told.push(why),
    });
    try {
      await user.start();
      await until("a bundle, or why there is none", () => told.length > 0);
      expect(new Set(told)).toEqual(new Set(["built"]));
    } finally {
      await user.stop();
    }
  }
});
