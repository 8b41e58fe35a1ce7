/** Room for the first pieces; it doubles where that is not enough. */
const FIRST_BYTES = 4_096;

/**
 * A body that comes in pieces, gathered to one (R26). Each piece is copied as it comes, so that nothing is kept of the memory that it came
 * in: the runtime reads into 4 KiB of its own, and a client that sends byte by byte would have all of them kept, 4,096 times its body.
 */
export class GatheredBytes {
  readonly #most: number;
  #room: Uint8Array;
  #length = 0;

  /** @param most bytes */
  constructor(most: number) {
    this.#most = most;
    this.#room = new Uint8Array(Math.min(FIRST_BYTES, most));
  }

  /** @returns false where it would be too much: then nothing of the piece is taken */
  add(piece: Uint8Array): boolean {
    const length = this.#length + piece.length;
    if (length > this.#most) return false;
    if (length > this.#room.length) {
      const room = new Uint8Array(Math.min(this.#most, Math.max(length, this.#room.length * 2)));
      room.set(this.#room.subarray(0, this.#length));
      this.#room = room;
    }
    this.#room.set(piece, this.#length);
    this.#length = length;
    return true;
  }

  /** All that was added. */
  get bytes(): Uint8Array {
    return this.#length === this.#room.length ? this.#room : this.#room.slice(0, this.#length);
  }
}
