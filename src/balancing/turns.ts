/**
 * Whose turn it is at the endpoints of one cluster. First attempts and retries go round each by themselves: a retry that took a turn
 * of theirs would lead the first attempts after it past the endpoints in its own rhythm, more of them to one that fails.
 */
export class Turns {
  #first: number;
  #retry: number;

  /** @param from where both begin: isolates are many and many live shortly, and if all began with the first endpoint, it would get the most */
  constructor(from: number) {
    this.#first = from;
    this.#retry = from;
  }

  /** A call takes one, and keeps it, however often it is picked for before it is sent. */
  first(): number {
    return (this.#first += 1);
  }

  retry(): number {
    return (this.#retry += 1);
  }
}
