import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Svid, svidOf } from "../net/svid.ts";

const SVID_FILE = "svid.json";

/** What the agent keeps over restarts, in a folder for its owner alone. */
export class AgentState {
  readonly #folder: string;

  constructor(folder: string) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    chmodSync(folder, 0o700);
    this.#folder = folder;
  }

  /** @returns null where there is none, or none that can be read: another one is asked for */
  readSvid(): Svid | null {
    const kept = this.read(SVID_FILE);
    try {
      return kept === null ? null : svidOf(JSON.parse(kept) as Svid);
    } catch {
      return null;
    }
  }

  writeSvid({ key, certificate, bundle }: Svid): void {
    this.write(SVID_FILE, JSON.stringify({ key, certificate, bundle }));
  }

  read(name: string): string | null {
    try {
      return readFileSync(join(this.#folder, name), "utf8");
    } catch {
      return null;
    }
  }

  write(name: string, text: string): void {
    replaceFile(join(this.#folder, name), text, 0o600);
  }
}

/** Whoever reads it meanwhile finds the old file or the new one, none half written. */
function replaceFile(path: string, text: string, mode: number): void {
  const fresh = `${path}.new`;
  rmSync(fresh, { force: true });
  writeFileSync(fresh, text, { mode, flag: "wx" });
  renameSync(fresh, path);
}
