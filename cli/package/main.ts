import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { ROOT } from "../../project/built.ts";
import { workerConfigs } from "../../src/deployment/worker-config.ts";
import { buildInto } from "./build.ts";
import { declareInto } from "./declarations.ts";
import { manifestOf } from "./manifest.ts";
import { noticesOf } from "./notices.ts";

const USAGE = `npm run pack -- [options]

  --output DIR   where the tarball goes (dist)
  --help         this text
`;

/** Everything is made in a new folder, and a tarball is renamed to its name when it is whole: an interrupted run leaves no half of it. */
async function pack(output: string): Promise<string> {
  mkdirSync(output, { recursive: true });
  const work = mkdtempSync(join(output, ".pack-"));
  try {
    const folder = join(work, "package");
    await fill(folder);
    execFileSync("npm", ["pack", "--silent", "--pack-destination", work, folder], { cwd: work, stdio: "inherit" });
    const tarball = readdirSync(work).find((name) => name.endsWith(".tgz"));
    if (tarball === undefined) throw new Error("npm made no tarball");
    renameSync(join(work, tarball), join(output, tarball));
    return join(output, tarball);
  } finally {
    rmSync(work, { recursive: true });
  }
}

/** What people read, and their editors. */
const PAPERS = ["README.md", "CHANGELOG.md", "LICENSE", "docs", "tulle.schema.json"];

async function fill(folder: string): Promise<void> {
  const dist = join(folder, "dist");
  const { imported, included } = await buildInto(dist);
  declareInto(dist);
  cpSync(join(ROOT, "cli/package/launcher.mjs"), join(dist, "tulle.mjs"));
  writeFileSync(join(dist, "workers/THIRD-PARTY-NOTICES.txt"), noticesOf(included));
  for (const path of [...PAPERS, ...configurations()])
    cpSync(join(ROOT, path), join(folder, path), { recursive: true });
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(manifestOf(imported), null, 2)}\n`);
}

/** The Workers' wrangler configurations, and the migrations that they name. */
function configurations(): readonly string[] {
  const read: string[] = [];
  const configs = workerConfigs((path) => {
    read.push(path);
    return readFileSync(join(ROOT, path), "utf8");
  });
  const migrations = Object.values(configs).flatMap(({ d1_databases: all }) => all.map((each) => each.migrations_dir));
  const isSql = (file: string) => file.endsWith(".sql");
  return [
    ...read,
    ...migrations.flatMap((path) =>
      readdirSync(join(ROOT, path))
        .filter(isSql)
        .map((file) => join(path, file)),
    ),
  ];
}

const { values } = parseArgs({
  options: { output: { type: "string", default: join(ROOT, "dist") }, help: { type: "boolean", default: false } },
});
if (values.help) console.log(USAGE);
else console.log(await pack(resolve(values.output)));
