import type { SignedRoot } from "../../src/snapshot/model.ts";

/** A row may be 2 MB; characters may take three bytes. */
const PART_CHARACTERS = 500_000;

/** The last good roots and slices on disk: what a restarted cell serves while control is away. */
export class LastGood {
  readonly #storage: DurableObjectStorage;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    storage.sql.exec(
      "CREATE TABLE IF NOT EXISTS texts (kind TEXT NOT NULL, name TEXT NOT NULL, part INTEGER NOT NULL, text TEXT NOT NULL, PRIMARY KEY (kind, name, part)) WITHOUT ROWID",
    );
  }

  roots(): ReadonlyMap<string, SignedRoot> {
    return new Map(
      Array.from(this.#texts("root")).flatMap(([gateway, text]) => {
        const root = readRoot(text);
        return root === null ? [] : [[gateway, root] as const];
      }),
    );
  }

  slices(): ReadonlyMap<string, string> {
    return this.#texts("slice");
  }

  /** Root and slices together, or neither. */
  write(gateway: string, root: SignedRoot, slices: ReadonlyMap<string, string>): void {
    this.#storage.transactionSync(() => {
      for (const [id, text] of slices) this.#put("slice", id, text);
      this.#put("root", gateway, JSON.stringify(root));
    });
  }

  writeSlices(slices: ReadonlyMap<string, string>): void {
    this.#storage.transactionSync(() => {
      for (const [id, text] of slices) this.#put("slice", id, text);
    });
  }

  forgetSlices(ids: readonly string[]): void {
    this.#storage.transactionSync(() => {
      for (const id of ids) this.#storage.sql.exec("DELETE FROM texts WHERE kind = 'slice' AND name = ?", id);
    });
  }

  #put(kind: string, name: string, text: string): void {
    const { sql } = this.#storage;
    sql.exec("DELETE FROM texts WHERE kind = ? AND name = ?", kind, name);
    for (let part = 0; part * PART_CHARACTERS < text.length; part += 1) {
      const piece = text.slice(part * PART_CHARACTERS, (part + 1) * PART_CHARACTERS);
      sql.exec("INSERT INTO texts (kind, name, part, text) VALUES (?, ?, ?, ?)", kind, name, part, piece);
    }
  }

  #texts(kind: string): Map<string, string> {
    const texts = new Map<string, string>();
    const rows = this.#storage.sql.exec<{ name: string; text: string }>(
      "SELECT name, text FROM texts WHERE kind = ? ORDER BY name, part",
      kind,
    );
    for (const { name, text } of rows) texts.set(name, (texts.get(name) ?? "") + text);
    return texts;
  }
}

/** What cannot be read is not there: control has it, and a cell that could not start would serve nobody. */
function readRoot(text: string): SignedRoot | null {
  try {
    return JSON.parse(text) as SignedRoot;
  } catch {
    return null;
  }
}
