import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { tulle } from "../cli/tulle.ts";

const ROOT = join(import.meta.dirname, "../..");
/** Of the gateway, compressed: an isolate starts the sooner the less there is to load. */
const MAX_GATEWAY_BYTES = 120 * 1024;
const MAX_BYTES = 1024 * 1024;

const ENV = { PATH: process.env["PATH"]!, HOME: process.env["HOME"]!, CLOUDFLARE_CF_FETCH_ENABLED: "false" };

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
      for (const text of project.startsWith("test") ? [readFileSync(file, "utf8"), before] : [before]) {
        writeFileSync(file, text);
        const run = await tulle(folder, ["deploy", "--dry-run", "-o", "json"], { env: ENV });
        expect(run.code, run.stderr).toBe(0);
        const { mesh, workers } = JSON.parse(run.stdout) as {
          readonly mesh: string;
          readonly workers: readonly { readonly worker: string; readonly ok: boolean; readonly says: string }[];
        };
        expect(workers.length).toBeGreaterThan(5);
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
