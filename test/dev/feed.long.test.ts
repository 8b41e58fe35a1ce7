import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Answer, send } from "../support/http.ts";
import { until } from "../support/until.ts";
import { Folder } from "./support/folder.ts";
import { RunningDev } from "./support/running-dev.ts";

const PORTS = ["--port-base", "30300", "--loopback", "127.0.72.0/24"];
const ROOT = join(import.meta.dirname, "../..");

/** A Worker that a command of its own builds, in its own folder. */
const BUILT = {
  "built/wrangler.jsonc": {
    name: "built",
    main: "dist/index.js",
    compatibility_date: "2026-10-20",
    build: { command: "mkdir -p dist && cp src/index.js dist/index.js", watch_dir: "src" },
  },
  "built/src/index.js": 'export default { fetch: () => new Response("built once") };\n',
};

let folder: Folder;
let dev: RunningDev;

function call(path: string, body?: string): Promise<Answer> {
  const host = path.startsWith("/built") ? "built.localhost" : "feed-site.localhost";
  return send(`${dev.info.gateway}${path}`, { host, ...(body !== undefined && { method: "POST", body }) });
}

beforeAll(async () => {
  folder = new Folder(BUILT, join(ROOT, "test/projects/feed"));
  execFileSync(process.execPath, [join(ROOT, "cli/tulle/main.ts"), "init"], { cwd: folder.path, stdio: "ignore" });
  dev = await RunningDev.start(folder.path, PORTS);
});

afterAll(async () => {
  await dev.end();
  folder.remove();
});

describe("a project with assets, D1, a queue, a Durable Object and a build of its own", () => {
  it("runs as init found it: what one Worker sends to a queue another takes, in its own process", async () => {
    expect(dev.info.project.public).toEqual({
      "default/built": expect.stringContaining("http://built.localhost:"),
      "default/feed-site": expect.stringContaining("http://feed-site.localhost:"),
    });
    // The first of all may come before the gateway knows the service.
    await until("the service", async () => (await call("/posts")).text === "[]");
    expect((await call("/posts", "hello")).text).toBe('{"id":1}');
    expect((await call("/posts")).text).toBe('[{"id":1,"text":"hello"}]');
    await until("the queue", async () => (await call("/")).text.includes("1 posts"));
  });

  it("goes on with its queue after a save of who sends and who takes", async () => {
    folder.edit("render/src/index.ts", "posts</p>", "posts, saved</p>");
    await until("the one who takes", async () => (await call("/")).text.includes("1 posts, saved"));
    folder.edit("ingest/src/index.ts", "status: 201", "status: 202");
    await until("the one who sends", async () => (await call("/posts", "again")).status === 202);
    const sent = (JSON.parse((await call("/posts")).text) as unknown[]).length;
    await until("the queue", async () => (await call("/")).text.includes(`${sent} posts`));
  });

  it("serves assets as they are saved", async () => {
    expect((await call("/style.css")).text).toContain("serif");
    folder.edit("site/public/style.css", "serif", "monospace");
    await until("the new file", async () => (await call("/style.css")).text.includes("monospace"));
    folder.save("site/public/added.txt", "added");
    await until("the added file", async () => (await call("/added.txt")).text === "added");
  });

  it("builds by the Worker's own command, in its folder, at first and after a save", async () => {
    expect((await call("/built")).text).toBe("built once");
    folder.edit("built/src/index.js", "once", "twice");
    await until("the new build", async () => (await call("/built")).text === "built twice");
  });
});
