import { expect, it } from "vitest";
import { times } from "../support/scale.ts";
import { Dice } from "./random-policies.ts";
import { REQUESTS_A_MESH, VERDICTS, verdictDifferences } from "./verdict-differences.ts";

const MESHES = times(60, 1_000);
/** The short run always tries the same, the long one others each time; `SEED=n` tries them again. */
const SEED = times(1, Math.floor(Math.random() * 2 ** 31));

it(`decides as a naive reading of the documents does, ${MESHES * REQUESTS_A_MESH} times`, () => {
  const seed = Number(process.env["SEED"] ?? SEED);
  const { differences, seen } = verdictDifferences(new Dice(seed), MESHES);
  expect(differences, `SEED=${seed}`).toEqual([]);
  for (const verdict of VERDICTS)
    expect(seen.get(verdict) ?? 0, verdict).toBeGreaterThan((MESHES * REQUESTS_A_MESH) / 50);
});
