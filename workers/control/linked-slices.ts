import { withPrograms } from "../../src/compile/programs.ts";
import { link, type LinkedSlice } from "../../src/snapshot/link.ts";
import type { Slice } from "../../src/snapshot/model.ts";

/** Characters of their texts; linked they take several times as much, and an isolate has 128 MB. */
const MAX_TEXT = 8 * 1024 * 1024;

/** Slices that were linked to decide by, by id. The one that was not used for longest goes first. */
export class LinkedSlices {
  readonly #slices = new Map<string, { readonly slice: LinkedSlice; readonly size: number }>();
  #size = 0;

  ids(): readonly string[] {
    return [...this.#slices.keys()];
  }

  /**
   * @param text canonical JSON of the slice; null where it is here already
   * @returns null where it was forgotten meanwhile
   */
  take(id: string, text: string | null): LinkedSlice | null {
    const known = this.#slices.get(id);
    if (known !== undefined) {
      this.#slices.delete(id);
      this.#slices.set(id, known);
      return known.slice;
    }
    if (text === null) return null;
    // The compiler's own words, by RPC from this Worker's own object; those of a record may be of an older control's.
    const slice = link(withPrograms(JSON.parse(text) as Slice));
    if (text.length <= MAX_TEXT) this.#keep(id, slice, text.length);
    return slice;
  }

  #keep(id: string, slice: LinkedSlice, size: number): void {
    for (const [oldest, { size: freed }] of this.#slices) {
      if (this.#size + size <= MAX_TEXT) break;
      this.#slices.delete(oldest);
      this.#size -= freed;
    }
    this.#slices.set(id, { slice, size });
    this.#size += size;
  }
}
