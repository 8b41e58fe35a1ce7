import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { tulle } from "../cli/tulle.ts";

const ROOT = join(import.meta.dirname, "../..");
/** Of the gateway, compressed: an isolate starts the sooner the less there is to load. */
const MAX_GATEWAY_BYTES = 120 * 1024;
const MAX_BYTES = 1024 * 1024;

const ENV = { PATH: process.env["PATH"]!, HOME: process.env["HOME"]!, CLOUDFLARE_CF_FETCH_ENABLED: "false" };

interface Planned {
  readonly mesh: string;
  readonly configs: readonly { readonly worker: string; readonly config: string }[];
}
interface Checked {
  readonly workers: readonly { readonly worker: string; readonly ok: boolean; readonly says: string }[];
}

async function jsonOf<T>(folder: string, args: readonly string[]): Promise<T> {
  const run = await tulle(folder, [...args, "-o", "json"], { env: ENV });
  expect(run.code, run.stderr).toBe(0);
  return JSON.parse(run.stdout) as T;
}

/** All that differs between two of wrangler's runs for a Worker: its configuration, and the files that are made for it. */
function givenTo(worker: string, config: string): string {
  const made = join(dirname(config), worker);
  const files = existsSync(made) ? readdirSync(made).toSorted() : [];
  return [config, ...files.map((name) => join(made, name))].map((path) => readFileSync(path, "utf8")).join("\0");
}

describe("tulle deploy --dry-run", () => {
  let work: string;
  beforeAll(() => {
    work = mkdtempSync(join(tmpdir(), "tulle-dry-"));
  });
  afterAll(() => rmSync(work, { recursive: true, force: true }));

  it.each(["test/projects/storefront", "test/projects/accounts", "test/projects/feed", "examples/bookinfo"])(
    "has wrangler take every configuration of %s, and the gateway's bundle is small and free of what only control needs",
    async (project) => {
      const folder = join(work, project);
      // What its Workers share stands beside it.
      const [top = ""] = project.startsWith("test") ? [project] : project.split("/");
      cpSync(join(ROOT, top), join(work, top), { recursive: true });
      const started = await tulle(folder, ["init"], { env: ENV });
      expect(started.code, started.stderr).toBe(0);
      const file = join(folder, "tulle.jsonc");
      const before = readFileSync(file, "utf8");
      // Every Worker gets an entry of its own, too.
      writeFileSync(file, before.replaceAll(/"versions":/g, `"calls": ["*"], "versions":`));
      const taken = new Map<string, string>();
      for (const text of project.startsWith("test") ? [readFileSync(file, "utf8"), before] : [before]) {
        writeFileSync(file, text);
        const { mesh, configs } = await jsonOf<Planned>(folder, ["deploy", "--plan"]);
        expect(configs.length).toBeGreaterThan(5);
        const given = configs.map(({ worker, config }) => [worker, givenTo(worker, join(folder, config))] as const);
        // What it was given already, to the byte, it takes again.
        const fresh = given.filter(([worker, all]) => taken.get(worker) !== all);
        for (const [worker, all] of fresh) taken.set(worker, all);
        const only = fresh.map(([worker]) => worker);
        const { workers } = await jsonOf<Checked>(folder, ["deploy", "--dry-run", "--only", ...only]);
        expect(workers.map(({ worker }) => worker)).toEqual(only);
        expect(workers.filter(({ ok, says }) => !ok || !says.startsWith("Total Upload: "))).toEqual([]);
        for (const { worker } of workers) {
          const out = join(folder, ".tulle/deploy", mesh, "bundles", worker);
          const bundle = readdirSync(out)
            .filter((name) => name.endsWith(".js"))
            .map((name) => readFileSync(join(out, name)));
          const bytes = bundle.reduce((sum, each) => sum + gzipSync(each).length, 0);
          const isGateway = worker.includes("gateway");
          expect(bytes, worker).toBeGreaterThan(0);
          expect(bytes, worker).toBeLessThan(isGateway ? MAX_GATEWAY_BYTES : MAX_BYTES);
          if (isGateway)
            for (const library of ["drizzle", "ZodError", "tsyringe"])
              expect(bundle.map(String).join("").includes(library), library).toBe(false);
        }
      }
    },
  );
});
