/** A power of two: some ten times as many as the names that most meshes see. */
const SLOTS = 1_024;
/** Longer than any usual name: one that a client made up is worked out each time. */
const LONGEST = 64;

/** What is told of a name, with the one text that stands for all that are alike. */
export interface Named<T> {
  readonly name: string;
  readonly told: T;
}

/**
 * What is known of header names, so that it is worked out once for a name that comes with every request. The runtime makes each
 * request's names anew, and to ask a `Map` for one makes it look for the one text that stands for all that are alike, which costs
 * more than all the rest. So a name has one slot, by its length and four of its letters, and is compared with who is there. Whoever
 * comes takes the slot: made-up names can't fill the memory, and crowd out others for one request at most.
 */
export class NameBook<T> {
  readonly #slots: Named<T>[];
  readonly #tell: (name: string) => T;

  /** @param tell what is told of a name: the same each time it is asked */
  constructor(tell: (name: string) => T) {
    this.#tell = tell;
    const none = { name: "", told: tell("") };
    this.#slots = Array.from({ length: SLOTS }, () => none);
  }

  /** @param name lower case */
  of(name: string): Named<T> {
    const at = slotOf(name);
    const one = this.#slots[at];
    if (one !== undefined && one.name === name) return one;
    const named = { name, told: this.#tell(name) };
    if (name.length <= LONGEST) this.#slots[at] = named;
    return named;
  }
}

function slotOf(name: string): number {
  const { length } = name;
  const ends = name.charCodeAt(0) * 31 + name.charCodeAt(length - 1);
  const middle = name.charCodeAt(length >> 1) * 31 + name.charCodeAt(length >> 2);
  return (ends * 997 + middle * 17 + length) & (SLOTS - 1);
}
