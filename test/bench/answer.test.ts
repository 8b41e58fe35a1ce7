import { describe, expect, it } from "vitest";
import { AnswerReader } from "../../bench/answer.ts";

const ANSWERS = [
  { name: "a length", text: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", status: 200, bytes: 5 },
  { name: "no body", text: "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nx: y\r\n\r\n", status: 403, bytes: 0 },
  {
    name: "chunks with an extension, a line end inside and a trailer",
    text: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\na\r\n\r\nA\r\n0123456789\r\n0\r\nx: y\r\n\r\n",
    status: 200,
    bytes: 13,
  },
  {
    name: "a body that looks like an answer",
    text: "HTTP/1.1 502 Bad\r\ncontent-length: 19\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    status: 502,
    bytes: 19,
  },
];

describe("AnswerReader", () => {
  it.each(ANSWERS)("reads $name, however it is cut", ({ text, status, bytes }) => {
    for (let cut = 1; cut < text.length; cut += 1) {
      const reader = new AnswerReader();
      expect(reader.feed(Buffer.from(text.slice(0, cut), "latin1"))).toBe(false);
      expect(reader.feed(Buffer.from(text.slice(cut), "latin1"))).toBe(true);
      expect(reader).toMatchObject({ status, bytes });
    }
  });

  it("reads one answer after the other", () => {
    const reader = new AnswerReader();
    for (const { text, status, bytes } of [...ANSWERS, ...ANSWERS.toReversed()]) {
      expect(reader.feed(Buffer.from(text, "latin1"))).toBe(true);
      expect(reader).toMatchObject({ status, bytes });
    }
  });

  it.each([
    { name: "more than was asked for", text: `${ANSWERS[0]?.text}x` },
    { name: "a body that ends with the connection", text: "HTTP/1.1 200 OK\r\n\r\n" },
  ])("throws for $name", ({ text }) => {
    expect(() => new AnswerReader().feed(Buffer.from(text, "latin1"))).toThrow(/answer/);
  });
});
