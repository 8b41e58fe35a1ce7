import { FaultMesh } from "./mesh.ts";
import type { Stage } from "./stage.ts";

/** Those of a fleet that are asked all the time. */
export const WATCHED: readonly string[] = Array.from({ length: 20 }, (_, at) => `g${at + 1}`);

/**
 * Isolates that nobody asked yet, each where no cell has anything. `far`: of the gateway `g1`. `new`: of a gateway that never
 * registered.
 */
type Cold = "far" | "new";

const COLD: Readonly<Record<Cold, readonly string[]>> = {
  far: ["far1", "far2", "far3", "far4", "far5", "far6"],
  new: ["new1", "new2", "new3"],
};

/** A mesh of many gateways, and of isolates that are cold until a row takes them: each is so once. */
class Fleet {
  readonly mesh: FaultMesh;
  readonly #left: Record<Cold, string[]>;

  constructor(mesh: FaultMesh) {
    this.mesh = mesh;
    this.#left = { far: [...COLD.far], new: [...COLD.new] };
  }

  take(kind: Cold): string | null {
    return this.#left[kind].shift() ?? null;
  }
}

async function started(stage: Stage): Promise<Fleet> {
  const mesh = await FaultMesh.start({
    gateways: [...WATCHED, ...COLD.new],
    isolates: Object.fromEntries(COLD.far.map((name) => [name, "g1"])),
    locations: Object.fromEntries([...COLD.far, ...COLD.new].map((name) => [name, name.toUpperCase()])),
  });
  stage.atStop(async () => mesh.stop());
  return new Fleet(mesh);
}

/** The fleet that rows share. It is mended at the row's end. */
export async function fleet(stage: Stage, number = 1): Promise<FaultMesh> {
  const { mesh } = await stage.kept(`fleet ${number}`, async () => started(stage));
  stage.atEnd(async () => mesh.mend());
  return mesh;
}

/** A cold isolate of a fleet; of another one where all were taken. */
export async function cold(stage: Stage, kind: Cold): Promise<{ readonly mesh: FaultMesh; readonly isolate: string }> {
  for (let number = 1; ; number += 1) {
    const isolate = (await stage.kept(`fleet ${number}`, async () => started(stage))).take(kind);
    if (isolate !== null) return { mesh: await fleet(stage, number), isolate };
  }
}
