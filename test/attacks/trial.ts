import { readdirSync, readFileSync } from "node:fs";
import type { MadeKey } from "./api-keys.ts";
import type { AttackCase, AttackRequest } from "./corpus.ts";
import type { Hit } from "./echo.ts";
import type { AttackedMesh } from "./fixture.ts";
import type { Reply } from "./raw-answer.ts";

/** What one request of a case led to. */
export interface Seen {
  readonly request: AttackRequest;
  readonly said: string;
  readonly reply: Reply;
  readonly hits: readonly Hit[];
  /** What the mesh printed meanwhile. */
  readonly lines: readonly string[];
}

/** A case on the mesh, while it is tried. */
export interface Trial {
  readonly attack: AttackCase;
  readonly index: number;
  readonly mesh: AttackedMesh;
  /** API keys, by the names that the case gives them. */
  readonly keys: ReadonlyMap<string, MadeKey>;
  /** By the order of the requests. */
  readonly seen: readonly Seen[];
  /** Over all requests of the case. */
  readonly hits: readonly Hit[];
  readonly lines: readonly string[];
  /** URLs that the mesh asked for meanwhile. */
  readonly fetched: readonly string[];
  /** Header fields of the copies that mirrors were sent. */
  readonly mirrored: readonly Readonly<Record<string, string>>[];
  readonly seconds: number;
  /** How much the runtime grew. */
  readonly grownMb: number;
  /** One more request, which is no part of the case. */
  send(request: AttackRequest): Promise<Seen>;
}

/** A condition in words, as an assertion on what a case led to. */
export type Held = (trial: Trial) => void | Promise<void>;

/** Memory of the runtimes that this process started, where the system tells it; else 0. */
export function runtimeMb(): number {
  try {
    let kilobytes = 0;
    for (const thread of readdirSync("/proc/self/task")) {
      const children = readFileSync(`/proc/self/task/${thread}/children`, "utf8").trim();
      for (const pid of children === "" ? [] : children.split(" "))
        kilobytes += Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
    }
    return kilobytes / 1_024;
  } catch {
    return 0;
  }
}
