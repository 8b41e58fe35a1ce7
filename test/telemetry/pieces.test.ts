import { expect, it } from "vitest";
import { chunksOf, type Piece } from "../../src/telemetry/pieces.ts";

const PIECES: readonly Piece[] = [
  "# HELP a ä\n",
  { head: `a{b="${"é😀".repeat(3_000)}",le="`, tails: ['1"} 1\n', '+Inf"} 2\n'] },
  { head: "none{", tails: [] },
  "",
  "x".repeat(100_000),
  { head: 'c{ö="1",le="', tails: Array.from({ length: 100_000 }, (_, at) => `${at}"} ß\n`) },
];

it("a text in chunks is the text, whole, however long its pieces are", () => {
  const text = PIECES.map((piece) =>
    typeof piece === "string" ? piece : piece.tails.map((tail) => piece.head + tail).join(""),
  ).join("");
  // One is good until the next is asked for.
  const chunks = Array.from(chunksOf(PIECES), (chunk) => Buffer.from(chunk));
  expect(Buffer.concat(chunks).toString()).toBe(text);
  expect(chunks.length).toBeGreaterThan(5);
  for (const chunk of chunks) expect(chunk.length).toBeGreaterThan(0);
});

it("a text of nothing has no chunks", () => {
  expect([...chunksOf([])]).toEqual([]);
});
