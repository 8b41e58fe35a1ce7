import type { ObjectChange } from "../../src/compile/inventory.ts";
import type { SeenCaller } from "../../src/compile/seen-callers.ts";
import { DECIDING } from "../../src/kube/write-results.ts";
import type { Env } from "./env.ts";

/** A write waits no longer to know who was seen calling. */
const WITHIN_MS = 1_000;

/**
 * Whom changes may lock out, as they were seen within a day. What observes holds no write back: where it is away nobody is known.
 *
 * @param namespace the only one whose callers the writer is told of; null: all
 */
export async function seenBy(
  env: Pick<Env, "TELEMETRY">,
  changes: readonly ObjectChange[],
  namespace: string | null,
): Promise<readonly SeenCaller[]> {
  if (!changes.some(({ before, after }) => DECIDING.has((after ?? before)?.kind ?? ""))) return [];
  try {
    const asked = env.TELEMETRY.getByName("telemetry").seenCallers();
    const seen = await Promise.race([asked, scheduler.wait(WITHIN_MS).then(() => [])]);
    return seen.filter((one) => namespace === null || one.namespace === namespace);
  } catch {
    return [];
  }
}
