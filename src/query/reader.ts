import { QueryFailure } from "./syntax.ts";
import { positionOf, type Token, tokensOf } from "./tokens.ts";

/** Each makes at most one part of the tree: this bounds how deep the evaluation goes. */
const MAX_TOKENS = 1_000;

const END: Token = { kind: "end", text: "", at: 0 };

/** Goes over the tokens of one expression, and words what is wrong with them. */
export class Reader {
  readonly #text: string;
  readonly #tokens: readonly Token[];
  #place = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
    this.#tokens = tokensOf(text);
    if (this.#tokens.length > MAX_TOKENS)
      throw new QueryFailure("query_too_large", `a query has at most ${MAX_TOKENS} words, numbers and signs`);
  }

  get next(): Token {
    return this.#tokens[this.#place] ?? this.#tokens.at(-1) ?? END;
  }

  get afterNext(): Token {
    return this.#tokens[this.#place + 1] ?? END;
  }

  take(): Token {
    const token = this.next;
    this.#place += 1;
    return token;
  }

  is(operator: string): boolean {
    return this.next.kind === "operator" && this.next.text === operator;
  }

  /** Words of the language are read in any case. */
  isWord(word: string): boolean {
    return this.next.kind === "identifier" && this.next.text.toLowerCase() === word;
  }

  takeWord(word: string): boolean {
    const is = this.isWord(word);
    if (is) this.take();
    return is;
  }

  expect(operator: string): void {
    if (!this.is(operator)) throw this.unexpected(`\`${operator}\``);
    this.take();
  }

  /** Reads what stands inside of something. */
  deeper<T>(most: number, read: () => T): T {
    this.#depth += 1;
    if (this.#depth > most)
      throw new QueryFailure(
        "query_too_large",
        `${this.#position(this.next.at)}: more than ${most} parts in each other`,
      );
    const inner = read();
    this.#depth -= 1;
    return inner;
  }

  /**
   * A list up to its closing sign, with commas between; one may stand after the last.
   *
   * @param read takes one of its members
   */
  list<T>(close: string, read: () => T): readonly T[] {
    const members: T[] = [];
    while (!this.is(close)) {
      members.push(read());
      if (!this.is(",")) break;
      this.take();
    }
    this.expect(close);
    return members;
  }

  unexpected(wanted: string): QueryFailure {
    const { kind, text, at } = this.next;
    const found = kind === "end" ? "the query ends" : kind === "string" ? "a string" : `\`${text}\``;
    return this.wrong(at, `${found}${kind === "end" ? "" : " stands"} where ${wanted} is expected`);
  }

  wrong(at: number, message: string): QueryFailure {
    return new QueryFailure("query_invalid", `${this.#position(at)}: ${message}`);
  }

  /** Does what may fail, and says where that was. */
  placed(at: number, task: () => unknown): void {
    try {
      task();
    } catch (error) {
      if (!(error instanceof QueryFailure)) throw error;
      throw new QueryFailure(error.code, `${this.#position(at)}: ${error.message}`);
    }
  }

  /** @param instead what is supported of its kind */
  unsupported(what: string, at = this.next.at, instead: readonly string[] = []): QueryFailure {
    const hint = instead.length === 0 ? "" : `; there are ${instead.join(", ")}`;
    return new QueryFailure("query_unsupported", `${this.#position(at)}: ${what} is not supported${hint}`);
  }

  #position(at: number): string {
    return positionOf(this.#text, at);
  }
}
