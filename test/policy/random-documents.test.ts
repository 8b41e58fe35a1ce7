import { expect, it } from "vitest";
import { times } from "../support/scale.ts";
import { tryRandomDocuments } from "./random-documents.ts";
import { Dice } from "./random-policies.ts";

const DOCUMENTS = times(1_000, 20_000);

it(`of ${DOCUMENTS} random documents none makes the compiler throw, and what is accepted loads`, () => {
  const seed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 2 ** 31));
  const { accepted, refused, crashes } = tryRandomDocuments(new Dice(seed), DOCUMENTS);
  expect(crashes, `SEED=${seed}`).toEqual([]);
  expect(accepted).toBeGreaterThan(DOCUMENTS / 10);
  expect(refused).toBeGreaterThan(DOCUMENTS / 10);
});
