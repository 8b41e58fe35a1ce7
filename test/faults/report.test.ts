import { expect, it } from "vitest";
import { isOpen } from "./report.ts";
import { atMost, bestOf, exactly, type Figure } from "./row.ts";

const missed = {
  time: atMost("p50", 5, 4, " us"),
  count: exactly("failed", 1, 0),
  memory: atMost("grows", 6, 5, " MB"),
};
const held = atMost("p99", 1, 2, " ms");

it.each<{ name: string; figures: readonly Figure[]; error?: string; again: boolean }>([
  { name: "that holds", figures: [held], again: false },
  { name: "that missed a time", figures: [held, missed.time], again: true },
  { name: "that missed the best of three", figures: [held, bestOf(missed.time)], again: false },
  { name: "with a wrong answer beside a missed time", figures: [missed.time, missed.count], again: false },
  { name: "that takes too much memory", figures: [missed.memory], again: false },
  { name: "whose fault did not come about", figures: [], error: "nobody missed control", again: true },
])("a row $name is tried again: $again", ({ figures, error = null, again }) => {
  expect(isOpen({ figures, error })).toBe(again);
});
