/**
 * Whose turn it is at the endpoints of one cluster. First attempts, retries and copies go round each by themselves: a retry that took a
 * turn of theirs would lead the first attempts after it past the endpoints in its own rhythm, more of them to one that fails, and where a
 * service's copies go to itself, one of two endpoints would get all calls and the other all copies.
 */
export class Turns {
  #first: number;
  #retry: number;
  #copy: number;

  /** @param from where all begin: isolates are many and many live shortly, and if all began with the first endpoint, it would get the most */
  constructor(from: number) {
    this.#first = from;
    this.#retry = from;
    this.#copy = from;
  }

  /** A call takes one, and keeps it, however often it is picked for before it is sent. */
  first(): number {
    return (this.#first += 1);
  }

  retry(): number {
    return (this.#retry += 1);
  }

  /** Of a mirror. */
  copy(): number {
    return (this.#copy += 1);
  }
}
