import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { openApiDocument } from "../../src/api/openapi.ts";
import { LANGUAGES, type Sample } from "../../src/api/operation.ts";

/** A sample with where it stands: a name for its test. */
export interface PlacedSample extends Sample {
  readonly name: string;
}

/** As the page has them, in its order. */
export function samplesOf(...languages: readonly (typeof LANGUAGES)[number][]): readonly PlacedSample[] {
  return Object.entries(openApiDocument().paths).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([method, operation]) =>
      operation["x-codeSamples"]
        .filter(({ lang }) => languages.includes(lang))
        .map((sample) => ({
          ...sample,
          name: [sample.lang, method.toUpperCase(), path, sample.label ?? ""].join(" ").trim(),
        })),
    ),
  );
}

/** A folder as the reader has it after `npm start`: `.tulle` is the state of a test's mesh. */
export class ReadersFolder {
  readonly path = mkdtempSync(join(tmpdir(), "tulle-docs-"));

  constructor(stateDir: string) {
    symlinkSync(stateDir, join(this.path, ".tulle"));
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }

  async run(
    program: string,
    args: readonly string[],
    { env, stdin = "" }: { readonly env: Readonly<Record<string, string>>; readonly stdin?: string },
  ): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
    const child = spawn(program, args, { cwd: this.path, env });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    child.stdin.on("error", () => undefined).end(stdin);
    const code = await new Promise<number | null>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", resolve);
    });
    return { code, stdout, stderr };
  }
}

/** Whether a sample printed what the page says: the lines of a text in their order, or JSON that has this in it. */
export function expectPrinted(printed: string, expected: Sample["x-expect"]): void {
  if (typeof expected !== "string") {
    const value: unknown = JSON.parse(printed);
    expect({ printed: value, has: holds(value, expected) }).toEqual({ printed: value, has: true });
    return;
  }
  let rest = printed;
  for (const line of expected.split("\n")) {
    expect(rest, `after that, of:\n${printed}`).toContain(line);
    rest = rest.slice(rest.indexOf(line) + line.length);
  }
}

/** Members of a list may be anywhere in it. */
function holds(value: unknown, part: unknown): boolean {
  if (typeof part !== "object" || part === null) return value === part;
  if (typeof value !== "object" || value === null) return false;
  if (Array.isArray(part))
    return Array.isArray(value) && part.every((wanted) => value.some((each) => holds(each, wanted)));
  return Object.entries(part).every(([name, wanted]) => holds((value as Record<string, unknown>)[name], wanted));
}
