import type { AttackCase } from "./corpus.ts";
import { NotCovered } from "./outcome.ts";

export async function runUnitCase({ setup }: AttackCase, _oneIn: number): Promise<void> {
  throw new NotCovered(`setup \`${setup?.words ?? setup?.generator}\``);
}
