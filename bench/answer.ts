/** Where the reader stands in an answer: the next byte belongs to this. */
type Part = "status" | "head" | "body" | "size" | "trailer";

/**
 * Reads the HTTP/1.1 answers of one connection, one at a time, as cheaply as counting them needs: the status and how many
 * bytes the body has. What it can't count (a body that ends with the connection) throws.
 */
export class AnswerReader {
  status = 0;
  /** Of the body, without the framing of chunks. */
  bytes = 0;
  #part: Part = "status";
  #chunked = false;
  #line = "";
  #skip = 0;

  /** @returns whether this data ended the answer */
  feed(data: Buffer): boolean {
    for (let at = 0; at < data.length;) {
      let ended: boolean;
      if (this.#skip > 0) {
        const taken = Math.min(this.#skip, data.length - at);
        this.#skip -= taken;
        at += taken;
        ended = this.#skip === 0 && this.#part === "body";
      } else {
        const end = data.indexOf(0x0a, at);
        this.#line += data.toString("latin1", at, end === -1 ? data.length : end);
        if (end === -1) return false;
        at = end + 1;
        ended = this.#take(this.#line.trimEnd());
        this.#line = "";
      }
      if (!ended) continue;
      this.#part = "status";
      if (at < data.length) throw new Error("an answer to no request");
      return true;
    }
    return false;
  }

  #take(line: string): boolean {
    switch (this.#part) {
      case "status":
        this.status = Number(line.slice(9, 12));
        this.bytes = -1;
        this.#chunked = false;
        this.#part = "head";
        return false;
      case "head":
        return line === "" ? this.#endHead() : this.#field(line);
      case "size": {
        const size = Number.parseInt(line, 16);
        if (size === 0) this.#part = "trailer";
        else this.#skip = size + 2;
        this.bytes += size;
        return false;
      }
      case "trailer":
        return line === "";
      case "body":
        throw new Error("a body has no lines");
    }
  }

  #field(line: string): false {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).toLowerCase();
    if (name === "content-length") this.bytes = Number(line.slice(colon + 1));
    else if (name === "transfer-encoding") this.#chunked = true;
    return false;
  }

  #endHead(): boolean {
    if (this.#chunked) {
      this.bytes = 0;
      this.#part = "size";
      return false;
    }
    if (this.bytes < 0) throw new Error(`an answer ${this.status} with neither a length nor chunks`);
    this.#skip = this.bytes;
    this.#part = "body";
    return this.bytes === 0;
  }
}
