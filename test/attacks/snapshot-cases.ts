import type { Numbered } from "./gateway-cases.ts";
import type { AttackedMesh } from "./fixture.ts";
import { NotCovered } from "./outcome.ts";

export async function runSnapshotCase({ attack }: Numbered, _mesh: AttackedMesh): Promise<void> {
  throw new NotCovered(`setup \`${attack.setup?.words}\``);
}
