import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../project/built.ts";

/**
 * The licences of what is bundled, which ask to go wherever a copy goes.
 *
 * @param included folders of packages, as paths in the checkout
 */
export function noticesOf(included: readonly string[]): string {
  return included.map(noticeOf).join(`\n${"-".repeat(80)}\n\n`);
}

function noticeOf(path: string): string {
  const folder = join(ROOT, path);
  const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as {
    readonly name: string;
    readonly version: string;
    readonly license: string;
  };
  const file = readdirSync(folder).find((each) => /^licen[cs]e(\.|$)/i.test(each));
  // Some name their licence and leave its text out.
  const text = file === undefined ? "" : `\n${readFileSync(join(folder, file), "utf8").trim()}\n`;
  return `${name} ${version} (${license})\n${text}`;
}
