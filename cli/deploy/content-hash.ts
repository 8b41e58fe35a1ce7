import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** What wrangler writes beside a bundle that says where and when it was made. */
const NO_CONTENT = /(\.map|README\.md)$/;

/** The same for the same texts, and files of the same names with the same bytes. */
export function contentHash(texts: readonly string[], folders: readonly string[]): string {
  const hash = createHash("sha256");
  const add = (part: string | Buffer) => hash.update(`${part.length}:`).update(part);
  for (const text of texts) add(text);
  for (const folder of folders) {
    for (const name of filesIn(folder)) {
      add(name);
      add(readFileSync(join(folder, name)));
    }
  }
  return hash.digest("hex");
}

function filesIn(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !NO_CONTENT.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .toSorted();
}
