/** What the table says in place of a state: nothing yet. */
export const UNKNOWN = 0;

/** Where the threads of a program stand, before those assertions that depend on the next character are looked at. */
export interface State {
  readonly threads: Int32Array;
  readonly before: number;
}

/** Cells that a state takes beside its row and threads: its objects, and its key. */
const STATE_COST = 16;

/** What all tables of an isolate take together. Where it is too much, the one that has not grown for longest is emptied. */
export class Room {
  readonly cells: number;
  readonly #taken = new Map<StateTable, number>();
  #all = 0;

  /** @param cells that all may take; a cell is about 13 bytes */
  constructor(cells: number) {
    this.cells = cells;
  }

  get taken(): number {
    return this.#all;
  }

  /** @param cells that it takes from now on, in place of those before */
  take(table: StateTable, cells: number): void {
    this.free(table);
    for (const oldest of this.#taken.keys()) {
      if (this.#all + cells <= this.cells) break;
      oldest.empty();
    }
    this.#taken.set(table, cells);
    this.#all += cells;
  }

  free(table: StateTable): void {
    this.#all -= this.#taken.get(table) ?? 0;
    this.#taken.delete(table);
  }
}

/** The states of one automaton that are known, and where each character leads from them. */
export class StateTable {
  /** A state's row: where each of the alphabet leads, and the text's end. */
  readonly width: number;
  /** Rows of all states. No state is at row 0: it is what stands for none. */
  cells: Int32Array;
  readonly #room: Room;
  #states: State[] = [];
  #numbers = new Map<string, number>();
  #taken = 0;

  constructor(width: number, room: Room) {
    this.width = width;
    this.#room = room;
    this.cells = new Int32Array(0);
  }

  /** What it takes of the room. */
  get taken(): number {
    return this.#taken;
  }

  get isEmpty(): boolean {
    return this.cells.length === 0;
  }

  at(row: number): State | undefined {
    return this.#states[row / this.width - 1];
  }

  /** @returns its row, where it is known or is added */
  rowOf({ threads, before }: State): number {
    let key = String.fromCharCode(before + 1);
    for (const pc of threads) key += String.fromCharCode(pc);
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    this.#taken += this.width + threads.length + STATE_COST;
    this.#room.take(this, this.#taken);
    const row = this.#states.push({ threads: threads.slice(), before }) * this.width;
    this.#numbers.set(key, row);
    if (row + this.width > this.cells.length) {
      const grown = new Int32Array(Math.max(2 * this.cells.length, 4 * this.width));
      grown.set(this.cells);
      this.cells = grown;
    }
    return row;
  }

  empty(): void {
    this.#room.free(this);
    this.#taken = 0;
    this.#numbers = new Map();
    this.#states = [];
    this.cells = new Int32Array(0);
  }
}
