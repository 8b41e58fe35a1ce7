/** Lines of a text that begin alike, as those of one histogram's buckets do: what they share is encoded once. */
interface Alike {
  readonly head: string;
  /** The rest of each line, with its end. */
  readonly tails: readonly string[];
}

/** A part of a text that is too large to be held. */
export type Piece = string | Alike;

/** Bytes: each chunk costs a way through two Workers, and is held by each. */
const CHUNK = 262_144;

const ENCODER = new TextEncoder();

/**
 * The text in UTF-8, made as it is asked for. All chunks stand in the same memory: one is good until the next is asked for. Else
 * they would be garbage of the whole text's size.
 */
export function* chunksOf(pieces: Iterable<Piece>): Generator<Uint8Array<ArrayBuffer>, undefined> {
  let chunk = new Uint8Array(CHUNK);
  let at = 0;
  for (const piece of pieces) {
    const { head, tails } = typeof piece === "string" ? { head: "", tails: [piece] } : piece;
    // Where the line before has the same head, it is copied from there: that costs less than to encode it anew.
    let headAt = -1;
    let headLength = 0;
    for (const tail of tails) {
      // Of one character there are three bytes at most.
      const most = (head.length + tail.length) * 3;
      if (at + most > chunk.length) {
        if (at > 0) yield chunk.subarray(0, at);
        if (most > chunk.length) chunk = new Uint8Array(most);
        at = 0;
        headAt = -1;
      }
      if (headAt < 0) headLength = ENCODER.encodeInto(head, chunk.subarray(at)).written;
      else chunk.copyWithin(at, headAt, headAt + headLength);
      headAt = at;
      at += headLength;
      at += ENCODER.encodeInto(tail, chunk.subarray(at)).written;
    }
  }
  if (at > 0) yield chunk.subarray(0, at);
  return undefined;
}
