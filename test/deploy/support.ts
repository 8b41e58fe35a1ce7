import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, vi } from "vitest";
import type { Rotatable } from "../../cli/deploy/secrets.ts";
import { openState } from "../../cli/deploy/kept.ts";
import type { DeployRun } from "../../cli/deploy/run.ts";
import { readProject } from "../../project/read-project.ts";
import { err, ok } from "../../src/result.ts";
import { FakeAccount } from "./fixtures/fake-account.ts";

const folders: string[] = [];

afterEach(() => {
  vi.restoreAllMocks();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

export function write(folder: string, files: Readonly<Record<string, string | object>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), typeof text === "string" ? text : JSON.stringify(text));
  }
}

function folderWith(files: Readonly<Record<string, string | object>>): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "tulle-deploy-")));
  folders.push(folder);
  write(folder, files);
  return folder;
}

const worker = <More extends object>(name: string, more: More) => ({
  name,
  main: "index.ts",
  compatibility_date: "2026-10-01",
  ...more,
});

/** `web` is public and binds `orders`, of which there are two versions; `orders` calls `payments` by its host name. */
export const SHOP = {
  "tulle.jsonc": {
    mesh: "shop",
    namespaces: {
      default: {
        services: {
          web: { public: ["shop.example"], versions: { v1: { config: "web/wrangler.json" } } },
          orders: {
            calls: ["payments"],
            versions: {
              v1: { config: "orders/wrangler.json" },
              v2: { config: "orders/wrangler.json", environment: "next" },
            },
          },
          payments: { versions: { v1: { config: "payments/wrangler.json" } } },
        },
      },
    },
  },
  "web/wrangler.json": worker("web", {
    services: [{ binding: "ORDERS", service: "orders", entrypoint: "Admin", props: { role: "web" } }],
  }),
  "web/index.ts": "export default {};",
  "orders/wrangler.json": worker("orders", { env: { next: { vars: { V: "2" } } } }),
  "orders/index.ts": "export default {};",
  "payments/wrangler.json": worker("payments", {}),
  "payments/index.ts": "export default {};",
};

export interface Tried {
  readonly account: FakeAccount;
  readonly folder: string;
  readonly state: string;
}

export function shop(files: Readonly<Record<string, string | object>> = SHOP): Tried {
  const folder = folderWith(files);
  return { account: new FakeAccount(), folder, state: join(folder, ".tulle/deploy/shop") };
}

/** One run of the command, as a new process would begin it. */
export async function runIn(
  { account, folder, state }: Tried,
  {
    only,
    force = false,
    environment,
    rotate = [],
    settle = async () => undefined,
  }: {
    only?: readonly string[];
    force?: boolean;
    environment?: string;
    rotate?: readonly Rotatable[];
    settle?: () => Promise<void>;
  } = {},
): Promise<DeployRun> {
  return {
    project: await readProject({ from: folder, environment, isDeployed: true }),
    state: openState(environment === undefined ? state : `${state}-${environment}`),
    wrangler: async (args) => {
      const { ok: isOk, text } = account.run(args);
      return isOk ? ok(text) : err(text);
    },
    force,
    only: only === undefined ? null : new Set(only),
    rotate: new Set(rotate),
    settle,
  };
}

/** What was printed, and told beside it, in the order of lines. */
export function captured(): () => string {
  const lines: string[] = [];
  const keep = (text: unknown) => {
    lines.push(String(text));
    return true;
  };
  vi.spyOn(process.stdout, "write").mockImplementation(keep);
  vi.spyOn(process.stderr, "write").mockImplementation(keep);
  return () => lines.join("");
}

export const OPTIONS = { output: "table", timeout: 1_000 } as const;
