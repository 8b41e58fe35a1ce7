import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pin } from "./cpu.ts";
import type { Flat } from "./flat.ts";
import { Load } from "./load.ts";
import { type BenchMesh, startBenchMesh } from "./mesh.ts";
import { type Issuer, makeIssuer } from "./requests.ts";
import { OTHER_PROCESSOR, Runner, RUNTIME_PROCESSOR } from "./runner.ts";
import { world } from "./world.ts";

/** Documents and characters of one apply: it takes 500 and 1 MiB. */
const BATCH_DOCUMENTS = 500;
const BATCH_LENGTH = 900_000;

/** All that a measurement needs, each process on its processor. */
export interface Stage {
  readonly mesh: BenchMesh;
  readonly runner: Runner;
  readonly issuer: Issuer;
  /** For files of a run; gone with it. */
  readonly folder: string;
}

export interface StageOptions {
  readonly flat: Flat;
  readonly inspect: boolean;
  readonly cold: number;
  /** What the large hosts need is applied only if they are among these. */
  readonly hosts: ReadonlySet<string>;
}

/** Sets the stage, does `work` on it and clears it away, whatever happens. */
export async function onStage(options: StageOptions, work: (stage: Stage) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "tulle-bench-"));
  const issuer = await makeIssuer();
  const origin = await startOrigin(issuer);
  const load = new Load();
  let mesh: BenchMesh | null = null;
  try {
    mesh = await startBenchMesh({ ...options, originPort: origin.port, folder, jwks: issuer.jwks });
    for (const text of batches(world(issuer, options.hosts))) await mesh.apply(text);
    for (const pid of mesh.pids()) pin(pid, RUNTIME_PROCESSOR);
    for (const pid of [origin.child.pid, load.child.pid, process.pid]) pin(pid ?? 0, OTHER_PROCESSOR);
    await work({ mesh, runner: new Runner(mesh, issuer, load), issuer, folder });
  } finally {
    await mesh?.stop();
    load.stop();
    origin.child.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

function batches(documents: readonly string[]): readonly string[] {
  const texts: string[] = [];
  let batch: string[] = [];
  let length = 0;
  for (const document of documents) {
    if (batch.length === BATCH_DOCUMENTS || length + document.length > BATCH_LENGTH) {
      texts.push(batch.join("\n---\n"));
      batch = [];
      length = 0;
    }
    batch.push(document);
    length += document.length;
  }
  return [...texts, batch.join("\n---\n")];
}

async function startOrigin({ jwks }: Issuer): Promise<{ child: ChildProcess; port: number }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "origin.ts"), jwks], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const port = await new Promise<number>((resolve) => {
    createInterface({ input: child.stdout }).once("line", (line) => resolve(Number(line)));
  });
  return { child, port };
}
