import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { InstalledPackage, registryReached } from "../support/installed-package.ts";
import { until } from "../support/until.ts";

const PAGE = readFileSync(join(import.meta.dirname, "../../docs/start.md"), "utf8");

/** The page's ports are the usual ones, which a mesh of somebody's may have. */
const PAGE_PORT_BASE = 18_000;
const PORT_BASE = 20_400;

/** A bound on what hangs. */
const PATIENCE = { timeout: 600_000 };

const IS_REACHED = registryReached();
if (!IS_REACHED) console.log("not run: npm's registry");

interface Step {
  readonly command: string;
  /** What it prints; `…` stands for anything; null: the page does not say. */
  readonly printed: string | null;
}

function stepsOf(page: string): readonly Step[] {
  const blocks = [...page.matchAll(/^```(\w+)\n(.*?)\n```$/gms)].map(([, kind = "", text = ""]) => ({ kind, text }));
  return blocks.flatMap(({ kind, text }, at) => {
    const next = blocks[at + 1];
    return kind === "sh" ? [{ command: text, printed: next?.kind === "text" ? next.text : null }] : [];
  });
}

function asPattern(text: string): RegExp {
  const parts = text.split("…").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`);
}

let installed: InstalledPackage;
let dev: ReturnType<InstalledPackage["start"]> | null = null;
beforeAll(() => {
  if (IS_REACHED) installed = InstalledPackage.install();
});
afterAll(async () => {
  if (dev !== null && dev.exitCode === null) {
    // Its output ends with the last of its processes; npx itself ends before them.
    const ended = new Promise((resolve) => dev?.once("close", resolve));
    dev.kill("SIGTERM");
    await ended;
  }
  installed?.remove();
});

it.skipIf(!IS_REACHED)("docs/start.md leads from two Workers to a canary as it stands", PATIENCE, async () => {
  const folder = join(installed.project, "start");
  mkdirSync(folder);
  const here = (command: string) =>
    `cd start && ${command.replaceAll(`127.0.0.1:${PAGE_PORT_BASE + 10}`, `127.0.0.1:${PORT_BASE + 10}`)}`;
  let said = "";
  for (const { command, printed } of stepsOf(PAGE)) {
    if (command === "npx tulle dev") {
      dev = installed.start("bash", ["-c", here(`exec npx tulle dev --port-base ${PORT_BASE}`)]);
      for (const stream of [dev.stdout, dev.stderr]) stream.on("data", (text: Buffer) => (said += text.toString()));
      await until("the mesh", () =>
        said.includes("The mesh is up") ? true : dev?.exitCode === null ? false : stop(said),
      );
      continue;
    }
    if (printed === null) {
      expect(installed.run("bash", ["-euc", here(command)]), command).toMatchObject({ status: 0 });
      continue;
    }
    let last = "";
    // What was saved is applied a moment later.
    await until(`${printed}\nof\n${command}\nin ${said}`, () => {
      last = installed.run("bash", ["-c", here(command)]).stdout.trim();
      return asPattern(printed).test(last);
    });
    expect(last).toMatch(asPattern(printed));
  }
});

function stop(said: string): never {
  throw new Error(`tulle dev ended: ${said}`);
}
