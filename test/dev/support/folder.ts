import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** A folder of files to save. */
export class Folder {
  readonly path = mkdtempSync(join(tmpdir(), "tulle-dev-"));

  /**
   * @param files text by path; what is no string becomes JSON
   * @param from a folder whose files it has, too
   */
  constructor(files: Readonly<Record<string, unknown>>, from?: string) {
    if (from !== undefined) cpSync(from, this.path, { recursive: true });
    for (const [file, content] of Object.entries(files)) this.save(file, content);
  }

  save(file: string, content: unknown): void {
    const path = join(this.path, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content, null, 2));
  }

  /** Saves a file with one text in place of another. */
  edit(file: string, from: string | RegExp, to: string): void {
    const text = readFileSync(join(this.path, file), "utf8");
    const edited = text.replace(from, to);
    if (edited === text) throw new Error(`${file} has no ${from}`);
    this.save(file, edited);
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
