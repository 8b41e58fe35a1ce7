import { chunksOf, type Piece } from "../../src/telemetry/pieces.ts";

/** The text of all pieces. */
export function pieceText(pieces: Iterable<Piece>): string {
  return Buffer.concat(Array.from(chunksOf(pieces), (chunk) => Buffer.from(chunk))).toString();
}
