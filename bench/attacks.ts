import { documentsOf } from "../test/attacks/applied.ts";
import { arrangementOf } from "../test/attacks/arrangements.ts";
import { bytesOf } from "../test/attacks/bytes.ts";
import { type AttackCase, OWN_CASES, readCases, waitOf } from "../test/attacks/corpus.ts";
import { AttackedMesh, EDGE_PROOF } from "../test/attacks/fixture.ts";
import { policiesOf } from "../test/attacks/gateway-cases.ts";
import { BASE, world } from "../test/attacks/worlds.ts";
import type { Sampled } from "./report.ts";

/** Of each request or apply: the first one finds cold code. */
const SAMPLES = 7;
const PATIENCE_MS = 60_000;

export interface BoundedCase {
  readonly attack: AttackCase;
  readonly index: number;
  /** Milliseconds. */
  readonly bound: number;
  /** What the mesh or the runner lacks for it; null: it holds. */
  readonly waitsFor: string | null;
}

/** The cases that say how long they may take (`max_ms`). */
export function boundedCases(): readonly BoundedCase[] {
  return readCases(OWN_CASES).flatMap((attack, at) => {
    const bound = attack.must.max_ms;
    const arranged = arrangementOf(attack.setup?.words)?.before !== undefined;
    const waitsFor = waitOf(attack) ?? (arranged ? "what only the runner of the cases arranges" : null);
    return bound === undefined ? [] : [{ attack, index: at + 1, bound, waitsFor }];
  });
}

/**
 * Milliseconds of each case's slowest request, or of its document's apply, as often as it is tried.
 *
 * @param cases that hold
 */
export async function attackTimes(
  cases: readonly BoundedCase[],
  tell: (text: string) => void,
): Promise<readonly Sampled[]> {
  const mesh = await AttackedMesh.start();
  try {
    await applied(mesh, BASE);
    for (const { attack, index } of cases) {
      if (attack.target !== "gateway") continue;
      await applied(mesh, world(index));
      if (attack.setup?.policies !== undefined) await applied(mesh, policiesOf(attack, index));
    }
    await mesh.settled();
    const sampled: Sampled[] = [];
    for (const { attack, index, bound } of cases) {
      tell(`attack ${attack.id}`);
      const values: number[] = [];
      for (let sample = 0; sample < SAMPLES; sample += 1) values.push(await slowest(mesh, attack, index));
      sampled.push({ row: `attacks-${attack.id}`, what: attack.title, unit: "ms", bar: bound, goal: null, values });
    }
    return sampled;
  } finally {
    await mesh.stop();
  }
}

async function slowest(mesh: AttackedMesh, attack: AttackCase, index: number): Promise<number> {
  if (attack.target !== "gateway") {
    const [text = ""] = documentsOf(attack) ?? [];
    return timed(attack, async () => mesh.control("POST", "/api/v1/apply?dryRun=All", text));
  }
  let most = 0;
  for (const request of attack.requests) {
    const signers = { authority: mesh.authority, issuer: mesh.issuer, now: () => mesh.now() };
    const bytes = await bytesOf(request, index, signers, [EDGE_PROOF]);
    most = Math.max(most, await timed(attack, async () => mesh.send(bytes, PATIENCE_MS)));
  }
  return most;
}

/** @throws for an answer that the case doesn't want: its time would be that of something else */
async function timed({ id, must }: AttackCase, work: () => Promise<{ readonly status: number }>): Promise<number> {
  const began = performance.now();
  const { status } = await work();
  const took = performance.now() - began;
  if (must.status !== undefined && !must.status.includes(status)) throw new Error(`${id}: answered with ${status}`);
  return took;
}

async function applied(mesh: AttackedMesh, text: string): Promise<void> {
  const { status, text: said } = await mesh.apply(text);
  if (status !== 200) throw new Error(`apply: ${status} ${said.slice(0, 2_000)}`);
}
