import { execFileSync, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, linkSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { cutLock, type Lock } from "./cut-lock.ts";
import { toolPath } from "./tools.ts";

const PROJECT = join(import.meta.dirname, "../..");

interface Manifest {
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
}

/** Whether npm can install here. */
export function registryReached(): boolean {
  const { dependencies } = readJson(join(PROJECT, "package.json")) as Manifest;
  const asked = spawnSync("npm", ["view", `zod@${dependencies["zod"]}`, "version"], { cwd: PROJECT, timeout: 60_000 });
  return asked.status === 0;
}

/** How a command ended. */
interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A project outside the checkout that has installed Tulle's tarball, and nothing else. */
export class InstalledPackage {
  /** Holds `project/`, the tarball, `bin/` and compiled code; nothing of it is the checkout's. */
  readonly folder: string;
  readonly project: string;
  readonly #env: NodeJS.ProcessEnv;

  private constructor(folder: string) {
    this.folder = folder;
    this.project = join(folder, "project");
    // Without what the run of this test itself has from npm, as npm's prefix, and from the folder it stands in.
    const outer = Object.entries(process.env).filter(
      ([name]) => !/^(npm_|NODE_|VITEST|INIT_CWD$|PWD$|OLDPWD$)/.test(name),
    );
    const path = (process.env["PATH"] ?? "").split(delimiter).filter((each) => !each.startsWith(PROJECT));
    this.#env = {
      ...Object.fromEntries(outer),
      PATH: [join(folder, "bin"), ...path].join(delimiter),
      // What it starts again and again, as wrangler for each Worker, is compiled once.
      NODE_COMPILE_CACHE: join(folder, "compiled"),
    };
  }

  /** Packs the checkout, and installs the tarball in a new folder by `npm ci`. */
  static install(): InstalledPackage {
    const folder = realpathSync(mkdtempSync(join(tmpdir(), "tulle-package-")));
    const made = new InstalledPackage(folder);
    try {
      execFileSync(process.execPath, [join(PROJECT, "cli/package/main.ts"), "--output", folder]);
      mkdirSync(made.project);
      mkdirSync(join(folder, "bin"));
      place(process.execPath, join(folder, "bin/node"));
      made.#describe();
      const installed = made.run("npm", ["ci", "--prefer-offline", "--no-audit", "--no-fund"]);
      if (installed.status !== 0) throw new Error(`npm ci: ${installed.stdout}${installed.stderr}`);
    } catch (error) {
      made.remove();
      throw error;
    }
    return made;
  }

  /** The project's package.json, and a lock cut from the checkout's. */
  #describe(): void {
    const { version } = readJson(join(PROJECT, "package.json")) as Manifest;
    const tarball = join(this.folder, `tulle-${version}.tgz`);
    const resolved = `file:../tulle-${version}.tgz`;
    const project = { name: "somebodys-mesh", version: "1.0.0", dependencies: { tulle: resolved } };
    const packed = execFileSync("tar", ["xOf", tarball, "package/package.json"], { encoding: "utf8" });
    const integrity = `sha512-${createHash("sha512").update(readFileSync(tarball)).digest("base64")}`;
    const entry = { ...(JSON.parse(packed) as Manifest), resolved, integrity };
    const lock = cutLock(readJson(join(PROJECT, "package-lock.json")) as Lock, project, "tulle", entry);
    writeFileSync(join(this.project, "package.json"), JSON.stringify(project));
    writeFileSync(join(this.project, "package-lock.json"), JSON.stringify(lock));
  }

  /** Runs a program in the project. */
  run(program: string, args: readonly string[]): Ended {
    return spawnSync(program, args, { cwd: this.project, env: this.#env, encoding: "utf8" });
  }

  /** Starts one; the caller ends it. */
  start(program: string, args: readonly string[]) {
    return spawn(program, args, { cwd: this.project, env: this.#env, stdio: ["ignore", "pipe", "pipe"] });
  }

  /**
   * The same command, such that a list is kept of the files that it and its children name to the system. The process that
   * is started stays the program itself, as signals want it.
   *
   * @param list a new file
   */
  traced(list: string, program: string, args: readonly string[]): readonly [string, readonly string[]] {
    const strace = toolPath("strace");
    if (strace === null) return [program, args];
    return [strace, ["-D", "-f", "-q", "--seccomp-bpf", "-e", "trace=%file", "-o", list, program, ...args]];
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** The file itself, where it can be had in both places; else a copy. */
function place(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch {
    cpSync(from, to);
  }
}

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(path, "utf8"));
}
