import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** A folder with these files; what is no text is written as JSON. Its name ends with `name`. */
export function folderOf(name: string, files: Readonly<Record<string, unknown>>): string {
  const folder = join(mkdtempSync(join(tmpdir(), "tulle-project-")), name);
  for (const [path, content] of Object.entries(files)) {
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, typeof content === "string" ? content : JSON.stringify(content, null, 2));
  }
  return folder;
}

export const HANDLER = 'export default { async fetch() { return new Response("ok"); } };\n';
const DATE = "2026-10-01";

/** A Worker's wrangler configuration. */
export function config(name: string, more: object = {}): object {
  return { name, main: "src/index.ts", compatibility_date: DATE, ...more };
}

/** A Worker in a folder of its own. */
export function worker(
  path: string,
  name: string,
  more: object = {},
  code = HANDLER,
): Readonly<Record<string, unknown>> {
  return { [`${path}/wrangler.jsonc`]: config(name, more), [`${path}/src/index.ts`]: code };
}
