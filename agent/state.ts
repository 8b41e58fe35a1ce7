import { chmodSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readSvid, replaceFile, type Svid, writeSvid } from "../net/svid.ts";

const SVID_FILE = "svid.json";

/** What the agent keeps over restarts, in a folder for its owner alone. */
export class AgentState {
  readonly #folder: string;

  constructor(folder: string) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    chmodSync(folder, 0o700);
    this.#folder = folder;
  }

  readSvid(): Svid | null {
    return readSvid(join(this.#folder, SVID_FILE));
  }

  writeSvid(svid: Svid): void {
    writeSvid(join(this.#folder, SVID_FILE), svid);
  }

  /** @returns null where there is none */
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
