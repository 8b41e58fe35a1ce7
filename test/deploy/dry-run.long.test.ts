import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const PROJECT = join(import.meta.dirname, "../..");
/** Of the gateway, compressed: an isolate starts the sooner the less there is to load. */
const MAX_GATEWAY_BYTES = 120 * 1024;
const MAX_BYTES = 1024 * 1024;

const ENV = { ...process.env, CI: "1", WRANGLER_SEND_METRICS: "false", CLOUDFLARE_CF_FETCH_ENABLED: "false" };

describe("wrangler deploy --dry-run", () => {
  let folder: string;
  let configs: readonly string[];
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "tulle-dry-"));
    const plan = spawnSync(process.execPath, ["cli/deploy/main.ts", "--plan", "--state", join(folder, "state")], {
      cwd: PROJECT,
      encoding: "utf8",
    });
    expect(plan.status, plan.stderr).toBe(0);
    configs = [
      "wrangler.toml",
      "workers/control/wrangler.toml",
      "workers/state/wrangler.toml",
      ...readdirSync(join(folder, "state"), { recursive: true, encoding: "utf8" })
        .filter((name) => /\.(json|jsonc|toml)$/.test(name) && !name.includes("deployed"))
        .map((name) => join(folder, "state", name)),
    ];
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("takes every configuration, and the gateway's bundle is small and free of what only control needs", () => {
    expect(configs.length).toBeGreaterThan(8);
    for (const [index, config] of configs.entries()) {
      const out = join(folder, `out-${index}`);
      const run = spawnSync("npx", ["wrangler", "deploy", "--dry-run", "--outdir", out, "--config", config], {
        cwd: PROJECT,
        encoding: "utf8",
        env: ENV,
      });
      expect(run.status, `${config}\n${run.stdout}\n${run.stderr}`).toBe(0);
      const bundle = readdirSync(out)
        .filter((name) => name.endsWith(".js"))
        .map((name) => readFileSync(join(out, name)));
      const bytes = bundle.reduce((sum, file) => sum + gzipSync(file).length, 0);
      const isGateway = index === 0 || /gateway/.test(config.slice(folder.length));
      expect(bytes, config).toBeLessThan(isGateway ? MAX_GATEWAY_BYTES : MAX_BYTES);
      if (isGateway) {
        const text = bundle.map(String).join("");
        for (const library of ["drizzle", "ZodError", "tsyringe"]) expect(text.includes(library), library).toBe(false);
      }
    }
  });
});
