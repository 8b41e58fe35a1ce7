import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { chromium } from "playwright-core";
import { toolPath } from "./tools.ts";

const LIBRARIES = join(import.meta.dirname, "../../.tools/usr/lib");
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Chromium as `npm run tools` unpacked it. Whoever tests without a sandbox opens pages of their own alone. */
export async function openBrowser(): Promise<Browser> {
  const executablePath = toolPath("chromium");
  if (executablePath === null) throw new Error("no chromium: npm run tools");
  return chromium.launch({
    executablePath,
    chromiumSandbox: false,
    args: ["--disable-gpu", "--disable-dev-shm-usage"],
    env: { ...process.env, LD_LIBRARY_PATH: libraryPath() },
  });
}

/** Unpacked libraries, also those that packages keep in folders of their own. */
function libraryPath(): string {
  const triplets = existsSync(LIBRARIES) ? readdirSync(LIBRARIES).filter((name) => name.includes("-linux-gnu")) : [];
  return triplets
    .flatMap((name) => [join(LIBRARIES, name), join(LIBRARIES, name, "pulseaudio")])
    .concat(process.env["LD_LIBRARY_PATH"] ?? [])
    .join(":");
}

/** What a page tells that it must not: errors of its code, and what its Content-Security-Policy stopped. */
export function complaintsOf(page: Page): readonly string[] {
  const told: string[] = [];
  page.on("pageerror", (error) => told.push(String(error)));
  page.on("console", (message) => {
    // What is refused on purpose is told by the browser as an error too.
    if (message.type() === "error" && !/Failed to load resource/.test(message.text())) told.push(message.text());
  });
  return told;
}

/** Requests that a context makes to any other origin than these. */
export function strangersOf(context: BrowserContext, origin: string): readonly string[] {
  const asked: string[] = [];
  context.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(`${origin}/`) && !url.startsWith("data:") && !url.startsWith("blob:")) asked.push(url);
  });
  return asked;
}

interface Axe {
  run(
    options: unknown,
  ): Promise<{ violations: { id: string; nodes: { target: unknown; failureSummary?: string }[] }[] }>;
}

/** WCAG A and AA, and best practices, by axe-core: what it finds wrong with the page as it is. */
export async function axeViolations(page: Page): Promise<readonly string[]> {
  // The page's policy keeps markup from running it: it comes in by the debugger.
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(async () =>
    (globalThis as unknown as { axe: Axe }).axe.run({ resultTypes: ["violations"] }),
  );
  return violations.flatMap(({ id, nodes }) =>
    nodes.map((node) => `${id}: ${String(node.target)} ${node.failureSummary ?? ""}`),
  );
}
